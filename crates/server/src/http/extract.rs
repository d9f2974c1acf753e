//! Strict reading of bodies, queries and paths: what is unknown or too large is a problem with a code, never ignored.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{header, request::Parts};
use axum::response::{IntoResponse, Response};
use brevet_api::rest::Code;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
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
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| Failure::new(Code::TooLarge).because(format!("a body has at most {MAX_BODY} bytes")))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Failure::new(Code::Malformed).because(format!("the body: {error}")))
    }
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

/// The parts of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, Failure> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Failure::new(Code::NotFound).because("the path cannot be read"))
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
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).and_then(|t| t.parse().ok());
        version.map(|v| Self(Some(v))).ok_or_else(|| Failure::new(Code::VersionMismatch).because("If-Match is not a version"))
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
