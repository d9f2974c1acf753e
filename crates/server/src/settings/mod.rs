//! Settings, and what the installation says of itself.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Page;
use brevet_api::rest::instance::{Instance, Me};
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::setting::{SetValue, Setting};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::documents::publish::publish;
use crate::documents::sequence::unsigned;
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
use crate::store::Change;
use crate::store::entities::{instance, setting};

/// What the broker obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values {
    /// Rises with each change.
    pub version: u64,
    /// The one switch for autonomous approval.
    pub autonomous: bool,
    /// Whether callers in another mount namespace are served.
    pub other_mount_namespaces: bool,
}

struct Known {
    name: &'static str,
    description: &'static str,
}

const KNOWN: [Known; 2] = [
    Known { name: "autonomous", description: "whether autonomous rules answer requests: on or off" },
    Known { name: "other_mount_namespaces", description: "whether callers in another mount namespace are served: on or off" },
];
const OFF: &str = "off";
const VERSION: &str = "version";

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
    })
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
        value: row.map_or(OFF, |row| &row.value).into(),
        description: known.description.into(),
        default: OFF.into(),
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
    if !["on", "off"].contains(&body.value.as_str()) {
        return Err(Failure::field("value", format!("{name} is on or off")));
    }
    let mut change = Change::begin(&app).await?;
    let before = setting::Entity::find_by_id(&name).one(change.tx()).await?;
    seen.check(&etag::of(&shown(known, before.as_ref()))?)?;
    if before.as_ref().map_or(OFF, |row| &row.value) == body.value {
        return tagged(shown(known, before.as_ref()));
    }
    let version = load(change.tx()).await?.version.saturating_add(1);
    put(&change, &name, &body.value).await?;
    put(&change, VERSION, &version.to_string()).await?;
    let summary = format!("setting {name} was set to {}", body.value);
    let said = serde_json::json!({ "name": name, "value": body.value, "before": before.as_ref().map_or(OFF, |row| &row.value) });
    record(&change, By::Person(&actor), NewEvent::new("setting.changed", summary, &said)?).await?;
    publish(&mut change).await?;
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
