//! The HTTP surface: the route table with its guard, strict extraction, failures as problems, pages, OpenAPI.

pub(crate) mod calls;
mod creating;
mod doc;
pub mod etag;
pub mod extract;
pub mod failure;
pub mod filter;
mod guard;
pub mod limits;
mod openapi;
pub mod page;
mod problems;
pub mod routes;
pub mod signed_in;
pub mod sort;
mod unread;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use brevet_api::rest::Code;

use crate::app::App;
use failure::Failure;
use routes::{Operation, Routes};

/// Every route of `/api/v1`.
pub fn api(app: &App) -> (Router<App>, Vec<Operation>) {
    Routes::new(app)
        .with(crate::settings::instance_routes)
        .with(crate::status::routes)
        .with(crate::policies::routes)
        .with(crate::lists::routes)
        .with(crate::groups::routes)
        .with(crate::autonomous::routes)
        .with(crate::definitions::apply::routes)
        .with(crate::definitions::checking::routes)
        .with(crate::policies::testing::routes)
        .with(crate::policies::standing::routes)
        .with(crate::computers::routes)
        .with(crate::computers::enrolment::routes)
        .with(crate::requests::routes)
        .with(crate::grants::routes)
        .with(crate::sessions::routes)
        .with(crate::audit::routes)
        .with(crate::applications::routes)
        .with(crate::retention::routes)
        .with(crate::settings::routes)
        .with(crate::people::routes)
        .with(crate::tokens::routes)
        .with(crate::sign_in::routes)
        .with(crate::notification::routes)
        .with(crate::proposals::routes)
        .with(crate::break_glass::routes)
        .finish()
}

/// The whole server.
pub fn router(app: &App) -> Router {
    let (api, operations) = api(app);
    let description = openapi::document(&operations, &app.url);
    let api = api.layer(DefaultBodyLimit::max(extract::MAX_BODY));
    let inside = api.clone().with_state(app.clone());
    Router::new()
        .nest("/api/v1", api)
        .route("/api/openapi.json", get(move || async move { ([(header::CONTENT_TYPE, "application/json")], description) }))
        .nest("/agent/v1", crate::agents::routes(app))
        .merge(crate::console::routes(app, inside))
        .route("/problems/{code}", get(problems::page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(crate::console::nowhere)
        .method_not_allowed_fallback(|| async { Failure::new(Code::MethodNotAllowed) })
        .layer(middleware::from_fn_with_state(app.clone(), calls::around))
        .layer(middleware::from_fn_with_state(app.clone(), unread::around))
        .with_state(app.clone())
}

async fn ready(State(app): State<App>) -> impl IntoResponse {
    if *app.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    if crate::status::is_full(&app) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the disk with the data is full\n");
    }
    match app.store.pool.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
