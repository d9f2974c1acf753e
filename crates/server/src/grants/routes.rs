//! The routes of grants.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::grant::{Extend, GrantItem, GrantQuery, Revoke, RevokeAll, RevokedAll};
use brevet_api::rest::{Code, Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::show::all_shown;
use super::{OPEN, extend, is_open, origin_named, revoke, revoke_all, shown, state_named};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{Shown, bounded};
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::requests::policy_id;
use crate::store::entities::grant;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/grants",
            Action::ReadGrants,
            doc("Grants").answer::<GrantItem>(200).page(&[]).sorted_by(SORTED, "-created").filters::<GrantQuery>().fails(&[Code::NotFound]),
            list,
        )
        .on(Method::GET, "/grants/{id}", Action::ReadGrants, doc("One grant").answer::<GrantItem>(200), show)
        .on(
            Method::POST,
            "/grants/{id}/extend",
            Action::Decide,
            doc("Give it more time, within the policy")
                .body::<Extend>()
                .answer::<GrantItem>(200)
                .creates()
                .fails(&crate::requests::decide::CODES)
                .fails(&[Code::LongerThanPolicy]),
            longer,
        )
        .on(
            Method::POST,
            "/grants/{id}/revoke",
            Action::Revoke,
            doc("End it; revoking twice is no error").body::<Revoke>().answer::<GrantItem>(200),
            end,
        )
        .on(
            Method::POST,
            "/grants/revoke",
            Action::Revoke,
            doc("End all of a user, a computer or a policy").body::<RevokeAll>().answer::<RevokedAll>(200).fails(&[Code::NotFound]),
            end_all,
        )
}

/// What the list can be ordered by.
const SORTED: Names = &["created", "user", "computer", "policy", "state", "ends"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<GrantQuery>) -> Outcome<Json<Page<Shown<GrantItem>>>> {
    use grant::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "user" => Some(Key::column(C::User)),
        "computer" => Some(Key::computer(C::Computer)),
        "policy" => Some(Key::policy(C::Policy)),
        "state" => Some(Key::column(C::State)),
        "ends" => Some(Key::column(C::Ends)),
        _ => None,
    })?;
    let pool = &app.store.pool;
    let reach = actor.reach(Action::ReadGrants);
    let mut select = grant::Entity::find().filter(reach.within(grant::Column::Computer));
    if let Some(state) = &query.state {
        state_named(state).ok_or_else(|| Failure::new(Code::Malformed).because(format!("there is no state {state:?}")))?;
        select = select.filter(grant::Column::State.eq(state));
    }
    match query.open {
        Some(true) => select = select.filter(is_open()),
        Some(false) => select = select.filter(grant::Column::State.is_not_in(OPEN)),
        None => {}
    }
    if let Some(origin) = &query.origin {
        origin_named(origin).ok_or_else(|| Failure::new(Code::Malformed).because(format!("there is no origin {origin:?}")))?;
        select = select.filter(grant::Column::Origin.eq(origin));
    }
    if let Some(name) = &query.computer {
        select = select.filter(grant::Column::Computer.eq(reach.computer(pool, name).await?.id));
    }
    if let Some(user) = &query.user {
        select = select.filter(grant::Column::User.eq(user));
    }
    if let Some(policy) = &query.policy {
        select = select.filter(grant::Column::Policy.eq(policy_id(&app, policy).await?));
    }
    let large = [grant::Column::Command, grant::Column::Reason, grant::Column::Detail, grant::Column::Body];
    let found = bounded(pool, sorting.of(select.clone()), sorting.slice.limit, &large).await?;
    let mut page = sorting.slice.filling(found.more);
    for item in all_shown(pool, found.rows).await? {
        if !page.add(item.id.to_string(), &item)? {
            break;
        }
    }
    Ok(Json(sorting.page(pool, select, page).await?))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<GrantItem>> {
    let row = grant::Entity::find_by_id(&id).one(&app.store.pool).await?.ok_or_else(|| Failure::not_found("grant", &id))?;
    if !actor.reach(Action::ReadGrants).covers(&app.store.pool, &row.computer).await? {
        return Err(Failure::not_found("grant", &id));
    }
    Ok(Json(shown(&app.store.pool, row).await?))
}

async fn longer(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Extend>) -> Outcome<Json<GrantItem>> {
    extend::extend(&app, &actor, &id, body).await.map(Json)
}

async fn end(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Revoke>) -> Outcome<Json<GrantItem>> {
    revoke::revoke(&app, &actor, &id, body).await.map(Json)
}

async fn end_all(State(app): State<App>, actor: Actor, Body(body): Body<RevokeAll>) -> Outcome<Json<RevokedAll>> {
    revoke_all::revoke_all(&app, &actor, body).await.map(Json)
}
