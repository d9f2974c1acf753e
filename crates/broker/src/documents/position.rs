//! What of documents must survive a restart and is not in the journal.

use brevet_core::time::{Now, Timestamp};
use serde::{Deserialize, Serialize};

/// Where the computer's sequence stands.
///
/// It is written after the journal records of what a document did, so a crash in between makes the server send that
/// document again; every effect can be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// The epoch.
    pub epoch: u64,
    /// The last accepted document.
    pub seq: u64,
    /// Signed time of the last heartbeat.
    pub last_heartbeat: Option<Timestamp>,
    /// The last heartbeat that found no gap: its signed time, with the boot clock of its receipt.
    pub heartbeat: Option<Now>,
    /// The last journal record that the server acknowledged.
    pub acknowledged: u64,
    /// Up to which record was acknowledged at a moment, oldest first, for trimming.
    pub acknowledged_at: Vec<(u64, Timestamp)>,
    /// The highest wall time seen.
    pub mark: Option<Timestamp>,
}
