//! Saved views of the audit log: a person's own, seen and changed by nobody else. A view finds nothing by itself: what it names is looked
//! for by `GET events`, with the rights that its person has then.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::event::EventQuery;
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::view::{COLUMNS, EventView, MOST_VIEWS, NewEventView};
use brevet_api::rest::{Code, Page};
use brevet_core::id::ViewId;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{By, NewEvent, record};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::clock;
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
use crate::store::Change;
use crate::store::entities::event_view::{self, Column as C};

/// The name and conditions of one have at most so many bytes.
const MOST_BYTES: usize = 4096;

/// Added to those of `query`.
pub(super) fn routes(routes: Routes) -> Routes {
    let act = Action::ReadEvents;
    let one = "/event-views/{id}";
    routes
        .on(
            Method::GET,
            "/event-views",
            act,
            doc("Your saved views of the audit log, by name").answer::<EventView>(200).page(&[]).filters::<PageQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/event-views",
            act,
            doc("Save one").body::<NewEventView>().answer::<EventView>(201).creates().tagged().fails(&[Code::NameTaken, Code::TooMany]),
            create,
        )
        .on(Method::GET, one, act, doc("One of your saved views").answer::<EventView>(200).tagged(), show)
        .on(
            Method::PUT,
            one,
            act,
            doc("Replace it").body::<NewEventView>().answer::<EventView>(200).tagged().takes_match().fails(&[Code::NameTaken]),
            replace,
        )
        .on(Method::DELETE, one, act, doc("Delete it").takes_match(), delete)
}

async fn own<D: ConnectionTrait>(connection: &D, actor: &Actor) -> Outcome<Vec<event_view::Model>> {
    let mine = event_view::Entity::find().filter(C::Person.eq(actor.person.as_str())).order_by_asc(C::Name);
    Ok(mine.all(connection).await?)
}

async fn find<D: ConnectionTrait>(connection: &D, actor: &Actor, id: &str) -> Outcome<event_view::Model> {
    let mine = event_view::Entity::find_by_id(id).filter(C::Person.eq(actor.person.as_str()));
    mine.one(connection).await?.ok_or_else(|| Failure::not_found("saved view", id))
}

fn shown(row: event_view::Model) -> Outcome<EventView> {
    let content: NewEventView = serde_json::from_str(&row.content)?;
    Ok(EventView {
        id: ViewId::parse(&row.id)?,
        name: row.name,
        query: content.query,
        period: content.period,
        columns: content.columns,
        created: Timestamp::from_millis(row.created),
        changed: Timestamp::from_millis(row.changed),
    })
}

fn tagged(row: event_view::Model) -> Outcome<Tagged<EventView>> {
    let view = shown(row)?;
    Ok(Tagged(etag::of(&view)?, view))
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Outcome<Json<Page<EventView>>> {
    let items = own(&app.store.pool, &actor).await?.into_iter().map(shown).collect::<Outcome<Vec<_>>>()?;
    Ok(Json(Slice::new(query.limit, query.cursor.as_deref())?.page_of(items, |item: &EventView| item.name.clone())))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Tagged<EventView>> {
    tagged(find(&app.store.pool, &actor, &id).await?)
}

/// A view as it is kept, or why it is not.
fn content(body: &NewEventView) -> Outcome<String> {
    crate::definitions::check::check_name(&body.name).map_err(|reason| Failure::field("name", reason))?;
    let EventQuery { limit, cursor, format, from, to, .. } = &body.query;
    if limit.is_some() || cursor.is_some() || format.is_some() {
        return Err(Failure::field("query", "a view keeps conditions and order alone: no limit, cursor or format"));
    }
    if body.period.is_some() && (from.is_some() || to.is_some()) {
        return Err(Failure::field("period", "stands instead of from and to"));
    }
    if let Some(unknown) = body.columns.iter().find(|column| !COLUMNS.contains(&column.as_str())) {
        return Err(Failure::field("columns", format!("there is no column {unknown:?}")));
    }
    if body.columns.len() > COLUMNS.len() {
        return Err(Failure::field("columns", "each at most once"));
    }
    let content = serde_json::to_string(body)?;
    if content.len() > MOST_BYTES {
        return Err(Failure::field("query", format!("a view has at most {MOST_BYTES} bytes")));
    }
    Ok(content)
}

fn refuse_taken(all: &[event_view::Model], name: &str, except: Option<&str>) -> Outcome<()> {
    let taken = all.iter().any(|row| row.name == name && Some(row.id.as_str()) != except);
    if taken { Err(Failure::new(Code::NameTaken).because(format!("you have a view {name:?}"))) } else { Ok(()) }
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<NewEventView>) -> Outcome<Response> {
    let content = content(&body)?;
    let change = Change::begin(&app).await?;
    let all = own(change.tx(), &actor).await?;
    refuse_taken(&all, &body.name, None)?;
    if all.len() >= MOST_VIEWS {
        let said = format!("you have {MOST_VIEWS} saved views, which is the most");
        return Err(Failure::new(Code::TooMany).because(said).hint("delete one that you no longer need"));
    }
    let id = clock::id(ViewId::new, change.now)?;
    let now = change.now.millis();
    let row =
        event_view::Model { id: id.to_string(), person: actor.person.to_string(), name: body.name, content, created: now, changed: now };
    event_view::Entity::insert(event_view::ActiveModel::from(row.clone())).exec_without_returning(change.tx()).await?;
    note(&change, &actor, "view.created", &row.id).await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, tagged(row)?).into_response())
}

/// That there was a change, and not what somebody looks for: a view is their own.
async fn note(change: &Change, actor: &Actor, kind: &str, id: &str) -> Outcome<()> {
    let words = kind.rsplit('.').next().unwrap_or_default();
    let mut event = NewEvent::new(kind, format!("a saved view of the audit log was {words}"), &serde_json::json!({ "id": id }))?;
    event.person = Some(actor.person.clone());
    record(change, By::Person(actor), event).await
}

async fn replace(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    seen: Match,
    Body(body): Body<NewEventView>,
) -> Outcome<Tagged<EventView>> {
    let content = content(&body)?;
    let change = Change::begin(&app).await?;
    let row = find(change.tx(), &actor, &id).await?;
    seen.check(&etag::of(&shown(row.clone())?)?)?;
    refuse_taken(&own(change.tx(), &actor).await?, &body.name, Some(&row.id))?;
    if row.content == content {
        return tagged(row);
    }
    event_view::Entity::update_many()
        .col_expr(C::Name, Expr::value(body.name))
        .col_expr(C::Content, Expr::value(content))
        .col_expr(C::Changed, Expr::value(change.now.millis()))
        .filter(C::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    note(&change, &actor, "view.changed", &row.id).await?;
    let row = find(change.tx(), &actor, &id).await?;
    change.commit().await?;
    tagged(row)
}

async fn delete(State(app): State<App>, actor: Actor, Path(id): Path<String>, seen: Match) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = find(change.tx(), &actor, &id).await?;
    seen.check(&etag::of(&shown(row.clone())?)?)?;
    event_view::Entity::delete_by_id(&row.id).exec(change.tx()).await?;
    note(&change, &actor, "view.deleted", &row.id).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
