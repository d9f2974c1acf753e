//! The journal's chain (DESIGN section 3): `hash = H(header ‖ H(salt ‖ body))`, each header naming the hash before it.
//!
//! A body can be redacted later (body and salt dropped, their hash kept) and the chain still verifies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::{Digest, Fields};
use crate::document::{Key, PublicKey};
use crate::id::{ComputerId, Incarnation};
use crate::time::Timestamp;

/// Largest body of one record, in bytes.
pub const MAX_BODY: usize = 512 * 1024;
/// The same of a `state.snapshot`. At its worst, escaped once more, it still fits into a frame to `brevetd`.
pub const MAX_SNAPSHOT: usize = 3 << 19;

/// What every record says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Whose journal.
    pub computer: ComputerId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// From 1, without gaps.
    pub seq: u64,
    /// Hash of the record before, or `genesis` for the first.
    pub prev: Digest,
    /// Wall time.
    pub time: Timestamp,
    /// Boot id.
    pub boot: String,
    /// Milliseconds since boot.
    pub boottime: u64,
    /// `Body::kind`, or one that this version does not know.
    pub kind: String,
    /// Version of that kind's body.
    pub schema: u32,
}

/// One record: the exact bytes of its header and body, which are never re-serialised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The header's JSON.
    pub header: String,
    /// base64 of 32 random bytes; absent once redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// The body's JSON; absent once redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `H(salt ‖ body)`.
    pub body_hash: Digest,
}

/// Why a record does not continue a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The header is not readable.
    #[error("record {after} is followed by one whose header cannot be read: {reason}")]
    Header {
        /// The last good sequence number.
        after: u64,
        /// Why.
        reason: String,
    },
    /// The body is not the one that was hashed.
    #[error("the body of record {0} was changed")]
    Body(u64),
    /// Another computer's or another life's record.
    #[error("record {0} belongs to another journal")]
    Foreign(u64),
    /// A number is missing, doubled or out of order.
    #[error("expected record {expected}, found {found}")]
    Gap {
        /// The next number.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// `prev` is not the hash of the record before.
    #[error("record {0} does not follow the one before it: something was changed, removed or put in")]
    Broken(u64),
}

/// What the first record's `prev` is.
#[must_use]
pub fn genesis(computer: &ComputerId, incarnation: &Incarnation) -> Digest {
    Fields::new("brevet journal 1").text(computer.as_str()).text(incarnation.as_str()).finish()
}

impl Record {
    /// Seals a header and a body with 32 random bytes of salt.
    ///
    /// # Errors
    /// When header or body have no JSON form.
    pub fn seal<B: Serialize>(header: &Header, salt: &[u8; 32], body: &B) -> Result<Self, serde_json::Error> {
        Ok(Self::of(serde_json::to_string(header)?, salt, serde_json::to_string(body)?))
    }

    /// Seals texts as they are.
    #[must_use]
    pub fn of(header: String, salt: &[u8; 32], body: String) -> Self {
        let body_hash = hash_body(salt, body.as_bytes());
        Self { header, salt: Some(STANDARD.encode(salt)), body: Some(body), body_hash }
    }

    /// The record's hash.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(self.header.as_bytes());
        hasher.update(self.body_hash.as_bytes());
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The header, parsed.
    ///
    /// # Errors
    /// When it is not the JSON of a header.
    pub fn parse_header(&self) -> Result<Header, serde_json::Error> {
        serde_json::from_str(&self.header)
    }

    /// Whether body and salt, where present, are those that were hashed.
    #[must_use]
    pub fn body_is_intact(&self) -> bool {
        match (&self.salt, &self.body) {
            (Some(salt), Some(body)) => {
                STANDARD.decode(salt).is_ok_and(|salt| salt.len() == 32 && hash_body(&salt, body.as_bytes()) == self.body_hash)
            }
            (None, None) => true,
            _ => false,
        }
    }
}

fn hash_body(salt: &[u8], body: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(body);
    Digest::from_bytes(hasher.finalize().into())
}

/// Where a chain stands: everything before it was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Whose journal.
    pub computer: ComputerId,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The last record's number; 0 before the first.
    pub seq: u64,
    /// The last record's hash.
    pub head: Digest,
}

impl Chain {
    /// An empty journal.
    #[must_use]
    pub fn new(computer: ComputerId, incarnation: Incarnation) -> Self {
        let head = genesis(&computer, &incarnation);
        Self { computer, incarnation, seq: 0, head }
    }

    /// Verifies that a record is the next one and moves on to it.
    ///
    /// # Errors
    /// When it is not; the chain then stands where it stood.
    pub fn follow(&mut self, record: &Record) -> Result<Header, ChainError> {
        let header = record.parse_header().map_err(|e| ChainError::Header { after: self.seq, reason: e.to_string() })?;
        if header.computer != self.computer || header.incarnation != self.incarnation {
            return Err(ChainError::Foreign(header.seq));
        }
        let expected = self.seq.saturating_add(1);
        if header.seq != expected {
            return Err(ChainError::Gap { expected, found: header.seq });
        }
        if header.prev != self.head {
            return Err(ChainError::Broken(header.seq));
        }
        if !record.body_is_intact() {
            return Err(ChainError::Body(header.seq));
        }
        self.seq = header.seq;
        self.head = record.hash();
        Ok(header)
    }
}

/// The head of a batch, signed by the journal key that the broker alone holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// The chain after the batch.
    pub chain: Chain,
    /// base64 of the signature.
    pub signature: String,
}

impl SignedHead {
    fn message(chain: &Chain) -> [u8; 32] {
        let digest = Fields::new("brevet journal head 1").text(chain.computer.as_str()).text(chain.incarnation.as_str()).number(chain.seq);
        *digest.bytes(chain.head.as_bytes()).finish().as_bytes()
    }

    /// Signs where a chain stands.
    #[must_use]
    pub fn sign(chain: &Chain, key: &Key) -> Self {
        Self { chain: chain.clone(), signature: STANDARD.encode(key.sign(&Self::message(chain))) }
    }

    /// Whether the signature is that key's.
    #[must_use]
    pub fn verifies(&self, key: &PublicKey) -> bool {
        STANDARD.decode(&self.signature).is_ok_and(|signature| key.verifies(&Self::message(&self.chain), &signature))
    }
}
