//! `POST replay`: what an autonomous rule would have done with the requests of the last days. It changes nothing.

use brevet_core::autonomous::{AutonomousRule, Condition};
use brevet_core::id::RequestId;
use brevet_core::request::RequestState;
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::computer::ComputerRef;

/// Body of `POST replay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The rule, stored or not; whether it is enabled or in shadow makes no difference.
    pub rule: AutonomousRule,
    /// Over how many days, 1 to 90; 30 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 90))]
    pub days: Option<u32>,
    /// Told are those alone that have this part in their command, user, computer or short code, in any case; all are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    pub text: Option<String>,
    /// The order of those that are told; where absent, first those that it approves, each the newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<ReplaySort>,
}

/// In which order requests are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplaySort {
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
    /// By user.
    User,
    /// By computer.
    Computer,
}

/// What it would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replayed {
    /// From when on.
    pub from: Timestamp,
    /// Requests that were looked at: those on computers that the rule is for, and within the caller's scope.
    pub looked: u64,
    /// Whether these were all of that time; otherwise the newest.
    pub whole: bool,
    /// How many of them it would have approved.
    pub approves: u64,
    /// Of these, how many a person declined.
    pub declined: u64,
    /// The newest of those that were looked at, those that it would have approved first; at most 100.
    pub items: Vec<ReplayedRequest>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayedRequest {
    /// Which.
    pub request: RequestId,
    /// Its short code.
    pub code: String,
    /// Where.
    pub computer: ComputerRef,
    /// Who asked.
    pub user: String,
    /// What would have run, quoted and escaped for a terminal.
    pub command: String,
    /// For how long.
    pub duration: Length,
    /// When.
    pub created: Timestamp,
    /// What became of it.
    pub state: RequestState,
    /// Whether the rule would have approved it.
    pub approves: bool,
    /// Every condition and what was found. Which groups of the computer a user was in, a request does not say: that is unknown here, and
    /// does not hold.
    pub conditions: Vec<Condition>,
}
