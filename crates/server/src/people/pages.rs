//! People: who signs in, with which roles for which computers, which OS users they are, and what they sign in with.

mod act;
mod list;
mod show;
mod sign_in;

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
        .route("/settings/people/{id}/sign-ins/end", post(sign_in::end))
        .route("/settings/people/{id}/sign-ins/{one}/end", post(sign_in::end_one))
        .route("/settings/people/{id}/credentials/{which}/remove", post(sign_in::remove))
        .route("/settings/people/{id}/identity", post(sign_in::identity))
        .route("/settings/people/{id}/no-identity", post(sign_in::no_identity))
}
