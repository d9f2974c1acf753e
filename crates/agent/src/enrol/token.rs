//! The enrolment token's text: `brevet-enrol-1.` and base64url of JSON. It is a secret: never logged, never an argument.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::agent::{ENROLMENT_PREFIX, EnrolmentToken};

const LONGEST: u64 = 16 * 1024;

/// Why the token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not readable.
    #[error("cannot read the enrolment token from {path}")]
    Read {
        /// The file, or `-`.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something else.
    #[error(
        "this is not an enrolment token: it starts with {ENROLMENT_PREFIX} and is one line; make one with: brevetctl enrolment-token create"
    )]
    Form,
    /// Cut off or changed.
    #[error("the enrolment token is damaged: {0}; copy it again, whole")]
    Damaged(String),
    /// Not https.
    #[error("the enrolment token's address {0} does not start with https://")]
    Address(String),
}

/// Reads a token from a file or, for `-`, from standard input.
///
/// # Errors
/// When it cannot be read or is not a token.
pub fn read(path: &Path) -> Result<EnrolmentToken, TokenError> {
    let failed = |source| TokenError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    }
    parse(&text)
}

/// # Errors
/// When the text is not a token.
pub fn parse(text: &str) -> Result<EnrolmentToken, TokenError> {
    let encoded = text.trim().strip_prefix(ENROLMENT_PREFIX).ok_or(TokenError::Form)?;
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Damaged("not base64url".into()))?;
    let token: EnrolmentToken = serde_json::from_slice(&json).map_err(|error| TokenError::Damaged(error.to_string()))?;
    if token.url.starts_with("https://") {
        Ok(token)
    } else {
        Err(TokenError::Address(brevet_core::escape::terminal(token.url.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_core::digest::Digest;

    #[test]
    fn a_token_reads_back_and_anything_else_says_what_to_do() {
        let token = EnrolmentToken { url: "https://localhost:1".into(), tls: None, root: Digest::of(b"root"), secret: "s".into() };
        let encode = |json: &[u8]| format!("{ENROLMENT_PREFIX}{}\n", URL_SAFE_NO_PAD.encode(json));
        assert_eq!(parse(&encode(&serde_json::to_vec(&token).unwrap())).unwrap(), token);
        assert!(matches!(parse("hello"), Err(TokenError::Form)));
        assert!(matches!(parse(&format!("{ENROLMENT_PREFIX}a%b")), Err(TokenError::Damaged(_))));
        assert!(matches!(parse(&encode(b"{\"url\":\"x\"}")), Err(TokenError::Damaged(_))));
        let plain = EnrolmentToken { url: "http://localhost:1".into(), ..token };
        assert!(matches!(parse(&encode(&serde_json::to_vec(&plain).unwrap())), Err(TokenError::Address(_))));
    }
}
