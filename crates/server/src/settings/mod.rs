//! Settings, and what the installation says of itself.

pub mod pages;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::instance::{Instance, Me};
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::person::Role;
use brevet_api::rest::setting::{SetValue, Setting};
use brevet_api::rest::{Code, Page};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::access::{Action, Actor, roles_from_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::documents::publish::publish;
use crate::documents::sequence::unsigned;
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
use crate::retention::SHORTEST;
use crate::store::Change;
use crate::store::entities::{instance, person, setting};

/// What the broker obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values {
    /// Rises with each change.
    pub version: u64,
    /// The one switch for autonomous approval.
    pub autonomous: bool,
    /// Whether callers in another mount namespace are served.
    pub other_mount_namespaces: bool,
    /// After how long text is redacted; for ever kept where absent.
    pub retention: Option<Length>,
}

struct Known {
    name: &'static str,
    description: &'static str,
    takes: Takes,
}

/// What values a setting has, and with them whose it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// `on` or `off`; obeyed by computers.
    Switch,
    /// `on` or `off`; obeyed by the server.
    ServerSwitch,
    /// `forever` or a length; obeyed by the server, and set by an owner alone: whoever shortens it takes evidence away.
    Retention,
}

impl Takes {
    const fn default(self) -> &'static str {
        match self {
            Self::Switch | Self::ServerSwitch => OFF,
            Self::Retention => FOREVER,
        }
    }

    fn refuse(self, name: &str, value: &str) -> Outcome<()> {
        let fits = match self {
            Self::Switch | Self::ServerSwitch => ["on", OFF].contains(&value),
            Self::Retention => value == FOREVER || Length::parse(value).is_ok_and(|length| length >= SHORTEST),
        };
        let values = match self {
            Self::Switch | Self::ServerSwitch => "on or off".to_owned(),
            Self::Retention => format!("{FOREVER}, or a length such as 365d, at least {SHORTEST}"),
        };
        if fits { Ok(()) } else { Err(Failure::field("value", format!("{name} is {values}"))) }
    }
}

const KNOWN: [Known; 4] = [
    Known { name: "autonomous", description: "whether autonomous rules answer requests: on or off", takes: Takes::Switch },
    Known {
        name: "other_mount_namespaces",
        description: "whether callers in another mount namespace are served: on or off",
        takes: Takes::Switch,
    },
    Known {
        name: RETENTION,
        description: "after how long the text of what happened is redacted: forever (never), or a length such as 365d",
        takes: Takes::Retention,
    },
    Known {
        name: FOUR_EYES,
        description: "whether a second person confirms changes of policies, people and settings: on or off",
        takes: Takes::ServerSwitch,
    },
];
/// The switch of `proposals`.
const FOUR_EYES: &str = "four_eyes";
const OFF: &str = "off";
const FOREVER: &str = "forever";
const VERSION: &str = "version";
const RETENTION: &str = "retention";

/// The settings in force.
///
/// # Errors
/// When the database does not answer.
pub async fn load<C: ConnectionTrait>(connection: &C) -> Outcome<Values> {
    let rows = setting::Entity::find().all(connection).await?;
    let value = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.value.as_str());
    Ok(Values {
        version: value(VERSION).and_then(|v| v.parse().ok()).unwrap_or(1),
        autonomous: value("autonomous") == Some("on"),
        other_mount_namespaces: value("other_mount_namespaces") == Some("on"),
        retention: value(RETENTION).and_then(|length| Length::parse(length).ok()),
    })
}

/// Whether a call is about a setting that an owner alone sets; one that is written in an odd way is taken for such.
#[must_use]
pub fn is_owners(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.contains('%') || [FOUR_EYES, RETENTION].contains(&name)
}

/// Whether a second person confirms.
///
/// # Errors
/// When the database does not answer.
pub async fn four_eyes<C: ConnectionTrait>(connection: &C) -> Outcome<bool> {
    let row = setting::Entity::find_by_id(FOUR_EYES).one(connection).await?;
    Ok(row.is_some_and(|row| row.value == "on"))
}

/// Only an owner switches it, and only where two can confirm: with one owner nobody could ever switch it off.
async fn check_four_eyes(change: &Change, actor: &Actor, on: bool) -> Outcome<()> {
    if !actor.is(Role::Owner) {
        return Err(Failure::new(Code::Forbidden).because("an owner switches four eyes on and off"));
    }
    let persons = person::Entity::find().filter(person::Column::Enabled.eq(true)).all(change.tx()).await?;
    let owners = persons.iter().filter(|row| roles_from_text(&row.roles).contains(&Role::Owner)).count();
    if on && owners < 2 {
        return Err(Failure::field("value", "needs two owners, or nobody could confirm: make another person an owner first"));
    }
    Ok(())
}

/// What the installation says of itself.
pub fn instance_routes(routes: Routes) -> Routes {
    routes.on(Method::GET, "/instance", Action::ReadInstance, doc("The installation").answer::<Instance>(200), show_instance).on(
        Method::GET,
        "/me",
        Action::ReadInstance,
        doc("Who is asking").answer::<Me>(200),
        me,
    )
}

