//! Settings ▸ Autonomous Approval: the switch, the rules, and of each what it did, what it did in shadow, and what it would have done.

mod act;
mod list;
mod show;

use axum::Router;
use axum::routing::{get, post};
use brevet_core::autonomous::AutonomousRule;

use crate::app::App;
use crate::definitions::pages::of;

/// This feature's pages.
pub fn pages() -> Router<App> {
    let router = Router::new()
        .route("/settings/autonomous", get(list::list))
        .route("/settings/autonomous/switch", post(act::switch))
        .route("/settings/autonomous/{id}", get(show::show))
        .route("/settings/autonomous/{id}/enable", post(act::enable))
        .route("/settings/autonomous/{id}/disable", post(act::disable))
        .route("/settings/autonomous/{id}/shadow", post(act::shadow));
    of::<AutonomousRule>(router)
}
