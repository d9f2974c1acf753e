//! Pages of break-glass: what was opened without approval, opening it, ending it, and the review by another person. Each calls the routes
//! beside it.

mod open;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/break-glass", get(show::list))
        .route("/break-glass/open", get(open::form).post(open::open))
        .route("/break-glass/{id}", get(show::show))
        .route("/break-glass/{id}/end", post(show::end))
        .route("/break-glass/{id}/review", post(show::review))
}
