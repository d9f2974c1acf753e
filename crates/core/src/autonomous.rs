//! Autonomous approval (DESIGN section 8): rules that answer a request which some policy allowed. The broker decides.

use crate::policy::{Applications, ClockTime, Findings, PolicyError, Scope, Weekday, names};
use crate::time::Length;
use serde::{Deserialize, Serialize};

mod evaluate;
pub use evaluate::{Condition, Evaluation, Subject, budget_day_start, evaluate};

/// A rule as written; every condition in it must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, expecting = "an autonomous rule: a table with its fields")]
pub struct AutonomousRule {
    /// Unique among autonomous rules.
    pub name: String,
    /// A disabled rule is kept and never answers.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Records what it would have done and approves nothing.
    #[serde(default)]
    pub shadow: bool,
    /// As in a policy.
    pub users: Scope,
    /// As in a policy.
    pub computers: Scope,
    /// As in a policy.
    pub applications: Applications,
    /// A request for longer goes to a person.
    pub max_duration: Length,
    /// The content must be as the package manager installed it.
    #[serde(default)]
    pub unchanged_only: bool,
    /// When it answers; always where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How many approvals a user gets from this rule on one computer in a day (UTC, or the day of `hours.zone`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_user_per_day: Option<u32>,
}

const fn yes() -> bool {
    true
}

/// Days and hours in wall time of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, expecting = "a table with days, start, end and zone")]
pub struct Hours {
    /// Days on which a window starts.
    pub days: Vec<Weekday>,
    /// Inclusive.
    pub start: ClockTime,
    /// Exclusive; not later than `start` means the next day.
    pub end: ClockTime,
    /// IANA name.
    pub zone: String,
}

/// The largest daily budget: computers remember so many approvals of one rule for one user.
pub const MOST_PER_DAY: u32 = 1000;

/// Every error of a rule; empty when it is sound.
#[must_use]
pub fn validate(rule: &AutonomousRule) -> Vec<PolicyError> {
    let mut found = Findings::default();
    found.result("name", names::name(&rule.name));
    found.scope("users", &rule.users, names::user_entry);
    found.scope("computers", &rule.computers, names::computer_entry);
    found.applications("applications", &rule.applications);
    found.positive("max_duration", rule.max_duration);
    if let Some(hours) = &rule.hours {
        found.hours("hours", &hours.days, &hours.zone);
    }
    let sensible = rule.per_user_per_day.is_none_or(|budget| (1..=MOST_PER_DAY).contains(&budget));
    found.unless(sensible, "per_user_per_day", "must be from 1 to 1000: leave it out for no limit");
    found.0
}
