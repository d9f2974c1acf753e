//! Sessions: each elevated run.

use brevet_core::id::{GrantId, SessionId};
use brevet_core::policy::Containment;
use brevet_core::record::{Outcome, SessionStarted};
use brevet_core::request::PolicyRef;
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::computer::ComputerRef;

/// One elevated run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionItem {
    /// Its id.
    pub id: SessionId,
    /// The grant that it runs under.
    pub grant: GrantId,
    /// Where.
    pub computer: ComputerRef,
    /// Whether it runs, as far as the computer has said.
    pub state: SessionState,
    /// Who: the OS user's name.
    pub user: String,
    /// As whom.
    pub target_user: String,
    /// What, quoted and escaped for a terminal.
    pub command: String,
    /// Under which policy.
    pub policy: PolicyRef,
    /// Why, in the user's words, where asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What its end reaches.
    pub containment: Containment,
    /// When it started.
    pub started: Timestamp,
    /// Its hard end.
    pub ends: Timestamp,
    /// How many processes it had when its computer last counted them, while it runs: an observation, without proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// When that number came. It is sent when it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Processes that had to be ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes_ended: Option<u32>,
    /// The whole record of its start. Only in the answer about one session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<SessionStarted>>,
    /// When its text (command, reason, comments) was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Timestamp>,
}

/// Whether a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Its end was not heard of yet.
    Started,
    /// It is over.
    Ended,
}

/// Query of `GET sessions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct SessionQuery {
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
    /// `started` or `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<crate::rest::session::SessionState>))]
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
    /// A grant's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
}
