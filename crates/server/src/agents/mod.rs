//! The transport with `brevetd`: enrolment, nonces, the stream of documents, the journal.
//!
//! Nothing is believed for the channel's sake: documents carry signatures, and a journal's head is signed by the broker's key.

mod apply;
mod enrol;
mod in_words;
mod journal;
mod processes;
mod stream;
pub mod tokens;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::http::limits;

/// Largest body: a batch of records at their largest.
const MAX_BODY: usize = 16 << 20;

/// `/agent/v1`.
pub fn routes(app: &App) -> Router<App> {
    let strangers = from_fn_with_state(app.clone(), limits::strangers);
    Router::new()
        .route("/enrol", post(enrol::enrol).layer(DefaultBodyLimit::max(64 << 10)).layer(strangers))
        .route("/nonce", post(tokens::nonce))
        .route("/documents", get(stream::documents))
        .route("/documents/missing", post(stream::missing))
        .route("/journal", post(journal::journal))
        .route("/processes", post(processes::processes))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}
