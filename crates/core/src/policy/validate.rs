//! Whether a policy makes sense as written; what the types cannot say.

use super::environment::{is_capability, may_keep};
use super::{Applications, AtExpiry, Authentication, Children, Elevation, Policy, RequestTerms, Scope, Validity, Weekday, names};
use crate::application::{Rule, RuleError, validate_rule};
use crate::decide::find_zone;
use crate::time::Length;

/// What is wrong: the field as written in TOML, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PolicyError {
    /// Such as `applications[2].hash`.
    pub field: String,
    /// In words.
    pub reason: String,
}

/// Most rules in one place.
pub const MAX_RULES: usize = 1000;
/// Most names in one place.
const MAX_NAMES: usize = 10_000;
/// Most approvers, environment variables and the like.
const MAX_FEW: usize = 64;
/// Longest description and message, in bytes.
const MAX_TEXT: usize = 4096;

/// Every error of a policy; empty when it is sound.
#[must_use]
pub fn validate(policy: &Policy) -> Vec<PolicyError> {
    let mut found = Findings::default();
    found.result("name", names::name(&policy.name));
    found.text("description", &policy.description);
    found.text("message", &policy.message);
    found.scope("computers", &policy.computers, names::computer_entry);
    found.scope("users", &policy.users, names::user_entry);
    if let (Some(remember), authentication) = (policy.remember, policy.authentication()) {
        found.unless(authentication == Authentication::Password, "remember", "only with authentication = \"password\"");
        found.positive("remember", remember);
    }
    found.applications("applications", &policy.applications);
    found.rules("except", &policy.exceptions);
    validity(&policy.validity, &mut found);
    found.positive("staleness", policy.staleness);
    elevation(&policy.elevation, &mut found);
    request(&policy.request, &mut found);
    found.0
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Findings(pub Vec<PolicyError>);

impl Findings {
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(PolicyError { field: field.into(), reason: reason.into() });
    }

    pub fn unless(&mut self, holds: bool, field: &str, reason: &str) {
        if !holds {
            self.add(field, reason);
        }
    }

    pub fn result(&mut self, field: &str, result: Result<(), String>) {
        if let Err(reason) = result {
            self.add(field, reason);
        }
    }

    pub fn positive(&mut self, field: &str, length: Length) {
        self.unless(length > Length::ZERO, field, "must be longer than 0s");
    }

    fn text(&mut self, field: &str, text: &str) {
        self.unless(text.len() <= MAX_TEXT, field, &format!("is longer than {MAX_TEXT} bytes"));
        self.result(field, names::printable(&text.replace(['\n', '\t'], " ")));
    }

    pub fn scope(&mut self, field: &str, scope: &Scope, test: fn(&str) -> Result<(), String>) {
        match scope {
            Scope::All => {}
            Scope::Named(entries) if entries.is_empty() => self.add(field, "is empty: name some, or write \"all\""),
            Scope::Named(entries) => self.entries(field, entries, MAX_NAMES, test),
        }
    }

    /// Entries that each pass a test, none of them twice.
    pub fn entries(&mut self, field: &str, entries: &[String], most: usize, test: fn(&str) -> Result<(), String>) {
        self.unless(entries.len() <= most, field, &format!("has more than {most} entries"));
        let mut seen = std::collections::BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let field = format!("{field}[{index}]");
            self.result(&field, test(entry));
            self.unless(seen.insert(entry), &field, "is there twice");
        }
    }

    pub fn applications(&mut self, field: &str, applications: &Applications) {
        match applications {
            Applications::All => {}
            Applications::Rules(rules) if rules.is_empty() => self.add(field, "is empty: give rules, or write \"all\""),
            Applications::Rules(rules) => self.rules(field, rules),
        }
    }

    fn rules(&mut self, field: &str, rules: &[Rule]) {
        self.rules_with(field, rules, validate_rule);
    }

    pub fn rules_with(&mut self, field: &str, rules: &[Rule], test: fn(&Rule) -> Vec<RuleError>) {
        self.unless(rules.len() <= MAX_RULES, field, &format!("has more than {MAX_RULES} rules"));
        for (index, rule) in rules.iter().take(MAX_RULES).enumerate() {
            for error in test(rule) {
                let within = if error.field == "rule" { String::new() } else { format!(".{}", error.field) };
                self.add(format!("{field}[{index}]{within}"), error.reason);
            }
        }
    }

    pub fn hours(&mut self, prefix: &str, days: &[Weekday], zone: &str) {
        self.unless(!days.is_empty(), &format!("{prefix}.days"), "is empty: it would never hold");
        let mut seen = days.to_vec();
        seen.sort_unstable();
        seen.dedup();
        self.unless(seen.len() == days.len(), &format!("{prefix}.days"), "has a day twice");
        let known = find_zone(zone).is_some_and(|found| found.iana_name() == Some(zone));
        self.unless(known, &format!("{prefix}.zone"), "is not an IANA zone such as Europe/Berlin");
    }
}

