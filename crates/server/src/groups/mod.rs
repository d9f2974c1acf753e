//! Groups of computers or of users.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::Change as HistoryItem;
use brevet_api::rest::{Code, Page};
use brevet_core::file::Group;
use serde_json::Value;

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::{Content, Kind, routes};
use crate::http::extract::{Body, Expected, Json, Path, Query, Versioned};
use crate::http::failure::Outcome;
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    let one = "/groups/{reference}";
    table
        .on(
            Method::GET,
            "/groups",
            Action::ReadPolicy,
            doc("All of them, by name").answer_named(200, "StoredGroup").page(&[]).filters::<PageQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/groups",
            Action::ChangePolicy,
            doc("Add one").body_named("Group").answer_named(201, "StoredGroup").creates().tagged().fails(&[Code::NameTaken]),
            create,
        )
        .on(Method::GET, one, Action::ReadPolicy, doc("One, by id or name").answer_named(200, "StoredGroup").tagged(), show)
        .on(
            Method::PUT,
            one,
            Action::ChangePolicy,
            doc("Replace it")
                .body_named("Group")
                .answer_named(200, "StoredGroup")
                .tagged()
                .needs_match()
                .fails(&[Code::NameTaken, Code::InUse]),
            replace,
        )
        .on(Method::DELETE, one, Action::ChangePolicy, doc("Delete it").needs_match().fails(&[Code::InUse]), delete)
        .on(
            Method::GET,
            "/groups/{reference}/history",
            Action::ReadPolicy,
            doc("Every version, newest first").answer::<HistoryItem>(200).page(&[]).filters::<PageQuery>(),
            history,
        )
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Outcome<Json<Page<Value>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    Ok(Json(routes::list(&app, &actor, Kind::Group, &slice, |_| true).await?))
}

async fn history(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<PageQuery>,
) -> Outcome<Json<Page<HistoryItem>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    Ok(Json(routes::history(&app, &actor, Kind::Group, &reference, &slice).await?))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<Group>) -> Outcome<Response> {
    routes::create(&app, &actor, Content::Group(body)).await
}

async fn show(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Versioned<Value>> {
    routes::show(&app, &actor, Kind::Group, &reference).await
}

async fn replace(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Expected(version): Expected,
    Body(body): Body<Group>,
) -> Outcome<Versioned<Value>> {
    routes::replace(&app, &actor, &reference, version, Content::Group(body)).await
}

async fn delete(State(app): State<App>, actor: Actor, Path(reference): Path<String>, Expected(version): Expected) -> Outcome<StatusCode> {
    routes::delete(&app, &actor, Kind::Group, &reference, version).await
}
