//! Pages of active access: grants and sessions now, a grant with what became of it, ending and extending. Each calls the routes beside it.

mod act;
mod list;
mod revoke_all;
mod show;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
pub(crate) use revoke_all::result_words;
pub(crate) use show::{delivery_words, state_name};

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/access", get(list::list))
        .route("/access/revoke", get(revoke_all::preview).post(revoke_all::revoke))
        .route("/grants/{id}", get(show::show))
        .route("/grants/{id}/extend", post(act::extend))
        .route("/grants/{id}/revoke", post(act::revoke))
}
