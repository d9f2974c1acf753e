//! The routes of requests.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::request::{Approve, Decline, RequestItem, RequestQuery};
use brevet_api::rest::{Code, Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{decide, shown, state_named};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::{Kind, Snapshot};
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{Slice, bounded};
use crate::http::routes::{Routes, doc};
use crate::store::entities::request;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/requests",
            Action::ReadRequests,
            doc("Requests, newest first").answer::<RequestItem>(200).page(&[]).filters::<RequestQuery>().fails(&[Code::NotFound]),
            list,
        )
        .on(Method::GET, "/requests/{id}", Action::ReadRequests, doc("One request").answer::<RequestItem>(200), show)
        .on(
            Method::POST,
            "/requests/{id}/approve",
            Action::Decide,
            doc("Approve it, perhaps for less time").body::<Approve>().answer::<RequestItem>(200).fails(&decide::CODES).fails(&[
                Code::LongerThanAsked,
                Code::LongerThanPolicy,
                Code::Inconsistent,
            ]),
            approve,
        )
        .on(
            Method::POST,
            "/requests/{id}/decline",
            Action::Decide,
            doc("Decline it, with a comment for the user").body::<Decline>().answer::<RequestItem>(200).fails(&decide::CODES),
            decline,
        )
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<RequestQuery>) -> Outcome<Json<Page<RequestItem>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    let pool = &app.store.pool;
    let reach = actor.reach(Action::ReadRequests);
    let mut select = request::Entity::find().filter(reach.within(request::Column::Computer)).order_by_desc(request::Column::Id);
    if let Some(state) = &query.state {
        state_named(state).ok_or_else(|| Failure::new(Code::Malformed).because(format!("there is no state {state:?}")))?;
        select = select.filter(request::Column::State.eq(state));
    }
    if let Some(name) = &query.computer {
        select = select.filter(request::Column::Computer.eq(reach.computer(pool, name).await?.id));
    }
    if let Some(user) = &query.user {
        select = select.filter(request::Column::User.eq(user));
    }
    if let Some(policy) = &query.policy {
        select = select.filter(request::Column::Policy.eq(policy_id(&app, policy).await?));
    }
    if let Some(after) = &slice.after {
        select = select.filter(request::Column::Id.lt(after));
    }
    let found = bounded(pool, select, slice.limit, &[request::Column::Body]).await?;
    let mut page = slice.filling(found.more);
    for row in found.rows {
        if !page.add(row.id.clone(), shown(pool, row).await?)? {
            break;
        }
    }
    Ok(Json(page.page()))
}

/// A policy's id from an id or a name; an unknown name stays as it is and finds nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn policy_id(app: &App, reference: &str) -> Outcome<String> {
    let all = Snapshot::load(&app.store.pool).await?;
    Ok(all.find(Kind::Policy, reference).map_or_else(|| reference.to_owned(), |policy| policy.id.clone()))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<RequestItem>> {
    let row = request::Entity::find_by_id(&id).one(&app.store.pool).await?.ok_or_else(|| Failure::not_found("request", &id))?;
    if !actor.reach(Action::ReadRequests).covers(&app.store.pool, &row.computer).await? {
        return Err(Failure::not_found("request", &id));
    }
    Ok(Json(shown(&app.store.pool, row).await?))
}

async fn approve(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Approve>) -> Outcome<Json<RequestItem>> {
    decide::approve(&app, &actor, &id, body).await.map(Json)
}

async fn decline(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Decline>) -> Outcome<Json<RequestItem>> {
    decide::decline(&app, &actor, &id, body).await.map(Json)
}
