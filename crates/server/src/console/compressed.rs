//! Pages sent compressed, where nobody can learn anything from their size.
//!
//! WHY: whoever sees how long an answer is, and has somebody's browser ask for pages with words of their choice in it (a filter, that
//! the page shows again), learns letter by letter what else is on that page (BREACH). So a page is compressed only where the browser
//! says that this console itself asked, or the person by the address bar; what another site leads to is not. No page that comes by GET
//! has a secret that lets anybody act, and there are no tokens in forms (`failed`); the pages of the sign-in, which are about secrets,
//! are left out all the same, and so is what answers a form, which may show a new one.

use std::io::Write as _;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::http::failure::Failure;

/// Pages about what somebody signs in with.
const LEFT_OUT: [&str; 2] = ["/sign-in", "/account"];
/// What is shorter fits into one packet anyway.
const LEAST: usize = 1400;
/// No page is longer.
const MOST: usize = 64 << 20;

pub(super) async fn around(request: Request, next: Next) -> Response {
    let (headers, path) = (request.headers(), request.uri().path());
    let here = matches!(headers.get("sec-fetch-site").map(HeaderValue::as_bytes), Some(b"same-origin" | b"none"));
    let safe = *request.method() == Method::GET && here && !LEFT_OUT.iter().any(|left_out| path.starts_with(left_out));
    let wanted = safe && taken(headers);
    let response = next.run(request).await;
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if wanted && is_page { compressed(response).await } else { response }
}

/// Whether a browser takes what is compressed.
pub(super) fn taken(headers: &HeaderMap) -> bool {
    let takes = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    takes.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip")))
}

async fn compressed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MOST).await else {
        return Failure::internal("a page is too long").into_response();
    };
    if bytes.len() < LEAST {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    let Ok(short) = encoder.write_all(&bytes).and_then(|()| encoder.finish()) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(short))
}
