//! Autonomous rules: they travel as signed documents, and the broker decides.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::{Change as HistoryItem, Shadow};
use brevet_api::rest::{Code, Page};
use brevet_core::autonomous::AutonomousRule;
use serde_json::Value;

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::write::Reason;
use crate::definitions::{Content, Kind, routes};
use crate::http::extract::{Body, Expected, Json, Path, Query, Versioned};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    let one = "/autonomous/{reference}";
    table
        .on(
            Method::GET,
            "/autonomous",
            Action::ReadPolicy,
            doc("All of them, by name").answer_named(200, "StoredAutonomous").page(&[]).filters::<PageQuery>(),
            list,
        )
        .on(
            Method::POST,
            "/autonomous",
            Action::ChangePolicy,
            doc("Add one").body_named("AutonomousRule").answer_named(201, "StoredAutonomous").creates().tagged().fails(&[Code::NameTaken]),
            create,
        )
        .on(Method::GET, one, Action::ReadPolicy, doc("One, by id or name").answer_named(200, "StoredAutonomous").tagged(), show)
        .on(
            Method::PUT,
            one,
            Action::ChangePolicy,
            doc("Replace it")
                .body_named("AutonomousRule")
                .answer_named(200, "StoredAutonomous")
                .tagged()
                .needs_match()
                .fails(&[Code::NameTaken, Code::InUse]),
            replace,
        )
        .on(Method::DELETE, one, Action::ChangePolicy, doc("Delete it").needs_match().fails(&[Code::InUse]), delete)
        .on(
            Method::GET,
            "/autonomous/{reference}/history",
            Action::ReadPolicy,
            doc("Every version, newest first").answer::<HistoryItem>(200).page(&[]).filters::<PageQuery>(),
            history,
        )
        .on(
            Method::POST,
            "/autonomous/{reference}/enable",
            Action::ChangePolicy,
            doc("Enable it").answer_named(200, "StoredAutonomous").tagged().takes_match().fails(&[Code::Invalid]),
            enable,
        )
        .on(
            Method::POST,
            "/autonomous/{reference}/disable",
            Action::ChangePolicy,
            doc("Disable it").answer_named(200, "StoredAutonomous").tagged().takes_match().fails(&[Code::Invalid]),
            disable,
        )
        .on(
            Method::POST,
            "/autonomous/{reference}/shadow",
            Action::ChangePolicy,
            doc("Only record what it would do, or no longer").body::<Shadow>().answer_named(200, "StoredAutonomous").tagged().takes_match(),
            shadow,
        )
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Outcome<Json<Page<Value>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    Ok(Json(routes::list(&app, &actor, Kind::Autonomous, &slice, |_| true).await?))
}

async fn history(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<PageQuery>,
) -> Outcome<Json<Page<HistoryItem>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    Ok(Json(routes::history(&app, &actor, Kind::Autonomous, &reference, &slice).await?))
}

async fn create(State(app): State<App>, actor: Actor, Body(body): Body<AutonomousRule>) -> Outcome<Response> {
    routes::create(&app, &actor, Content::Autonomous(Box::new(body))).await
}

async fn show(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Versioned<Value>> {
    routes::show(&app, &actor, Kind::Autonomous, &reference).await
}

async fn replace(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Expected(version): Expected,
    Body(body): Body<AutonomousRule>,
) -> Outcome<Versioned<Value>> {
    routes::replace(&app, &actor, &reference, version, Content::Autonomous(Box::new(body))).await
}

async fn delete(State(app): State<App>, actor: Actor, Path(reference): Path<String>, Expected(version): Expected) -> Outcome<StatusCode> {
    routes::delete(&app, &actor, Kind::Autonomous, &reference, version).await
}

async fn enable(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    switch(&app, &actor, &reference, seen, true).await
}

async fn disable(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    switch(&app, &actor, &reference, seen, false).await
}

async fn switch(app: &App, actor: &Actor, reference: &str, seen: Expected, on: bool) -> Outcome<Versioned<Value>> {
    let reason = if on { Reason::Enabled } else { Reason::Disabled };
    routes::modify(app, actor, Kind::Autonomous, reference, seen.0, |old| match old {
        Content::Autonomous(old) => Ok((Content::Autonomous(Box::new(AutonomousRule { enabled: on, ..(**old).clone() })), reason)),
        _ => Err(Failure::internal("another kind")),
    })
    .await
}

async fn shadow(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    seen: Expected,
    Body(body): Body<Shadow>,
) -> Outcome<Versioned<Value>> {
    routes::modify(&app, &actor, Kind::Autonomous, &reference, seen.0, |old| match old {
        Content::Autonomous(old) => {
            let next = AutonomousRule { shadow: body.shadow, ..(**old).clone() };
            Ok((Content::Autonomous(Box::new(next)), Reason::Changed))
        }
        _ => Err(Failure::internal("another kind")),
    })
    .await
}