async fn show_instance(State(app): State<App>, _actor: Actor) -> Outcome<Json<Instance>> {
    let row = instance::Entity::find().one(&app.store.pool).await?.ok_or_else(|| Failure::internal("no instance"))?;
    Ok(Json(Instance {
        id: app.instance.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        url: app.url.clone(),
        epoch: unsigned(row.epoch),
        trust_version: unsigned(row.trust_version),
        root: app.root.clone(),
    }))
}

async fn me(State(app): State<App>, actor: Actor) -> Outcome<Json<Me>> {
    let scopes = crate::people::scopes::shown(&app.store.pool, &actor.scopes).await?;
    Ok(Json(Me { id: actor.person, name: actor.name, roles: actor.roles, scopes, decides: actor.decides }))
}

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/settings",
            Action::ReadSettings,
            doc("Every setting").answer::<Setting>(200).page(&[]).filters::<PageQuery>(),
            list,
        )
        .on(Method::GET, "/settings/{name}", Action::ReadSettings, doc("One setting").answer::<Setting>(200).tagged(), show)
        .on(
            Method::PUT,
            "/settings/{name}",
            Action::ChangeSettings,
            doc("Set it").body::<SetValue>().answer::<Setting>(200).tagged().takes_match(),
            set,
        )
}

fn shown(known: &Known, row: Option<&setting::Model>) -> Setting {
    Setting {
        id: known.name.into(),
        value: row.map_or(known.takes.default(), |row| &row.value).into(),
        description: known.description.into(),
        default: known.takes.default().into(),
        changed: row.map(|row| Timestamp::from_millis(row.changed)),
    }
}

async fn list(State(app): State<App>, _actor: Actor, Query(query): Query<PageQuery>) -> Outcome<Json<Page<Setting>>> {
    let rows = setting::Entity::find().all(&app.store.pool).await?;
    let items = KNOWN.iter().map(|known| shown(known, rows.iter().find(|row| row.name == known.name))).collect();
    Ok(Json(Slice::new(query.limit, query.cursor.as_deref())?.page_of(items, |item: &Setting| item.id.clone())))
}

fn known(name: &str) -> Outcome<&'static Known> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| Failure::not_found("setting", name))
}

async fn show(State(app): State<App>, _actor: Actor, Path(name): Path<String>) -> Outcome<Tagged<Setting>> {
    let known = known(&name)?;
    let row = setting::Entity::find_by_id(&name).one(&app.store.pool).await?;
    tagged(shown(known, row.as_ref()))
}

fn tagged(setting: Setting) -> Outcome<Tagged<Setting>> {
    Ok(Tagged(etag::of(&setting)?, setting))
}

async fn set(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    seen: Match,
    Body(body): Body<SetValue>,
) -> Outcome<Tagged<Setting>> {
    let known = known(&name)?;
    known.takes.refuse(&name, &body.value)?;
    if known.takes == Takes::Retention && !actor.is(Role::Owner) {
        return Err(Failure::new(Code::Forbidden).because("only an owner changes how long text is kept"));
    }
    let default = known.takes.default();
    let mut change = Change::begin(&app).await?;
    if name == FOUR_EYES {
        check_four_eyes(&change, &actor, body.value == "on").await?;
    }
    let before = setting::Entity::find_by_id(&name).one(change.tx()).await?;
    seen.check(&etag::of(&shown(known, before.as_ref()))?)?;
    if before.as_ref().map_or(default, |row| &row.value) == body.value {
        return tagged(shown(known, before.as_ref()));
    }
    let version = load(change.tx()).await?.version.saturating_add(1);
    put(&change, &name, &body.value).await?;
    // Computers obey switches alone.
    let for_computers = known.takes == Takes::Switch;
    if for_computers {
        put(&change, VERSION, &version.to_string()).await?;
    }
    let summary = format!("setting {name} was set to {}", body.value);
    let said = serde_json::json!({ "name": name, "value": body.value, "before": before.as_ref().map_or(default, |row| &row.value) });
    record(&change, By::Person(&actor), NewEvent::new("setting.changed", summary, &said)?).await?;
    if for_computers {
        publish(&mut change).await?;
    }
    let row = setting::Entity::find_by_id(&name).one(change.tx()).await?;
    change.commit().await?;
    tagged(shown(known, row.as_ref()))
}

async fn put(change: &Change, name: &str, value: &str) -> Outcome<()> {
    let row = setting::ActiveModel { name: Set(name.into()), value: Set(value.into()), changed: Set(change.now.millis()) };
    let replace = OnConflict::column(setting::Column::Name).update_columns([setting::Column::Value, setting::Column::Changed]).to_owned();
    setting::Entity::insert(row).on_conflict(replace).exec_without_returning(change.tx()).await?;
    Ok(())
}
