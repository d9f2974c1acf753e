//! Pages of policies: the list, one with its tabs, what can be done to it, and the test box. The form is that of every definition.

mod act;
mod audit;
mod list;
mod show;
mod test;

use axum::Router;
use axum::routing::{get, post};
use brevet_core::policy::Policy;

use crate::app::App;
use crate::definitions::pages::of;

/// This feature's pages.
pub fn pages() -> Router<App> {
    let router = Router::new()
        .route("/policies", get(list::list))
        .route("/policies/test", get(test::test))
        .route("/policies/{id}", get(show::show))
        .route("/policies/{id}/computers", get(show::computers))
        .route("/policies/{id}/audit", get(audit::audit))
        .route("/policies/{id}/enable", post(act::enable))
        .route("/policies/{id}/disable", post(act::disable))
        .route("/policies/{id}/renew", post(act::renew))
        .route("/policies/{id}/revoke", post(act::revoke));
    of::<Policy>(router)
}
