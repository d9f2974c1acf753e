//! The JIT Events Report: what happened, filtered by every field, in columns that are chosen, saved as views, exported as it is shown; and
//! one event with its neighbours. Each page calls the routes beside it.

mod chosen;
mod columns;
mod export;
mod list;
mod proof;
mod readable;
mod show;
mod views;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/events", get(list::list))
        .route("/events/export", post(export::export))
        .route("/events/views", post(views::save))
        .route("/events/views/{id}/delete", post(views::delete))
        .route("/events/{id}", get(show::show))
        .route("/events/{id}/proof", get(proof::proof))
}
