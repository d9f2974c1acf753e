//! Computers, their journals, and the tokens that let one enrol.

use brevet_core::document::PublicKey;
use brevet_core::id::{ComputerId, EnrolmentTokenId, Incarnation, PolicyId};
use brevet_core::journal::{Record, SignedHead};
use brevet_core::policy::Containment;
use brevet_core::space::Space;
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::PolicyState;
use super::warning::Warning;

/// A computer, by id and name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComputerRef {
    /// Its id.
    pub id: ComputerId,
    /// Its name on the server.
    pub name: String,
}

/// A managed machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Computer {
    /// Its id.
    pub id: ComputerId,
    /// Its name on the server, unique.
    pub name: String,
    /// The name that it gave itself.
    pub hostname: String,
    /// Operating system and kernel.
    pub platform: String,
    /// The version of `brevetd` there, as it says itself when it connects.
    pub agent_version: String,
    /// Whether it may have rights at all.
    pub state: ComputerState,
    /// Why it is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Whether its stream of documents is open.
    pub connected: bool,
    /// Whether it was silent for too long.
    pub lost: bool,
    /// When it enrolled.
    pub enrolled: Timestamp,
    /// When it was last heard of.
    pub last_contact: Timestamp,
    /// What it was sent and what it holds.
    pub documents: Held,
    /// Where its journal stands on the server; absent before the first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalPosition>,
    /// What its broker recorded of it; absent for one that is too old to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// What somebody should look at there.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Groups that name it.
    pub groups: Vec<String>,
    /// Every enabled policy that concerns it. Only in the answer about one computer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyHere>,
}

/// What a computer's broker recorded of it, signed in its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Facts {
    /// The broker's version.
    pub broker_version: String,
    /// The kernel's release.
    pub kernel: String,
    /// Such as `x86_64`.
    pub architecture: String,
    /// `ID` of os-release(5), such as `debian`; what the file does not say is empty.
    pub os: String,
    /// `VERSION_ID`.
    pub os_version: String,
    /// `PRETTY_NAME`.
    pub os_name: String,
    /// What its broker can promise the end of a session to reach.
    pub containment: Vec<Containment>,
    /// How control groups are mounted: `unified` or `hybrid`.
    pub cgroup: String,
    /// Room where its journal is, when this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<Space>,
    /// By how many seconds its clock was ahead of the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_seconds: Option<i64>,
    /// When it recorded this, by its own clock.
    pub reported: Timestamp,
}

/// Whether a computer may have rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComputerState {
    /// As usual.
    Enrolled,
    /// It gets no documents that allow anything, and its journal is not taken.
    Quarantined,
    /// It can no longer connect.
    Removed,
}

/// Query of `GET computers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ComputerQuery {
    /// How many at most; 50 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(pattern = "^[A-Za-z0-9_-]*$", max_length = 1000))]
    pub cursor: Option<String>,
    /// The order: one of the list's names, or one after `-` for the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// `enrolled`, `quarantined` or `removed`; removed ones are left out unless asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::rest::computer::ComputerState>))]
    pub state: Option<String>,
    /// Whether it was silent for too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<bool>,
    /// Part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Part of the operating system's id, version and name, in any case: `debian 12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Beginning of the kernel's release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Beginning of the broker's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a computer was sent and what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Held {
    /// The server's epoch.
    pub epoch: u64,
    /// The last document of its sequence.
    pub sent: u64,
    /// The last that it said it holds.
    pub held: u64,
    /// The trust document that it said it holds.
    pub trust_version: u64,
}

/// Where a journal stands on the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JournalPosition {
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The last record.
    pub seq: u64,
    /// Its hash.
    pub head: String,
}

/// One policy on the computer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyHere {
    /// Which.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// The version that this is about.
    pub version: u64,
    /// Where it stands.
    pub state: PolicyState,
    /// The field that cannot be enforced, for `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why, for `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Body of `quarantine` and `release`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// Why; needed.
    pub comment: String,
}

/// Query of `GET computers/{ref}/journal`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct JournalQuery {
    /// Records after this one; from the first where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Which life of the journal; the latest where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// 1 to 1000; 500 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
}

/// Records of one journal, byte for byte, oldest first. `Chain::new` and `follow` verify from the first on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JournalPage {
    /// Whose.
    pub computer: ComputerRef,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Every life that the server has, oldest first.
    pub incarnations: Vec<Incarnation>,
    /// The key that signs its heads.
    pub journal_key: PublicKey,
    /// The records.
    pub records: Vec<Record>,
    /// The last head that the computer signed and the server took. Absent when there is no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<SignedHead>,
    /// The next page's `after`; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Body of `POST enrolment-tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEnrolmentToken {
    /// For people.
    #[serde(default)]
    pub name: String,
    /// How many computers; 1 where absent.
    #[serde(default = "once")]
    pub uses: u32,
    /// `1h` where absent, at most `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Length>,
    /// Computer groups that the computers join.
    #[serde(default)]
    pub groups: Vec<String>,
}

const fn once() -> u32 {
    1
}

/// A right to enrol, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolmentToken {
    /// Its id.
    pub id: EnrolmentTokenId,
    /// For people.
    pub name: String,
    /// How many computers may use it.
    pub uses: u32,
    /// How many did.
    pub used: u32,
    /// Computer groups that the computers join.
    pub groups: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether somebody revoked it.
    pub revoked: bool,
}

/// Answer to `POST enrolment-tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolmentTokenCreated {
    /// Its id.
    pub id: EnrolmentTokenId,
    /// The whole text for `brevetd enrol`, shown this once.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
}
