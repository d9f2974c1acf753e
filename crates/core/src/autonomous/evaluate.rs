//! Whether a rule answers a request, with the value of every condition.

use super::{AutonomousRule, Hours};
use crate::application::{Against, Fact, Facts, Matched, Rule, Side, hold_everything, matches_any};
use crate::decide::{Holds, Recurring, day_start, find_zone, recurring_holds};
use crate::policy::Applications;
use crate::text::OsText;
use crate::time::{Length, Timestamp};
use crate::user::Member;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One condition and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The rule's field: `enabled`, `users`, `applications`, `max_duration`, `unchanged_only`, `hours`, `per_user_per_day`.
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

/// Holds every condition of a rule against a request; a disabled rule never approves. Whether the rule is in shadow, whether it is
/// for this computer and whether autonomous approval is on at all is the caller's to ask.
#[must_use]
pub fn evaluate(
    rule: &AutonomousRule,
    lists: &BTreeMap<String, Vec<Rule>>,
    user_groups: &BTreeMap<String, Vec<String>>,
    subject: Subject<'_>,
) -> Evaluation {
    let mut conditions = Vec::new();
    let mut add = |name: &str, answer: Result<String, String>| {
        let holds = answer.is_ok();
        let value = answer.unwrap_or_else(|why| why);
        conditions.push(Condition { name: name.into(), value, holds });
    };
    if !rule.enabled {
        add("enabled", Err("the rule is disabled".into()));
    }
    add("users", subject.member.is_named(&rule.users, user_groups).for_side(Side::Allow));
    add("applications", applications(rule, lists, subject));
    add("max_duration", at_most(subject.duration, rule.max_duration));
    if rule.unchanged_only {
        add("unchanged_only", unchanged(subject.facts));
    }
    if let Some(hours) = &rule.hours {
        add("hours", within(hours, subject.wall));
    }
    if let Some(budget) = rule.per_user_per_day {
        add("per_user_per_day", budget_left(subject.given_today, budget));
    }
    let approves = conditions.iter().all(|condition| condition.holds);
    Evaluation { conditions, approves }
}

fn applications(rule: &AutonomousRule, lists: &BTreeMap<String, Vec<Rule>>, subject: Subject<'_>) -> Result<String, String> {
    let against = Against { facts: subject.facts, arguments: subject.arguments, target_user: subject.target_user };
    let matched: Result<Matched, String> = match &rule.applications {
        Applications::All => hold_everything(subject.facts, Side::Allow).map_err(|miss| miss.reason),
        Applications::Rules(rules) => matches_any(rules, lists, against, Side::Allow),
    };
    matched.map(|matched| matched.by)
}

fn at_most(asked: Length, most: Length) -> Result<String, String> {
    let value = format!("{asked} of at most {most}");
    if asked <= most { Ok(value) } else { Err(value) }
}

fn unchanged(facts: &Facts) -> Result<String, String> {
    if facts.chain != Fact::Known(true) {
        return Err("the file is not known to be root's alone".into());
    }
    match &facts.package {
        Fact::Unknown(_) => Err("its package could not be found out".into()),
        Fact::Known(None) => Err("it belongs to no package".into()),
        Fact::Known(Some(package)) => match &package.unchanged {
            Fact::Known(true) => Ok(format!("as {} {} installed it", package.name, package.version)),
            Fact::Known(false) => Err(format!("changed since {} {} installed it", package.name, package.version)),
            Fact::Unknown(_) => Err("whether it is as its package installed it could not be found out".into()),
        },
    }
}

fn within(hours: &Hours, wall: Timestamp) -> Result<String, String> {
    let recurring = Recurring { days: &hours.days, start: hours.start, end: hours.end, zone: &hours.zone };
    match recurring_holds(&recurring, wall) {
        Holds::For(_) => Ok(format!("{wall} is within them")),
        Holds::No(why) => Err(format!("{wall} is outside them: {why}")),
    }
}

fn budget_left(given: u32, budget: u32) -> Result<String, String> {
    let value = format!("{given} of {budget} given today");
    if given < budget { Ok(value) } else { Err(value) }
}

/// When the day began on which the budget of `per_user_per_day` counts: midnight in the zone of the rule's hours, else in UTC.
/// `None` when the zone is unknown or the moment is out of range; the budget then counts as used up.
#[must_use]
pub fn budget_day_start(rule: &AutonomousRule, wall: Timestamp) -> Option<Timestamp> {
    let zone = find_zone(rule.hours.as_ref().map_or("UTC", |hours| hours.zone.as_str()))?;
    day_start(&zone, wall)
}
