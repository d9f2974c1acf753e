//! Policies that are sound as written and give more than their author may mean: warnings, never refusals.
//!
//! What is not warned of is not therefore harmless: an application that a user may run with rights can always have faults.

mod applications;
mod elevation;
mod exact;
mod places;
mod programs;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::application::Rule;
use crate::autonomous::AutonomousRule;
use crate::file::File;
use crate::policy::{Applications, Authentication, Binds, Mode, Policy, Scope, Validity};
use crate::time::Length;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Gives more than it seems to.
    Warning,
    /// Gives the whole computer to those whom it names, at once.
    Danger,
}

impl Severity {
    /// As JSON has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }
}

/// What is suspicious about one entry, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `policy` or `autonomous`.
    pub kind: &'static str,
    /// The entry's name, as written.
    pub name: String,
    /// The field within it, as in TOML, such as `applications[2].file`.
    pub field: String,
    /// How much it matters.
    pub severity: Severity,
    /// A stable code, such as `starts_shells`.
    pub code: &'static str,
    /// In words.
    pub reason: String,
    /// What to do instead.
    pub instead: String,
}

/// Application lists by name.
pub type Lists = BTreeMap<String, Vec<Rule>>;

/// A finding without the entry it is about.
struct Found {
    field: String,
    severity: Severity,
    code: &'static str,
    reason: String,
    instead: String,
}

impl Found {
    fn new(
        field: impl Into<String>,
        severity: Severity,
        code: &'static str,
        reason: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), severity, code, reason: reason.into(), instead: instead.into() }
    }
}

/// Every finding about what in a file is in force, its own lists taken for those that its entries name; the gravest first, in the file's
/// order otherwise.
#[must_use]
pub fn lint(file: &File) -> Vec<Finding> {
    let lists: Lists = file.list.iter().map(|list| (list.name.clone(), list.rules.clone())).collect();
    let policies = file.policy.iter().filter(|policy| policy.enabled).flat_map(|policy| lint_policy(policy, &lists));
    let rules = file.autonomous.iter().filter(|rule| rule.enabled && !rule.shadow).flat_map(|rule| lint_autonomous(rule, &lists));
    sorted(policies.chain(rules).collect())
}

/// The gravest first, in their order otherwise.
#[must_use]
pub fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Findings about one policy, also where it is disabled: of what it gives once it is not. A list that is not among `lists` is not looked into.
#[must_use]
pub fn lint_policy(policy: &Policy, lists: &Lists) -> Vec<Finding> {
    if policy.mode == Mode::Deny {
        return Vec::new();
    }
    let mut found = Vec::new();
    scope(policy, &mut found);
    time(policy, &mut found);
    applications::of_policy(policy, lists, &mut found);
    elevation::of(&policy.elevation, &mut found);
    about("policy", &policy.name, found)
}

/// Findings about one autonomous rule, also where it is disabled or only watches.
#[must_use]
pub fn lint_autonomous(rule: &AutonomousRule, lists: &Lists) -> Vec<Finding> {
    let mut found = Vec::new();
    let everything = rule.applications == Applications::All;
    if everything {
        let severity = if rule.users == Scope::All { Severity::Danger } else { Severity::Warning };
        let reason = "approves every application by itself, shells too";
        found.push(Found::new(
            "applications",
            severity,
            "all_applications",
            reason,
            "name the applications that need no person's judgement",
        ));
    }
    if !rule.unchanged_only {
        let reason = "approves files that were changed since they were installed";
        found.push(Found::new("unchanged_only", Severity::Note, "changed_files", reason, "set unchanged_only = true"));
    }
    if rule.max_duration > Length::from_hours(24) {
        let reason = format!("approves {} without a person", rule.max_duration);
        found.push(Found::new("max_duration", Severity::Warning, "long", reason, "give a few hours, and let a person decide on more"));
    }
    applications::of_autonomous(rule, lists, &mut found);
    about("autonomous", &rule.name, found)
}

fn about(kind: &'static str, name: &str, found: Vec<Found>) -> Vec<Finding> {
    let finding = |f: Found| {
        let Found { field, severity, code, reason, instead } = f;
        Finding { kind, name: name.to_owned(), field, severity, code, reason, instead }
    };
    found.into_iter().map(finding).collect()
}

/// Whether nobody looks before it runs.
fn at_once(mode: Mode) -> bool {
    matches!(mode, Mode::Automatic | Mode::Justify)
}

/// Whom it means and how they prove themselves.
fn scope(policy: &Policy, found: &mut Vec<Found>) {
    let everybody = policy.users == Scope::All;
    let unproved = policy.authentication() == Authentication::None;
    if at_once(policy.mode) && unproved {
        let severity = if policy.mode == Mode::Automatic { Severity::Danger } else { Severity::Warning };
        let reason = "elevates without proof of who is there: any program that runs as the user can use it";
        found.push(Found::new("authentication", severity, "no_authentication", reason, "set authentication = \"password\""));
    }
    if at_once(policy.mode) && everybody {
        let severity = if policy.mode == Mode::Automatic && unproved { Severity::Danger } else { Severity::Warning };
        let reason = "elevates every account of the computer at once, those of services too";
        found.push(Found::new("users", severity, "all_users", reason, "name users or groups, or use mode = \"request\""));
    }
    if policy.mode == Mode::Request && policy.request.binds == Binds::Application && policy.applications == Applications::All {
        let reason = "an approval covers any arguments of whatever application was asked for";
        found.push(Found::new("request.binds", Severity::Warning, "binds_application", reason, "leave binds = \"command\""));
    }
    if let Some(remember) = policy.remember.filter(|remember| *remember > Length::from_hours(1) && !unproved) {
        let reason = format!("a proof counts for {remember}: whoever finds the terminal open may use it");
        found.push(Found::new("remember", Severity::Note, "long_memory", reason, "remember for 15m or less"));
    }
}

/// For how long it gives.
fn time(policy: &Policy, found: &mut Vec<Found>) {
    if policy.staleness > Length::from_hours(30 * 24) {
        let reason = format!("a computer that is cut off may use it for {}, whatever was revoked", policy.staleness);
        found.push(Found::new("staleness", Severity::Warning, "long_staleness", reason, "leave 7d, or give less"));
    }
    if policy.request.max_duration > Length::from_hours(24) {
        let reason = format!("one grant lasts up to {}", policy.request.max_duration);
        found.push(Found::new("request.max_duration", Severity::Note, "long", reason, "give hours, and extend what takes longer"));
    }
    if policy.mode == Mode::Automatic && policy.validity == Validity::Always && policy.applications == Applications::All {
        let reason = "is a standing right to everything, which Brevet is there to end";
        found.push(Found::new(
            "validity",
            Severity::Warning,
            "standing",
            reason,
            "give a window or a fixed duration, or use mode = \"request\"",
        ));
    }
}

#[cfg(test)]
mod tests;
