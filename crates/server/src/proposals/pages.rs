//! Pages of proposals: changes that wait for a second person, and confirming, rejecting or withdrawing one. Each calls the routes beside it.

mod fields;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/proposals", get(list::list))
        .route("/proposals/{id}", get(show::show))
        .route("/proposals/{id}/confirm", post(show::confirm))
        .route("/proposals/{id}/reject", post(show::reject))
        .route("/proposals/{id}/withdraw", post(show::withdraw))
}
