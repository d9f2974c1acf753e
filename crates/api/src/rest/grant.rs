//! Grants: what was given, what became of it, and whether the computer knows.

use brevet_core::document::Kind;
use brevet_core::id::{GrantId, RequestId};
use brevet_core::request::PolicyRef;
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::computer::ComputerRef;
use super::request::Decision;

/// A grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantItem {
    /// Its id.
    pub id: GrantId,
    /// What made it.
    pub origin: GrantOrigin,
    /// Where it stands.
    pub state: GrantState,
    /// Where it holds.
    pub computer: ComputerRef,
    /// Who has it: the OS user's name.
    pub user: String,
    /// As whom it runs.
    pub target_user: String,
    /// What it is for, quoted and escaped for a terminal.
    pub command: String,
    /// Why, in the user's words, where asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Under which policy, in the version that was approved.
    pub policy: PolicyRef,
    /// The request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// From 1; each extension is the next.
    pub version: u64,
    /// How long it gives in all.
    pub duration: Length,
    /// Narrowed to the exact command.
    pub command_only: bool,
    /// When it was made.
    pub created: Timestamp,
    /// First use at the latest at this moment.
    pub use_before: Timestamp,
    /// First use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<Timestamp>,
    /// When it ends: known exactly from first use on, until then at the latest.
    pub ends: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// By whom and why, when it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who approved.
    pub approvals: Vec<Decision>,
    /// Each document about it, oldest first.
    pub deliveries: Vec<Delivery>,
    /// When its text (command, reason, comments) was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Timestamp>,
}

/// What made a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantOrigin {
    /// An approver.
    Approved,
    /// A policy with mode `automatic`.
    Automatic,
    /// A policy with mode `justify`.
    Justify,
    /// An autonomous rule.
    Autonomous,
}

/// Where a grant stands (DESIGN section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Not used yet.
    Issued,
    /// Used, and its time runs.
    Active,
    /// Its time was up.
    Expired,
    /// By a person or by a policy's change.
    Revoked,
    /// By its user or its task.
    Finished,
    /// Never used in time.
    Unused,
}

/// One document on its way to the computer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// `grant`, `revocation` or `decline`.
    pub document: Kind,
    /// Its place in the computer's sequence.
    pub seq: u64,
    /// How far it came.
    pub state: DeliveryState,
    /// When it was signed.
    pub sent: Timestamp,
    /// When the computer said that it holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Timestamp>,
    /// When the computer said that it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// For a revocation, processes that were ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes_ended: Option<u32>,
}

/// How far a document came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Signed and on its way.
    Sent,
    /// The computer holds it.
    Delivered,
    /// It took effect there.
    Confirmed,
}

/// Query of `GET grants`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct GrantQuery {
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
    /// `issued`, `active`, `expired`, `revoked`, `finished` or `unused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::rest::grant::GrantState>))]
    pub state: Option<String>,
    /// A computer's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
    /// An OS user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A policy's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// `approved`, `automatic`, `justify` or `autonomous`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::rest::grant::GrantOrigin>))]
    pub origin: Option<String>,
    /// Whether it can still be used: `issued` or `active`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
}

/// Body of `extend`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// How much longer.
    pub by: Length,
    /// For the user.
    #[serde(default)]
    pub comment: String,
}

/// Body of `revoke`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// For the user.
    #[serde(default)]
    pub comment: String,
    /// Kill at once, without the grace.
    #[serde(default)]
    pub now: bool,
}

/// Body of `POST grants/revoke`: every grant that all the given ones name; at least one of them is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeAll {
    /// An OS user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A computer's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
    /// A policy's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// For the users.
    #[serde(default)]
    pub comment: String,
    /// Kill at once, without the grace.
    #[serde(default)]
    pub now: bool,
    /// Say what would be revoked, revoke nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// How many in this call, 1 to 500; 100 where absent. Call again while `left` is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Answer of `POST grants/revoke`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokedAll {
    /// As asked.
    pub dry_run: bool,
    /// Each grant of this call, oldest first, and what became of it.
    pub items: Vec<RevokedOne>,
    /// How many open grants are named and not in `items`.
    pub left: u64,
}

/// What became of one grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokedOne {
    /// The grant.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: GrantId,
    /// Where it holds.
    pub computer: ComputerRef,
    /// Who has it.
    pub user: String,
    /// What it is for, quoted and escaped for a terminal.
    pub command: String,
    /// What happened.
    pub result: RevokeResult,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// What happened to one grant of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevokeResult {
    /// With `dry_run`.
    WouldRevoke,
    /// Its revocation is on its way.
    Revoked,
    /// It ended by itself meanwhile.
    Over,
    /// It is as it was; see `because`.
    Failed,
}
