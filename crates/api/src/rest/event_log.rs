//! The log as a tree that only grows, for whoever verifies it elsewhere: `brevet_core::audit_log` says what is hashed and signed.

use brevet_core::audit_log::SignedCheckpoint;
use brevet_core::digest::Digest;
use brevet_core::document::PublicKey;
use brevet_core::journal::Record;
use serde::{Deserialize, Serialize};

/// Answer of `GET event-log/checkpoint`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogCheckpoint {
    /// What the log is now.
    pub signed: SignedCheckpoint,
    /// The key that signed it.
    pub key: PublicKey,
}

/// Query of `GET event-log`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct LogQuery {
    /// From this place on, which is how many events were before it; from the first where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// 1 to 1000; 500 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
}

/// Events of the log in its order, byte for byte as they are hashed. With the last page the tree over all of them has the root that its
/// checkpoint names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogPage {
    /// What the log was when this page was put together.
    pub signed: SignedCheckpoint,
    /// The key that signed it.
    pub key: PublicKey,
    /// The place of the first event here.
    pub from: u64,
    /// The events: `header` is `brevet_core::audit_log::Header`, `body` the line in words and the event's body, absent once redacted.
    pub records: Vec<Record>,
    /// The next page's `from`; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Answer of `GET events/{id}/proof`: that the log of the checkpoint has this event at this place. Nothing else is needed to verify it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventProof {
    /// Its place in the log.
    pub place: u64,
    /// The event.
    pub record: Record,
    /// The hashes beside it on the way to the root, the nearest first (RFC 6962, section 2.1.1).
    pub path: Vec<Digest>,
    /// What the log is now.
    pub signed: SignedCheckpoint,
    /// The key that signed it.
    pub key: PublicKey,
}
