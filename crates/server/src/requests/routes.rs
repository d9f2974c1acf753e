//! The routes of requests.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::request::{Approve, Decline, RequestItem, RequestQuery};
use brevet_api::rest::{Code, Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _, QuerySelect as _};

use super::show::all_shown;
use super::{decide, search, shown, state_named};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::wanted;
use crate::http::page::{Shown, bounded};
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::entities::{definition, request};

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/requests",
            Action::ReadRequests,
            doc("Requests")
                .answer::<RequestItem>(200)
                .page(&[])
                .sorted_by(SORTED, "-created")
                .filters::<RequestQuery>()
                .fails(&[Code::NotFound]),
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

/// What the list can be ordered by.
const SORTED: Names = &["created", "user", "computer", "policy", "state", "lapses"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<RequestQuery>) -> Outcome<Json<Page<Shown<RequestItem>>>> {
    use request::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "user" => Some(Key::column(C::User)),
        "computer" => Some(Key::computer(C::Computer)),
        "policy" => Some(Key::policy(C::Policy)),
        "state" => Some(Key::column(C::State)),
        "lapses" => Some(Key::column(C::Lapses)),
        _ => None,
    })?;
    let pool = &app.store.pool;
    let reach = actor.reach(Action::ReadRequests);
    let mut select = request::Entity::find().filter(reach.within(request::Column::Computer));
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
    let (rows, more, looked_until) = match &query.text {
        None => {
            let found = bounded(pool, sorting.of(select.clone()), sorting.slice.limit, &[request::Column::Body]).await?;
            (found.rows, found.more, None)
        }
        Some(text) => {
            let found = search::having(pool, &sorting, &select, &wanted(text)?).await?;
            (found.rows, false, found.looked_until)
        }
    };
    let mut page = sorting.slice.filling(more);
    let mut all = true;
    for item in all_shown(pool, rows).await? {
        all = page.add(item.id.to_string(), &item)?;
        if !all {
            break;
        }
    }
    if let Some(id) = looked_until.filter(|_| all) {
        page.looked_until(id);
    }
    Ok(Json(sorting.page(pool, select, page).await?))
}

/// A policy's id from an id or a name; an unknown name stays as it is and finds nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn policy_id(app: &App, reference: &str) -> Outcome<String> {
    use definition::Column as C;
    let named = definition::Entity::find().filter(C::Kind.eq("policy")).filter(C::Deleted.eq(false));
    let named = named.filter(C::Id.eq(reference).or(C::Name.eq(reference))).select_only().column(C::Id);
    let ids: Vec<String> = named.into_tuple().all(&app.store.pool).await?;
    // The id first: a policy may be called as another's id.
    Ok(if ids.iter().any(|id| id == reference) {
        reference.to_owned()
    } else {
        ids.into_iter().next().unwrap_or_else(|| reference.to_owned())
    })
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
