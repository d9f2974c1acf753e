//! Notification: where it goes, what was sent and what was not, and in which words.

mod log;
mod targets;
mod templates;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/settings/notifications", get(targets::list).post(targets::add))
        .route("/settings/notifications/log", get(log::log))
        .route("/settings/notifications/log/{id}/retry", post(log::retry))
        .route("/settings/notifications/words", get(templates::list))
        .route("/settings/notifications/words/{kind}", get(templates::show).post(templates::put))
        .route("/settings/notifications/words/{kind}/reset", post(templates::reset))
        .route("/settings/notifications/{id}/enabled", post(targets::enabled))
        .route("/settings/notifications/{id}/test", post(targets::test))
        .route("/settings/notifications/{id}/secret", post(targets::secret))
        .route("/settings/notifications/{id}/delete", post(targets::delete))
}
