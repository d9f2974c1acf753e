//! Public keys by their fingerprint, and what each may sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Names a key: the first 16 bytes of the SHA-256 of its 32 bytes, in hexadecimal.
pub type KeyId = String;

/// An Ed25519 public key, in JSON as base64 of its 32 bytes. Weak keys (small order) are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest = Digest::of(self.as_bytes()).to_string();
        digest.chars().skip("sha256:".len()).take(32).collect()
    }

    /// SHA-256 of its 32 bytes, which an enrolment token carries for the root key.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(self.as_bytes())
    }

    /// Whether `signature` (64 bytes) is this key's over `message`, by the strict rules (RFC 8032, no small-order points).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature).is_ok_and(|s| self.0.verify_strict(message, &s).is_ok())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "not a public key: expected base64 of 32 bytes that are a strong Ed25519 key";
        let bytes: [u8; 32] = STANDARD.decode(text).ok().and_then(|b| b.try_into().ok()).ok_or(wrong)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| wrong)?;
        if key.is_weak() { Err(wrong) } else { Ok(Self(key)) }
    }
}
impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        STANDARD.encode(key.as_bytes())
    }
}

/// A private key. It has no text form and is wiped when dropped.
pub struct Key(SigningKey);

impl Key {
    /// From 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The 32 bytes to store.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message; the caller separates purposes (`Envelope` and `journal::SignedHead` do).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.0.sign(message).to_bytes()
    }
}

/// What a key of the trust document may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Grants, declines, revocations, manifests, heartbeats, acknowledgements.
    Issuer,
    /// Policies, autonomous rules, settings.
    Policy,
}
