//! People: who signs in, with which roles for which computers, and which OS users they are. How somebody signs in stands elsewhere.

mod act;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/settings/people", get(list::list).post(list::add))
        .route("/settings/people/{id}", get(show::show))
        .route("/settings/people/{id}/roles", post(act::roles))
        .route("/settings/people/{id}/link", post(act::link))
        .route("/settings/people/{id}/unlink", post(act::unlink))
        .route("/settings/people/{id}/no-os-user", post(act::no_os_user))
        .route("/settings/people/{id}/enabled", post(act::enabled))
        .route("/settings/people/{id}/sign-in-link", post(act::sign_in_link))
        .route("/settings/people/{id}/remove", post(act::remove))
}
