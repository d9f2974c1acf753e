//! A form came after its sign-in had ended: nothing was done, and nothing is lost.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use super::assets::VERSION;

#[derive(Template)]
#[template(path = "console/signed_out.html")]
struct SignedOut<'a> {
    version: &'a str,
    theme: &'a str,
}

pub(super) fn page() -> Response {
    let text = SignedOut { version: &VERSION, theme: "auto" }.render().unwrap_or_default();
    (StatusCode::UNAUTHORIZED, Html(text)).into_response()
}
