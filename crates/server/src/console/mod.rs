//! The console: signing in by a one-time link. Pages are rendered here, escaped, and carry no script.

use axum::Router;

use crate::app::App;

/// The console's routes.
pub fn routes() -> Router<App> {
    Router::new()
}
