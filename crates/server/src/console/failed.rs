//! A failure as a page that says what to do next, and the refusal of what another site sends.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use brevet_api::rest::Code;

use super::assets::VERSION;
use super::signed_out::ABOVE;
use super::theme;
use crate::app::App;
use crate::http::calls::RequestId;
use crate::http::failure::{Failure, Said};

#[derive(Template)]
#[template(path = "console/failed.html")]
struct Failed<'a> {
    version: &'a str,
    theme: &'a str,
    title: &'a str,
    detail: &'a str,
    hint: &'a str,
    errors: Vec<(String, String)>,
    id: &'a str,
}

#[derive(Template)]
#[template(path = "console/failed_part.html")]
struct FailedPart<'a> {
    title: &'a str,
    detail: &'a str,
    hint: &'a str,
    errors: Vec<(String, String)>,
    id: &'a str,
}

/// Around every page: what another site sends changes nothing, and what failed is said in words.
pub(super) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let part = request.headers().contains_key("hx-request");
    // A part that is to be taken out of a page: what says why not is no such part, and would take away what it is to replace.
    let taken_out = request.headers().get("hx-request-type").is_some_and(|kind| kind == "full");
    let theme = theme::of(request.headers());
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let foreign = *request.method() != Method::GET && is_foreign(&app, request.headers());
    let response = if foreign {
        Failure::new(Code::Forbidden)
            .because("another site sent this, so nothing was done")
            .hint("do it here, on the page itself")
            .into_response()
    } else {
        next.run(request).await
    };
    let mut shown = in_words(response, part, theme, &id);
    if part && taken_out && !shown.status().is_success() {
        for (name, value) in ABOVE {
            shown.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    shown
}

/// An address that is none of ours: a page for whoever browses, a problem for whoever calls.
pub(crate) async fn nowhere(request: Request) -> Response {
    let failure = Failure::new(Code::NotFound).because("there is no such address").into_response();
    let takes = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !takes.contains("text/html") || request.uri().path().starts_with("/api/") {
        return failure;
    }
    in_words(failure, false, theme::of(request.headers()), "")
}

/// A problem as a page; anything else as it is.
fn in_words(mut response: Response, part: bool, theme: &str, id: &str) -> Response {
    let Some(said) = response.extensions_mut().remove::<Said>() else { return response };
    let (title, detail, hint) = (said.0.title(), said.0.detail(), said.0.hint());
    let errors = said.0.errors().map(|one| (one.field.clone(), one.reason.clone())).collect();
    let text = if part {
        FailedPart { title, detail, hint, errors, id }.render()
    } else {
        Failed { version: &VERSION, theme, title, detail, hint, errors, id }.render()
    };
    let mut shown = Html(text.unwrap_or_default()).into_response();
    *shown.status_mut() = response.status();
    if let Some(value) = response.headers().get(header::RETRY_AFTER) {
        shown.headers_mut().insert(header::RETRY_AFTER, value.clone());
    }
    shown
}

/// Browsers say where a form comes from: in `Sec-Fetch-Site`, older ones in `Origin`. What says neither is no browser of today, and a
/// cookie that it sent did not come from another site: it is `SameSite=Lax`.
fn is_foreign(app: &App, headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable").to_owned());
    match (said("sec-fetch-site"), said("origin")) {
        (Some(site), _) => site != "same-origin" && site != "none",
        (None, Some(origin)) => origin != app.url,
        (None, None) => false,
    }
}
