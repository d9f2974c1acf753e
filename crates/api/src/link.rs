//! Between `brevetd` and the broker on `agent.sock`: a small closed set of frames. Documents in, journal out.
//!
//! The broker believes none of it: documents carry signatures, and everything else here is a wish.

use brevet_core::digest::Digest;
use brevet_core::document::{Envelope, PublicKey};
use brevet_core::id::{ComputerId, Incarnation, SessionId};
use brevet_core::journal::{Record, SignedHead};
use serde::{Deserialize, Serialize};

/// From `brevetd` to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "down", rename_all = "snake_case", deny_unknown_fields)]
pub enum Down {
    /// First frame: send `Up::State`, then the journal from after what the server holds.
    Hello {
        /// The sender's version.
        version: String,
    },
    /// A signed document of any kind, an acknowledgement too. Answered by `Up::State` where it changed what is held.
    Document(Envelope),
    /// Whether the server can be reached.
    Connected {
        /// It can.
        connected: bool,
    },
    /// Send journal records from after this one: what the server holds, as it says.
    Rewind {
        /// The journal that the server knows.
        incarnation: Incarnation,
        /// The last record that it has.
        seq: u64,
    },
}

/// From the broker to `brevetd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "up", rename_all = "snake_case", deny_unknown_fields)]
pub enum Up {
    /// What the broker holds, so that only what is missing travels.
    State(State),
    /// The next records, in order, at most 256 or 1 MiB; the next batch follows when these are acknowledged or after `Rewind`.
    Journal(Batch),
    /// How many processes the running sessions have now, where that changed; looked at every few seconds while any runs.
    Processes(Processes),
}

/// What the broker holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Which computer.
    pub computer: ComputerId,
    /// Version of the trust document held.
    pub trust_version: u64,
    /// The epoch of the sequence.
    pub epoch: u64,
    /// The last document of the sequence that was accepted.
    pub seq: u64,
    /// Digests of the shared documents held.
    pub held: Vec<Digest>,
    /// Digests that the manifest names and that are missing.
    pub missing: Vec<Digest>,
    /// A nonce for the next heartbeat, fresh since this boot.
    pub nonce: String,
    /// Key that signs the journal's heads.
    pub journal_key: PublicKey,
}

/// How many processes run where: an observation for people to look at. Nothing rests on it, and nothing proves it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// Each running session.
    pub sessions: Vec<Counted>,
}

/// A session's processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Which.
    pub session: SessionId,
    /// How many are in its control group, a namespace's own init left out.
    pub processes: u32,
}

/// Some records with the signed head after the last of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// In order, without gaps.
    pub records: Vec<Record>,
    /// Where the chain stands after them.
    pub head: SignedHead,
}
