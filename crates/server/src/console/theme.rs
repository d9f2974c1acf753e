//! Light, dark, or as the computer has it: kept in a cookie of the browser, nothing that the server stores.

use axum::Form;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::visitor::Visitor;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::cookie;

const COOKIE: &str = "__Host-brevet-theme";
const THEMES: [&str; 3] = ["auto", "light", "dark"];

/// What a browser has chosen.
pub(crate) fn of(headers: &HeaderMap) -> &'static str {
    let chosen = cookie(headers, COOKIE);
    THEMES.into_iter().find(|theme| chosen == Some(theme)).unwrap_or("auto")
}

#[derive(Deserialize)]
pub(super) struct Choice {
    theme: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn choose(_: Visitor, Form(choice): Form<Choice>) -> Outcome<Response> {
    let theme = THEMES.into_iter().find(|theme| *theme == choice.theme).unwrap_or("auto");
    let kept = format!("{COOKIE}={theme}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000");
    let mut response = Redirect::to(local(&choice.next)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(&kept).map_err(Failure::internal)?);
    Ok(response)
}

/// An address within the console, or its first page: nobody is led elsewhere by a link of ours.
pub(crate) fn local(next: &str) -> &str {
    let within =
        next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && next.bytes().all(|byte| byte.is_ascii_graphic());
    if within { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn a_way_back_stays_here() {
        assert_eq!(local("/requests?state=pending"), "/requests?state=pending");
        for elsewhere in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:alert(1)"] {
            assert_eq!(local(elsewhere), "/");
        }
    }
}
