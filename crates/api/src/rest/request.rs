//! Requests and decisions on them.

use brevet_core::id::{GrantId, PersonId, RequestId};
use brevet_core::request::{PolicyRef, Request, RequestState};
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::computer::ComputerRef;

/// A request: in words for a table, and in full for whoever decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestItem {
    /// Its id.
    pub id: RequestId,
    /// What user and approver compare.
    pub code: String,
    /// Where it stands.
    pub state: RequestState,
    /// Where it would run.
    pub computer: ComputerRef,
    /// Who asked: the OS user's name.
    pub user: String,
    /// As whom it would run.
    pub target_user: String,
    /// What would run, quoted and escaped for a terminal.
    pub command: String,
    /// Why, in the user's words.
    pub reason: String,
    /// Ticket number, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How long was asked for.
    pub duration: Length,
    /// The policy that let them ask.
    pub policy: PolicyRef,
    /// When it was asked.
    pub created: Timestamp,
    /// When it lapses undecided.
    pub lapses: Timestamp,
    /// When it reached its state, other than pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// Whether the digest fits the content; only then can it be approved.
    pub consistent: bool,
    /// From 1; each change of what it says is the next, and takes its approvals back.
    #[serde(default = "first_revision")]
    pub revision: u64,
    /// Who may decide now: the policy's `approvers`, and `escalate_to` once it was escalated.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// When its approvers were reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub reminded: Option<Timestamp>,
    /// When it was escalated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub escalated: Option<Timestamp>,
    /// How many different persons must approve.
    pub approvals_needed: u32,
    /// Who approved so far.
    pub approvals: Vec<Decision>,
    /// Who declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<Decision>,
    /// The grant that answered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// Everything: application facts, arguments, directory, environment, elevation settings, terms.
    pub request: Box<Request>,
    /// When its text (command, reason, comments) was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Timestamp>,
}

const fn first_revision() -> u64 {
    1
}

/// What one person decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// When.
    pub time: Timestamp,
    /// For the user.
    pub comment: String,
    /// For how long, when approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "for")]
    pub duration: Option<Length>,
    /// Narrowed to this command.
    #[serde(default)]
    pub command_only: bool,
}

/// Query of `GET requests`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct RequestQuery {
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
    /// `pending`, `approved`, `auto_approved`, `declined`, `withdrawn` or `lapsed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<brevet_core::request::RequestState>))]
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
    /// Part of the reason, the command, the user, the policy's name, the ticket or the short code, in any case. A page looks through
    /// 2,000 requests: one with few items, or none, may have a next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 200))]
    pub text: Option<String>,
}

/// Body of `approve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// How long, at most what was asked for; that where absent.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub duration: Option<Length>,
    /// For the user.
    #[serde(default)]
    pub comment: String,
    /// Narrow to the exact command, where the policy binds only the application.
    #[serde(default)]
    pub command_only: bool,
    /// The code or digest that the approver saw; when given and different, nothing is approved (409 `wrong_state`). Needed for a
    /// request that changed after it was first seen (`revision` above 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Body of `decline`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// For the user; needed.
    pub comment: String,
}
