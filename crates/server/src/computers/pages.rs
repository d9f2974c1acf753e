//! Pages of computers: all of them, one with what is known of it, taking rights away from it, and the tokens that let one enrol. Each
//! calls the routes beside it.

mod act;
mod enrolment;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
pub(crate) use list::state_words;
pub(crate) use show::policy_words;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/computers", get(list::list))
        .route("/computers/{id}", get(show::show))
        .route("/computers/{id}/quarantine", post(act::quarantine))
        .route("/computers/{id}/release", post(act::release))
        .route("/computers/{id}/remove", post(act::remove))
        .route("/enrolment-tokens", get(enrolment::list).post(enrolment::create))
        .route("/enrolment-tokens/{id}/revoke", post(enrolment::revoke))
}
