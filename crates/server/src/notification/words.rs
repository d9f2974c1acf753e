//! The routes of templates: an administrator says in which words people are told.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use brevet_api::rest::Page;
use brevet_api::rest::notification::{NewTemplate, Template};
use brevet_api::rest::page::NamedQuery;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use super::template::{self, Words};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter;
use crate::http::page::Shown;
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, At, Names};
use crate::store::Change;
use crate::store::entities::notification_template as own;

/// These routes.
pub(super) fn routes(routes: Routes) -> Routes {
    let (read, operate) = (Action::ReadNotifications, Action::OperateNotifications);
    let one = "/notification-templates/{kind}";
    routes
        .on(
            Method::GET,
            "/notification-templates",
            read,
            doc("The words of each kind").answer::<Template>(200).page(&[]).sorted_by(SORTED, "kind").filters::<NamedQuery>(),
            list,
        )
        .on(Method::GET, one, read, doc("The words of one kind").answer::<Template>(200).tagged(), show)
        .on(Method::PUT, one, operate, doc("Other words").body::<NewTemplate>().answer::<Template>(200).tagged().needs_match(), put)
        .on(Method::DELETE, one, operate, doc("The built-in words again").takes_match(), reset)
}

fn template_shown(kind: &str, row: Option<own::Model>) -> Template {
    let id = kind.to_owned();
    match row {
        Some(row) => {
            Template { id, subject: row.subject, body: row.body, built_in: false, changed: Some(Timestamp::from_millis(row.changed)) }
        }
        None => {
            let Words { subject, body } = template::built_in(kind);
            Template { id, subject, body, built_in: true, changed: None }
        }
    }
}

/// What the list can be ordered by.
const SORTED: Names = &["kind", "changed"];

async fn list(State(app): State<App>, _actor: Actor, Query(query): Query<NamedQuery>) -> Outcome<Json<Page<Shown<Template>>>> {
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "kind")?;
    let written = own::Entity::find().all(&app.store.pool).await?;
    let built_in = template::built_in_kinds().filter(|kind| written.iter().all(|row| row.kind != *kind));
    let mut items: Vec<Template> = built_in.map(|kind| template_shown(kind, None)).collect();
    items.extend(written.into_iter().map(|row| template_shown(&row.kind.clone(), Some(row))));
    if let Some(part) = query.name.as_deref().map(filter::wanted).transpose()? {
        items.retain(|item| item.id.contains(&part));
    }
    let at = |item: &Template| match chosen.name {
        "changed" => (At::Number(item.changed.map_or(i64::MIN, Timestamp::millis)), item.id.clone()),
        _ => (At::Text(item.id.clone()), item.id.clone()),
    };
    sort::in_memory((query.limit, query.cursor.as_deref()), chosen, items, at, Ok).map(Json)
}

fn check_kind(kind: &str) -> Outcome<()> {
    let plain = !kind.is_empty() && kind.len() <= 64 && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_');
    if plain && (kind.contains('.') || kind == "default") { Ok(()) } else { Err(Failure::not_found("kind of event", kind)) }
}

async fn show(State(app): State<App>, _actor: Actor, Path(kind): Path<String>) -> Outcome<Tagged<Template>> {
    check_kind(&kind)?;
    let row = own::Entity::find_by_id(&kind).one(&app.store.pool).await?;
    tagged(template_shown(&kind, row))
}

fn tagged(template: Template) -> Outcome<Tagged<Template>> {
    Ok(Tagged(etag::of(&template)?, template))
}

/// Whether it is still as the caller saw it.
async fn seen(change: &Change, kind: &str, seen: &Match) -> Outcome<()> {
    let row = own::Entity::find_by_id(kind).one(change.tx()).await?;
    seen.check(&etag::of(&template_shown(kind, row))?)
}

async fn put(
    State(app): State<App>,
    actor: Actor,
    Path(kind): Path<String>,
    tag: Match,
    Body(body): Body<NewTemplate>,
) -> Outcome<Tagged<Template>> {
    check_kind(&kind)?;
    let words = Words { subject: body.subject, body: body.body };
    template::check(&words).map_err(|(field, reason)| Failure::field(field, reason))?;
    let change = Change::begin(&app).await?;
    seen(&change, &kind, &tag).await?;
    let row = own::ActiveModel {
        kind: Set(kind.clone()),
        subject: Set(words.subject.clone()),
        body: Set(words.body.clone()),
        changed: Set(change.now.millis()),
    };
    let columns = [own::Column::Subject, own::Column::Body, own::Column::Changed];
    let replace = OnConflict::column(own::Column::Kind).update_columns(columns).to_owned();
    own::Entity::insert(row).on_conflict(replace).exec_without_returning(change.tx()).await?;
    let said = serde_json::json!({ "kind": kind, "subject": words.subject, "body": words.body });
    let summary = format!("the notification template {kind} was changed");
    record(&change, By::Person(&actor), NewEvent::new("notification.template_changed", summary, &said)?).await?;
    let row = own::Entity::find_by_id(&kind).one(change.tx()).await?;
    change.commit().await?;
    tagged(template_shown(&kind, row))
}

async fn reset(State(app): State<App>, actor: Actor, Path(kind): Path<String>, tag: Match) -> Outcome<StatusCode> {
    check_kind(&kind)?;
    let change = Change::begin(&app).await?;
    seen(&change, &kind, &tag).await?;
    let gone = own::Entity::delete_by_id(&kind).exec(change.tx()).await?;
    if gone.rows_affected != 1 {
        return Err(Failure::not_found("notification template of your own", &kind));
    }
    let summary = format!("the notification template {kind} is the built-in one again");
    let said = serde_json::json!({ "kind": kind });
    record(&change, By::Person(&actor), NewEvent::new("notification.template_changed", summary, &said)?).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
