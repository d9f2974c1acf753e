//! Whether a rule answers a request, with the value of every condition.

use super::AutonomousRule;
use crate::application::{Facts, Rule};
use crate::text::OsText;
use crate::time::{Length, Timestamp};
use crate::user::Member;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One condition and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The rule's field: `users`, `applications`, `max_duration`, `unchanged_only`, `hours`, `per_user_per_day`.
    pub name: String,
    /// The value that was held against it, in words.
    pub value: String,
    /// Whether it holds; an unknown one does not.
    pub holds: bool,
}

/// What a rule says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Every condition.
    pub conditions: Vec<Condition>,
    /// Whether all hold.
    pub approves: bool,
}

/// The request that a rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Who.
    pub member: &'a Member,
    /// What.
    pub facts: &'a Facts,
    /// Arguments after the program's name.
    pub arguments: &'a [OsText],
    /// As whom.
    pub target_user: &'a str,
    /// How long was asked for.
    pub duration: Length,
    /// Now.
    pub wall: Timestamp,
    /// Approvals that this rule gave this user today, on this computer.
    pub given_today: u32,
}

/// Holds every condition of an enabled rule against a request.
#[must_use]
pub fn evaluate(
    _rule: &AutonomousRule,
    _lists: &BTreeMap<String, Vec<Rule>>,
    _user_groups: &BTreeMap<String, Vec<String>>,
    _subject: Subject<'_>,
) -> Evaluation {
    Evaluation { conditions: Vec::new(), approves: false }
}