fn validity(validity: &Validity, found: &mut Findings) {
    match validity {
        Validity::Always => {}
        Validity::Fixed { duration, from: _ } => found.positive("validity.duration", *duration),
        Validity::Window { start, end } => found.unless(start < end, "validity.end", "is not after start"),
        Validity::Recurring { days, start: _, end: _, zone } => found.hours("validity", days, zone),
    }
}

/// Longest time between `SIGTERM` and kill.
const MAX_GRACE: Length = Length::from_hours(1);

fn elevation(elevation: &Elevation, found: &mut Findings) {
    let own = elevation.run_as == "self";
    if own {
        found.unless(!elevation.capabilities.is_empty(), "elevation.run_as", "\"self\" needs capabilities beside it");
    } else {
        found.result("elevation.run_as", names::user(&elevation.run_as));
        found.unless(elevation.capabilities.is_empty(), "elevation.capabilities", "only with run_as = \"self\"");
    }
    found.entries("elevation.capabilities", &elevation.capabilities, MAX_FEW, |name| {
        if is_capability(name) { Ok(()) } else { Err("is not a capability of the kernel, such as CAP_NET_ADMIN".into()) }
    });
    found.entries("elevation.keep_environment", &elevation.keep_environment, MAX_FEW, may_keep);
    let listed = elevation.children == Children::Listed;
    found.unless(listed || elevation.children_listed.is_empty(), "elevation.children_listed", "only with children = \"listed\"");
    found.unless(!listed || !elevation.children_listed.is_empty(), "elevation.children", "\"listed\" needs children_listed beside it");
    found.rules("elevation.children_listed", &elevation.children_listed);
    match (elevation.at_expiry, elevation.finish_within) {
        (AtExpiry::Terminate, None) => {}
        (AtExpiry::Terminate, Some(_)) => found.add("elevation.finish_within", "only with at_expiry = \"let_finish\""),
        (AtExpiry::LetFinish, Some(length)) => found.positive("elevation.finish_within", length),
        (AtExpiry::LetFinish, None) => found.add("elevation.at_expiry", "\"let_finish\" needs finish_within beside it"),
    }
    found.unless(elevation.grace <= MAX_GRACE, "elevation.grace", "is longer than 1h");
}

fn request(terms: &RequestTerms, found: &mut Findings) {
    found.positive("request.max_duration", terms.max_duration);
    found.positive("request.lapses_after", terms.lapses_after);
    found.positive("request.use_within", terms.use_within);
    let few = u32::try_from(MAX_FEW).unwrap_or(u32::MAX);
    found.unless((1..=few).contains(&terms.approvals), "request.approvals", &format!("must be from 1 to {few}"));
    found.unless(!terms.approvers.is_empty(), "request.approvers", "is empty: nobody could approve");
    found.entries("request.approvers", &terms.approvers, MAX_FEW, names::approver);
    let in_time = |after: Length| after < terms.lapses_after || terms.lapses_after == Length::ZERO;
    let late = format!("must be less than lapses_after ({}): nobody would see it", terms.lapses_after);
    if let Some(remind) = terms.remind_after {
        found.positive("request.remind_after", remind);
        found.unless(in_time(remind), "request.remind_after", &late);
    }
    match (terms.escalate_after, terms.escalate_to.is_empty()) {
        (None, true) => {}
        (None, false) => found.add("request.escalate_to", "only with escalate_after"),
        (Some(_), true) => found.add("request.escalate_after", "needs escalate_to beside it"),
        (Some(after), false) => {
            found.positive("request.escalate_after", after);
            found.unless(in_time(after), "request.escalate_after", &late);
        }
    }
    found.entries("request.escalate_to", &terms.escalate_to, MAX_FEW, names::approver);
}
