//! SHA-256 digests, and digests over several fields that cannot be confused with one another.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// The text is not `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected sha256: and 64 hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// # Errors
    /// When the text is not a digest as `Display` writes it.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix("sha256:").filter(|h| h.len() == 64).ok_or(DigestError)?;
        let mut bytes = [0u8; 32];
        for (out, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |b: u8| match b {
                b'0'..=b'9' => Ok(b - b'0'),
                b'a'..=b'f' => Ok(b - b'a' + 10),
                _ => Err(DigestError),
            };
            let [high, low] = pair else { return Err(DigestError) };
            *out = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }

    /// Eight characters for people to compare aloud (40 bits), such as `K7QF-2M9X`.
    #[must_use]
    pub fn short_code(&self) -> String {
        let value = self.0.iter().take(5).fold(0u64, |v, b| v << 8 | u64::from(*b));
        let mut out = String::with_capacity(9);
        for i in (0..8).rev() {
            if i == 3 {
                out.push('-');
            }
            let index = usize::try_from((value >> (5 * i)) & 31).unwrap_or(0);
            out.push(ALPHABET.get(index).map_or('0', |b| char::from(*b)));
        }
        out
    }
}

/// Crockford's: no letter that is taken for a digit or another letter.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A short code as `Digest::short_code` writes it, from how somebody typed it: in small letters, without the dash, and with the letters that
/// it has none of for the digits that look like them (Crockford's base 32).
#[must_use]
pub fn typed_code(text: &str) -> Option<String> {
    let meant = |typed: char| match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let bare: String = text.chars().filter(|typed| *typed != '-').map(meant).collect();
    let known = bare.len() == 8 && bare.bytes().all(|byte| ALPHABET.contains(&byte));
    let (first, second) = bare.split_at_checked(4).filter(|_| known)?;
    Some(format!("{first}-{second}"))
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written at once: a formatter for each byte was a twentieth of a launch's work.
        let digit = |value: u8| HEXADECIMAL.get(usize::from(value)).copied().unwrap_or(b'0');
        let mut text = [0u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        f.write_str("sha256:")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        Self::parse(&text)
    }
}
impl From<Digest> for String {
    fn from(d: Digest) -> Self {
        d.to_string()
    }
}

/// Hashes named fields: each is preceded by its length, and the whole by its purpose, so that no two lists of fields collide.
pub struct Fields(Sha256);

impl Fields {
    /// `purpose` separates this use from every other.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        Self(Sha256::new()).bytes(purpose.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Adds a value by its JSON form, which is deterministic for our types (struct order, sorted maps).
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn json<T: Serialize>(self, value: &T) -> Result<Self, serde_json::Error> {
        Ok(self.bytes(&serde_json::to_vec(value)?))
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back() {
        let d = Digest::of(b"abc");
        assert_eq!(d.to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::parse(&d.to_string()).unwrap(), d);
        assert!(Digest::parse("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD").is_err());
    }

    #[test]
    fn moving_a_byte_between_fields_changes_the_digest() {
        assert_ne!(Fields::new("t").text("ab").text("c").finish(), Fields::new("t").text("a").text("bc").finish());
        assert_ne!(Fields::new("t").finish(), Fields::new("u").finish());
    }

    #[test]
    fn a_short_code_is_eight_characters_in_two_groups() {
        let code = Digest::of(b"abc").short_code();
        assert_eq!(code.len(), 9);
        assert_eq!(code.as_bytes()[4], b'-');
        assert_eq!(typed_code(&code), Some(code));
    }

    #[test]
    fn a_short_code_is_known_as_it_is_typed() {
        for typed in ["CAMT-FJE1", "camt-fje1", "CAMTFJE1", "camt-fjel", "CAMT-FJEI"] {
            assert_eq!(typed_code(typed).as_deref(), Some("CAMT-FJE1"));
        }
        assert_eq!(typed_code("oooo-0000").as_deref(), Some("0000-0000"));
        for other in ["", "CAMT", "CAMT-FJE1X", "CAMT-FJE!", "CAMT-FJEU", "é€é-FJE1", "req_01ab"] {
            assert_eq!(typed_code(other), None, "{other}");
        }
    }
}
