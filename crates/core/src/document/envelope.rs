//! The DSSE envelope (github.com/secure-systems-lab/dsse, protocol version 1) and its strict reading.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::{Key, KeyId, KeyUse, PublicKey};
use super::{MAX_DOCUMENT, MAX_MANIFEST, SCHEMA};
use crate::digest::Digest;

/// A kind of document; each has its own payload type, so that one can never be read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DocumentKind))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "DESIGN section 3 names them")]
pub enum Kind {
    Trust,
    Policy,
    Autonomous,
    Settings,
    Manifest,
    Grant,
    Decline,
    Revocation,
    Heartbeat,
    Acknowledgement,
}

impl Kind {
    /// The envelope's `payloadType`.
    #[must_use]
    pub const fn payload_type(self) -> &'static str {
        match self {
            Self::Trust => "application/vnd.brevet.trust+json",
            Self::Policy => "application/vnd.brevet.policy+json",
            Self::Autonomous => "application/vnd.brevet.autonomous+json",
            Self::Settings => "application/vnd.brevet.settings+json",
            Self::Manifest => "application/vnd.brevet.manifest+json",
            Self::Grant => "application/vnd.brevet.grant+json",
            Self::Decline => "application/vnd.brevet.decline+json",
            Self::Revocation => "application/vnd.brevet.revocation+json",
            Self::Heartbeat => "application/vnd.brevet.heartbeat+json",
            Self::Acknowledgement => "application/vnd.brevet.acknowledgement+json",
        }
    }

    const ALL: [Self; 10] = [
        Self::Trust,
        Self::Policy,
        Self::Autonomous,
        Self::Settings,
        Self::Manifest,
        Self::Grant,
        Self::Decline,
        Self::Revocation,
        Self::Heartbeat,
        Self::Acknowledgement,
    ];

    /// The kind of a `payloadType`.
    #[must_use]
    pub fn of_payload_type(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.payload_type() == text)
    }

    /// Longest payload, in base64.
    #[must_use]
    pub const fn largest(self) -> usize {
        match self {
            Self::Manifest => MAX_MANIFEST,
            Self::Trust
            | Self::Policy
            | Self::Autonomous
            | Self::Settings
            | Self::Grant
            | Self::Decline
            | Self::Revocation
            | Self::Heartbeat
            | Self::Acknowledgement => MAX_DOCUMENT,
        }
    }

    /// Which keys sign it; `None` for the trust document, which only the root key signs.
    #[must_use]
    pub const fn signed_by(self) -> Option<KeyUse> {
        match self {
            Self::Trust => None,
            Self::Policy | Self::Autonomous | Self::Settings => Some(KeyUse::Policy),
            Self::Manifest | Self::Grant | Self::Decline | Self::Revocation | Self::Heartbeat | Self::Acknowledgement => {
                Some(KeyUse::Issuer)
            }
        }
    }
}

/// A signed document on the wire and on disk. Its `digest` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// `Kind::payload_type`.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// base64 of the payload's bytes.
    pub payload: String,
    /// At least one.
    pub signatures: Vec<Signature>,
}

/// One signature over the pre-authentication encoding of type and payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Which key.
    pub keyid: KeyId,
    /// base64 of 64 bytes.
    pub sig: String,
}

/// A type that is the content of one kind of document.
pub trait Content: Serialize + DeserializeOwned {
    /// That kind.
    const KIND: Kind;

    /// What the types cannot say; neither signed nor read where it does not hold.
    ///
    /// # Errors
    /// What is wrong with it, naming the field.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Over `Kind::largest`.
    #[error("the document is larger than {limit} bytes")]
    TooLarge {
        /// What its kind may have.
        limit: usize,
    },
    /// Not the kind that was expected.
    #[error("the document is a {found:?}, expected {expected}")]
    WrongKind {
        /// Its payload type.
        found: String,
        /// The wanted payload type.
        expected: &'static str,
    },
    /// No signature, or a key that may not sign this kind, or a signature that does not verify.
    #[error("the document is not signed by a key that may sign it")]
    NotSigned,
    /// Not base64.
    #[error("the document's payload is not base64")]
    Encoding,
    /// Signed, but not readable: an unknown field, a duplicate key, a wrong type.
    #[error("the signed document cannot be read: {0}")]
    Content(String),
    /// Written by a newer version.
    #[error("the document has schema {0}, this version reads up to {SCHEMA}")]
    Schema(u32),
}

fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {} {} ", payload_type.len(), payload_type, payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Signs a document's content with every key given.
///
/// # Errors
/// When the content does not hold, has no JSON form, or is larger than anybody would read.
pub fn seal<C: Content>(content: &C, keys: &[&Key]) -> Result<Envelope, DocumentError> {
    content.check().map_err(DocumentError::Content)?;
    let payload = serde_json::to_vec(content).map_err(|e| DocumentError::Content(e.to_string()))?;
    let payload_type = C::KIND.payload_type();
    let message = pre_authentication(payload_type, &payload);
    let signatures = keys.iter().map(|key| Signature { keyid: key.public().id(), sig: STANDARD.encode(key.sign(&message)) }).collect();
    let envelope = Envelope { payload_type: payload_type.into(), payload: STANDARD.encode(payload), signatures };
    envelope.refuse_too_large()?;
    Ok(envelope)
}

/// The digest that names a document with this content: `Envelope::digest` without a signature.
///
/// # Errors
/// When the content has no JSON form.
pub fn digest_of<C: Content>(content: &C) -> Result<Digest, DocumentError> {
    let payload = serde_json::to_vec(content).map_err(|e| DocumentError::Content(e.to_string()))?;
    Ok(Digest::of(&pre_authentication(C::KIND.payload_type(), &payload)))
}

/// Verifies an envelope under any of `keys` and reads exactly the bytes that were verified.
///
/// # Errors
/// When it is too large, of another kind, not signed by one of the keys, or not readable.
pub fn open<C: Content>(envelope: &Envelope, keys: &[PublicKey]) -> Result<C, DocumentError> {
    let payload = envelope.verified_payload(C::KIND, keys)?;
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let version: Version = serde_json::from_slice(&payload).map_err(|e| DocumentError::Content(e.to_string()))?;
    if version.schema > SCHEMA {
        return Err(DocumentError::Schema(version.schema));
    }
    let content: C = crate::json::parse(&payload).map_err(|e| DocumentError::Content(e.to_string()))?;
    content.check().map_err(DocumentError::Content)?;
    Ok(content)
}

impl Envelope {
    /// The kind that its payload type names.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::of_payload_type(&self.payload_type)
    }

    /// Names the document: the digest of its type and payload bytes, whoever signed.
    ///
    /// # Errors
    /// When the payload is not base64.
    pub fn digest(&self) -> Result<Digest, DocumentError> {
        Ok(Digest::of(&pre_authentication(&self.payload_type, &self.payload_bytes()?)))
    }

    fn payload_bytes(&self) -> Result<Vec<u8>, DocumentError> {
        self.refuse_too_large()?;
        STANDARD.decode(&self.payload).map_err(|_| DocumentError::Encoding)
    }

    /// # Errors
    /// When it is larger than its kind may be.
    pub fn refuse_too_large(&self) -> Result<(), DocumentError> {
        let limit = self.kind().map_or(MAX_DOCUMENT, Kind::largest);
        if self.payload.len() > limit { Err(DocumentError::TooLarge { limit }) } else { Ok(()) }
    }

    /// The payload's bytes after verification, for a caller that must look into what it cannot fully read.
    ///
    /// # Errors
    /// When it is too large, of another kind, or not signed by one of the keys.
    pub fn verified_payload(&self, kind: Kind, keys: &[PublicKey]) -> Result<Vec<u8>, DocumentError> {
        if self.payload_type != kind.payload_type() {
            return Err(DocumentError::WrongKind { found: self.payload_type.clone(), expected: kind.payload_type() });
        }
        let payload = self.payload_bytes()?;
        let message = pre_authentication(&self.payload_type, &payload);
        let signed = self.signatures.iter().take(16).any(|signature| {
            let bytes = STANDARD.decode(&signature.sig).unwrap_or_default();
            keys.iter().filter(|key| key.id() == signature.keyid).any(|key| key.verifies(&message, &bytes))
        });
        if signed { Ok(payload) } else { Err(DocumentError::NotSigned) }
    }
}
