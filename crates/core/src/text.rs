//! Bytes that the operating system calls text: arguments, paths, environment. Usually UTF-8, never promised to be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Any bytes without NUL. In JSON a string when it is UTF-8, else `{"base64": "…"}`; each value has exactly one form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OsText(Vec<u8>);

/// The bytes contain NUL, which the kernel would cut at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("contains a NUL byte")]
pub struct NulError;

impl OsText {
    /// # Errors
    /// When the bytes contain NUL.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, NulError> {
        let bytes = bytes.into();
        if bytes.contains(&0) { Err(NulError) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, where it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The bytes, owned.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl From<&str> for OsText {
    /// Bytes from the first NUL on are dropped; use `new` for text from outside.
    fn from(text: &str) -> Self {
        Self(text.bytes().take_while(|b| *b != 0).collect())
    }
}

impl fmt::Debug for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Escaped for a terminal (`escape::terminal`).
impl fmt::Display for OsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::escape::terminal(&self.0))
    }
}

impl Serialize for OsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Wrapped { base64: STANDARD.encode(&self.0) }.serialize(serializer),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    base64: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Text(String),
    Wrapped(Wrapped),
}

impl<'de> Deserialize<'de> for OsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Either::deserialize(deserializer)? {
            Either::Text(text) => Self::new(text).map_err(D::Error::custom),
            Either::Wrapped(wrapped) => {
                let bytes = STANDARD.decode(wrapped.base64).map_err(D::Error::custom)?;
                if std::str::from_utf8(&bytes).is_ok() {
                    return Err(D::Error::custom("UTF-8 text must be a plain string"));
                }
                Self::new(bytes).map_err(D::Error::custom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_but_nul_survive_json() {
        for bytes in [&b"plain"[..], b"", b"\xff\xfe", "h\u{e9}llo\n".as_bytes()] {
            let text = OsText::new(bytes).unwrap();
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(serde_json::from_str::<OsText>(&json).unwrap(), text);
        }
        assert!(serde_json::from_str::<OsText>("\"a\\u0000b\"").is_err());
        assert!(serde_json::from_str::<OsText>("{\"base64\":\"YWJj\"}").is_err());
    }
}
