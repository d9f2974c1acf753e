//! How long text is kept, redacting now, and the legal holds that keep it longer.

mod holds;
mod redact;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/settings/retention", get(redact::retention).post(redact::set))
        .route("/settings/retention/redact", get(redact::preview).post(redact::redact))
        .route("/settings/holds", post(holds::create))
        .route("/settings/holds/{id}", get(holds::show))
        .route("/settings/holds/{id}/release", post(holds::release))
}
