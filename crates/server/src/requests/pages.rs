//! Pages of requests: what waits, one request with everything that would run, and deciding one or several. Each calls the routes beside
//! it; several are decided each by a call of its own.

mod bulk;
mod decide;
pub(crate) mod facts;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/requests", get(list::list))
        .route("/requests/decide", post(bulk::decide).get(bulk::again))
        .route("/requests/{id}", get(show::show))
        .route("/requests/{id}/approve", post(decide::approve))
        .route("/requests/{id}/decline", post(decide::decline))
}
