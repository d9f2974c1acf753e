//! Strict reading of bodies, queries and paths: what is unknown or too large is a problem with a code, never ignored.

use std::time::Duration;

use axum::body::{Body as Incoming, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{header, request::Parts};
use axum::response::{IntoResponse, Response};
use brevet_api::rest::Code;
use brevet_core::json::JsonError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::etag::Match;
use super::failure::{Failure, Outcome};
use crate::access::Actor;
use crate::app::App;

/// Largest body that any route takes.
pub const MAX_BODY: usize = 8 << 20;

/// A JSON body, read strictly.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Failure;
    async fn from_request(request: Request, state: &App) -> Result<Self, Failure> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.split(';').next().is_some_and(|v| v.trim().eq_ignore_ascii_case("application/json")));
        if !json {
            return Err(Failure::new(Code::MediaType).because("send the body as application/json"));
        }
        let longest = Duration::from_millis(state.config.limits.body_timeout.millis());
        let bytes = tokio::time::timeout(longest, Bytes::from_request(request, state)).await.map_err(|_| too_slow())?;
        let bytes = bytes.map_err(|_| Failure::new(Code::TooLarge).because("the body is larger than this call takes"))?;
        if has_nul(&bytes) {
            return Err(Failure::new(Code::Malformed).because("the body: a text in it has a NUL character"));
        }
        brevet_core::json::parse(&bytes).map(Self).map_err(misfit)
    }
}

/// A body that is not what this call takes, with the field that is wrong where it is one.
fn misfit(error: JsonError) -> Failure {
    let malformed = Failure::new(Code::Malformed);
    match error.field.as_str() {
        "." => malformed.because(format!("the body: {}", error.reason)),
        field => malformed.because("the body has a field that does not fit").and(field, error.reason.clone()),
    }
}

fn too_slow() -> Failure {
    Failure::new(Code::TooSlow).because("the body did not come in time")
}

/// A whole body of at most `MAX_BODY` bytes, in time.
pub(crate) async fn read_body(app: &App, body: Incoming) -> Outcome<Bytes> {
    let longest = Duration::from_millis(app.config.limits.body_timeout.millis());
    let bytes = tokio::time::timeout(longest, to_bytes(body, MAX_BODY)).await.map_err(|_| too_slow())?;
    bytes.map_err(|_| Failure::new(Code::TooLarge).because(format!("a body has at most {MAX_BODY} bytes")))
}

/// Whether a string of this JSON has U+0000 in it: no name, reason or comment has, and a database may not take it. One pass, whatever is in it.
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(at..).unwrap_or_default();
        if escape.starts_with(br"\u0000") {
            return true;
        }
        // What is escaped begins no escape.
        rest = escape.get(2..).unwrap_or_default();
    }
    false
}

/// A query string, read strictly.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _state: &App) -> Result<Self, Failure> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| Failure::new(Code::Malformed).because(format!("the query: {}", error.body_text())))
    }
}

/// Refuses a filter's word that no value of the type is written as.
///
/// # Errors
/// `malformed`.
pub fn refuse_unknown<T: DeserializeOwned>(name: &str, word: Option<&str>) -> Outcome<()> {
    match word {
        Some(word) if serde_json::from_value::<T>(word.into()).is_err() => {
            Err(Failure::new(Code::Malformed).because(format!("there is no {name} {word:?}")))
        }
        _ => Ok(()),
    }
}

/// The parts of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, Failure> {
        let unreadable = || Failure::new(Code::NotFound).because("the path cannot be read");
        if parts.uri.path().to_ascii_lowercase().contains("%00") {
            return Err(unreadable());
        }
        axum::extract::Path::<T>::from_request_parts(parts, state).await.map(|path| Self(path.0)).map_err(|_| unreadable())
    }
}

impl FromRequestParts<App> for Actor {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _state: &App) -> Result<Self, Failure> {
        // The guard of the route table puts it there; a route without a guard fails closed.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Failure::new(Code::Unauthenticated))
    }
}

/// `If-Match`, where sent: the version that the caller saw.
pub struct Expected(pub Option<u64>);

impl FromRequestParts<App> for Expected {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _state: &App) -> Result<Self, Failure> {
        match Match::read(&parts.headers)? {
            Match::Unsaid | Match::Any => Ok(Self(None)),
            // What is no version of ours was never there.
            Match::Tag(tag) => Ok(Self(Some(tag.parse().unwrap_or(u64::MAX)))),
        }
    }
}

/// A JSON answer.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A JSON answer with the version of what it shows.
pub struct Versioned<T>(pub u64, pub T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, format!("\"{}\"", self.0))], axum::Json(self.1)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::{has_nul, misfit};

    #[test]
    fn a_body_that_does_not_fit_says_its_field() {
        let wrong = |json: &[u8]| misfit(brevet_core::json::parse::<brevet_core::policy::Policy>(json).unwrap_err());
        let failure = wrong(br#"{"name": "p", "staleness": 7}"#);
        let (field, reason) = ("staleness", "the number 7 does not fit: write a text in quotes at line 1 column 28");
        assert!(failure.words().ends_with(&format!("the body has a field that does not fit. {field}: {reason}")), "{}", failure.words());
        assert_eq!(failure.errors().iter().map(|it| (it.field.as_str(), it.reason.as_str())).collect::<Vec<_>>(), [(field, reason)]);
        assert!(wrong(b"nonsense").errors().is_empty());
    }

    #[test]
    fn an_escaped_nul_is_seen_and_an_escaped_backslash_before_it_is_not_one() {
        assert!(has_nul(br#"{"a":"x\u0000"}"#) && has_nul(br#""\\\u0000""#));
        assert!(!has_nul(br#"{"a":"\\u0000"}"#) && !has_nul(br#"{"a":"u0000"}"#));
        // However many there are, each byte is looked at once.
        let mut many = vec![b'\\'; 8 << 20];
        assert!(!has_nul(&many));
        many.extend_from_slice(br"\u0000");
        assert!(has_nul(&many));
    }
}
