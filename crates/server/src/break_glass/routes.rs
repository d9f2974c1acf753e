//! The routes of break-glass.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::break_glass::{BreakGlass, BreakGlassQuery, NewReview, OpenBreakGlass};
use brevet_api::rest::{Code, Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::review::{find, shown, warned};
use super::{open, over, review};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::entities::break_glass;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let read = Action::ReadBreakGlass;
    routes
        .on(
            Method::GET,
            "/break-glass",
            read,
            doc("Access that was opened without approval")
                .answer::<BreakGlass>(200)
                .page(&[])
                .sorted_by(SORTED, "-opened")
                .filters::<BreakGlassQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/break-glass",
            Action::BreakGlass,
            doc("Open access without approval; everybody who was not asked is told")
                .body::<OpenBreakGlass>()
                .answer::<BreakGlass>(201)
                .creates(),
            create,
        )
        .on(Method::GET, "/break-glass/{id}", read, doc("One").answer::<BreakGlass>(200), show)
        .on(
            Method::POST,
            "/break-glass/{id}/end",
            Action::BreakGlass,
            doc("End it before its time").answer::<BreakGlass>(200).fails(&[Code::WrongState]),
            end,
        )
        .on(
            Method::POST,
            "/break-glass/{id}/review",
            Action::ReviewBreakGlass,
            doc("Say what you found, as another person").body::<NewReview>().answer::<BreakGlass>(200).fails(&[
                Code::WrongState,
                Code::OwnReview,
                Code::NoOsUserRecorded,
            ]),
            look,
        )
}

/// What the list can be ordered by.
const SORTED: Names = &["opened", "user", "computer", "opener", "state"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<BreakGlassQuery>) -> Outcome<Json<Page<BreakGlass>>> {
    use break_glass::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-opened")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "user" => Some(Key::column(C::User)),
        "computer" => Some(Key::column(C::ComputerName)),
        "opener" => Some(Key::column(C::OpenedByName)),
        "state" => Some(Key::column(C::State)),
        _ => None,
    })?;
    let reach = actor.reach(Action::ReadBreakGlass).within(break_glass::Column::Computer);
    let mut select = break_glass::Entity::find().filter(reach);
    if let Some(state) = &query.state {
        if !["open", "ended"].contains(&state.as_str()) {
            return Err(Failure::new(Code::Malformed).because(format!("there is no state {state:?}")));
        }
        select = select.filter(break_glass::Column::State.eq(state));
    }
    match query.reviewed {
        Some(true) => select = select.filter(break_glass::Column::Reviewed.is_not_null()),
        Some(false) => select = select.filter(break_glass::Column::Reviewed.is_null()),
        None => {}
    }
    let rows = sorting.of(select.clone()).limit(sorting.slice.ask()).all(&app.store.pool).await?;
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.id.clone()).await?;
    Ok(Json(Page { items: page.items.into_iter().map(shown).collect::<Outcome<_>>()?, next: page.next }))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<OpenBreakGlass>) -> Outcome<Response> {
    Ok((StatusCode::CREATED, Json(open::open(&app, &actor, body).await?)).into_response())
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<BreakGlass>> {
    let item = shown(find(&app.store.pool, &actor, &id).await?)?;
    warned(&app.store.pool, &actor, item, app.clock.now()).await.map(Json)
}

async fn end(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<BreakGlass>> {
    over::end(&app, &actor, &id).await.map(Json)
}

async fn look(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<NewReview>) -> Outcome<Json<BreakGlass>> {
    review::review(&app, &actor, &id, body).await.map(Json)
}
