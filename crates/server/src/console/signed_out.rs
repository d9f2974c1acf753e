//! A form or a part of a page was asked for after its sign-in had ended: nothing was done, and nothing is lost.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use url::Url;

use super::assets::VERSION;
use super::theme::local;
use super::visitor::query;
use crate::app::App;

#[derive(Template)]
#[template(path = "console/signed_out.html")]
struct SignedOut<'a> {
    version: &'a str,
    theme: &'a str,
}

#[derive(Template)]
#[template(path = "console/signed_out_part.html")]
struct SignedOutPart {
    next: String,
}

pub(super) fn page() -> Response {
    let text = SignedOut { version: &VERSION, theme: "auto" }.render().unwrap_or_default();
    (StatusCode::UNAUTHORIZED, Html(text)).into_response()
}

/// For a page that is open: it stays, and says so above what it shows.
pub(super) fn part(app: &App, headers: &HeaderMap) -> Response {
    let text = SignedOutPart { next: query([("next", back(app, headers).as_str())]) }.render().unwrap_or_default();
    (StatusCode::UNAUTHORIZED, ABOVE, Html(text)).into_response()
}

/// To where a page shows why a part of it did not come, whatever that part was to replace.
pub(super) const ABOVE: [(&str, &str); 3] = [("hx-retarget", "#answers"), ("hx-reswap", "innerMorph"), ("hx-reselect", ".alert")];

/// The page that asked, where it is one of ours.
fn back(app: &App, headers: &HeaderMap) -> String {
    let at = headers.get("hx-current-url").and_then(|value| value.to_str().ok()).and_then(|text| Url::parse(text).ok());
    let ours = Url::parse(&app.url).ok().map(|url| url.origin());
    let path = at.filter(|at| Some(at.origin()) == ours).map(|at| match at.query() {
        Some(query) => format!("{}?{query}", at.path()),
        None => at.path().to_owned(),
    });
    local(path.as_deref().unwrap_or_default()).to_owned()
}
