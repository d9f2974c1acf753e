//! Between `brevetd` and the server (DESIGN section 3): `POST /agent/v1/enrol`, `POST /agent/v1/journal`, `GET /agent/v1/documents`.
//!
//! `brevetd` authenticates by `Authorization: Bearer JWT` (EdDSA by its transport key; claims `Claims`). The nonce comes from
//! `POST /agent/v1/nonce`, so that a computer whose clock is wrong can still connect.

use brevet_core::digest::Digest;
use brevet_core::document::{Envelope, PublicKey};
use brevet_core::id::{ComputerId, Incarnation, InstanceId};
use serde::{Deserialize, Serialize};

pub use crate::link::{Batch, Processes};

/// Version of this protocol, in the header `brevet-protocol`.
pub const PROTOCOL: u32 = 1;

/// Where `brevetd` says its own version, for people: nothing depends on it.
pub const VERSION_HEADER: &str = "brevet-version";

/// An enrolment token's content: `brevet-enrol-1.` and base64url (no padding) of this JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentToken {
    /// The server's address.
    pub url: String,
    /// SHA-256 of a certificate (DER) that the server's chain must contain; absent when its certificate is publicly trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Digest>,
    /// `PublicKey::fingerprint` of the root key.
    pub root: Digest,
    /// What proves the right to enrol, once or as often as the token allows.
    pub secret: String,
}

/// What an enrolment token's text starts with.
pub const ENROLMENT_PREFIX: &str = "brevet-enrol-1.";

/// `POST /agent/v1/enrol`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// From the enrolment token.
    pub secret: String,
    /// The computer's own name.
    pub hostname: String,
    /// `brevetd`'s transport key.
    pub transport_key: PublicKey,
    /// The broker's journal key.
    pub journal_key: PublicKey,
    /// The broker's first journal.
    pub incarnation: Incarnation,
    /// Operating system and kernel, for people.
    pub platform: String,
    /// Brevet's version.
    pub version: String,
}

/// Its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// The computer's id.
    pub computer: ComputerId,
    /// Its name on the server.
    pub name: String,
    /// The installation, which is the audience of the agent's tokens.
    pub instance: InstanceId,
    /// The root key, whose fingerprint the token carried.
    pub root: PublicKey,
    /// The trust document.
    pub trust: Envelope,
    /// The certificate to trust from now on (PEM), where the server made its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// `POST /agent/v1/nonce`: no body, no authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nonce {
    /// To be used in one token, within two minutes.
    pub nonce: String,
    /// The server's time in Unix seconds, so that `exp` can be set with a wrong clock.
    pub time: i64,
}

/// Claims of the agent's token: header `{"alg":"EdDSA","typ":"JWT","kid":COMPUTER}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The computer.
    pub sub: ComputerId,
    /// The installation.
    pub aud: InstanceId,
    /// From `Nonce`.
    pub nonce: String,
    /// Unix seconds by the server's clock, at most ten minutes after `iat`.
    pub exp: i64,
    /// Unix seconds by the server's clock.
    pub iat: i64,
}

/// Query of `GET /agent/v1/documents`, a stream of server-sent events that resumes where the broker stands.
/// Events: `document` (data: an `Envelope`), `nonce` is never sent; comments keep the connection alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// As in `link::State`.
    pub trust_version: u64,
    /// As in `link::State`.
    pub epoch: u64,
    /// As in `link::State`: documents of the sequence follow from the next one on.
    pub seq: u64,
    /// The broker's nonce, which the first heartbeat of the stream answers.
    pub nonce: String,
}

/// `POST /agent/v1/documents/missing`: shared documents that a manifest names and that the broker lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// Their digests, at most 10,000.
    pub missing: Vec<Digest>,
}

/// Its answer: those of them that concern this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// The documents.
    pub documents: Vec<Envelope>,
}

/// Most sessions in one `POST /agent/v1/processes` (body: `Processes`; answer: 204). A server that does not know it answers 404.
pub const MOST_COUNTED: usize = 4096;

/// Answer to `POST /agent/v1/journal` (body: `Batch`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "journal", rename_all = "snake_case", deny_unknown_fields)]
pub enum JournalAnswer {
    /// Durable up to there: a signed `Acknowledgement`.
    Acknowledged {
        /// The document, for the broker.
        acknowledgement: Envelope,
    },
    /// The batch does not start where the server stands: send from after this record.
    Expected {
        /// The journal that the server knows.
        incarnation: Incarnation,
        /// The last record that it has.
        seq: u64,
    },
    /// This computer is quarantined: its journal forked or went back. Nothing more is accepted until an owner looks at it.
    Quarantined {
        /// Why.
        reason: String,
    },
}
