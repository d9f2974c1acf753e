//! `ETag` and `If-Match`: what has a version shows that; what has none shows a digest of what can be changed in it.

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use axum::response::{IntoResponse, Response};
use brevet_api::rest::Code;
use brevet_core::digest::Fields;
use serde::Serialize;

use super::failure::{Failure, Outcome};
use crate::app::App;

/// What `If-Match` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Match {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// `*`: whatever is there.
    Any,
    /// The tag that the caller saw, without quotes.
    Tag(String),
}

impl Match {
    /// Reads the header.
    ///
    /// # Errors
    /// `malformed` for anything but `*` or one tag.
    pub fn read(headers: &HeaderMap) -> Outcome<Self> {
        let wrong = || Failure::new(Code::Malformed).because("If-Match must be * or one ETag in quotes, as an answer showed it");
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let Some(value) = values.next() else { return Ok(Self::Unsaid) };
        let text = value.to_str().map_err(|_| wrong())?.trim();
        if values.next().is_some() {
            return Err(wrong());
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        let tag = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).ok_or_else(wrong)?;
        let plain = tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        if plain && !tag.is_empty() { Ok(Self::Tag(tag.to_owned())) } else { Err(wrong()) }
    }

    /// Whether what is there is what the caller saw.
    ///
    /// # Errors
    /// `version_mismatch`.
    pub fn check(&self, there: &str) -> Outcome<()> {
        match self {
            Self::Tag(seen) if seen != there => {
                Err(Failure::new(Code::VersionMismatch).because("it changed since you read it").hint("read it again and repeat the change"))
            }
            Self::Tag(_) | Self::Any | Self::Unsaid => Ok(()),
        }
    }
}

impl FromRequestParts<App> for Match {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, _state: &App) -> Result<Self, Failure> {
        Self::read(&parts.headers)
    }
}

/// The tag of something that has no version: a digest of what is given.
///
/// # Errors
/// When it has no JSON form.
pub fn of<T: Serialize>(what: &T) -> Outcome<String> {
    let digest = Fields::new("brevet etag 1").json(what)?.finish();
    Ok(digest.as_bytes().iter().take(12).map(|byte| format!("{byte:02x}")).collect())
}

/// A JSON answer with its tag.
pub struct Tagged<T>(pub String, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, format!("\"{}\"", self.0))], axum::Json(self.1)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Match, Code> {
        let headers = HeaderMap::from_iter([(header::IF_MATCH, text.parse().unwrap())]);
        Match::read(&headers).map_err(|failure| failure.code)
    }

    #[test]
    fn one_tag_or_any_and_nothing_else() {
        assert_eq!(read("*"), Ok(Match::Any));
        assert_eq!(read("\"3\""), Ok(Match::Tag("3".into())));
        assert_eq!(Match::read(&HeaderMap::new()).unwrap(), Match::Unsaid);
        for wrong in ["3", "W/\"3\"", "\"3\", \"4\"", "\"\"", "\"", "", "\"a b\""] {
            assert_eq!(read(wrong), Err(Code::Malformed), "{wrong}");
        }
        assert!(Match::Tag("3".into()).check("4").is_err() && Match::Any.check("4").is_ok());
    }
}
