//! Autonomous rules: every condition with its value, and what is unknown does not hold.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod sample;

use brevet_core::application::{Fact, Facts, Rule};
use brevet_core::autonomous::{AutonomousRule, Evaluation, Subject, budget_day_start, evaluate, validate};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::{Member, User};
use std::collections::BTreeMap;

const RULE: &str = r#"
name = "Unchanged package tools, office hours"
users = ["os-group:webteam"]
computers = "all"
applications = [{ list = "Package tools" }]
max_duration = "30m"
unchanged_only = true
hours = { days = ["mon", "tue", "wed", "thu", "fri"], start = "08:00", end = "18:00", zone = "Europe/Berlin" }
per_user_per_day = 5
"#;

fn rule() -> AutonomousRule {
    toml::from_str(RULE).unwrap()
}
fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
fn member(groups: Fact<Vec<String>>) -> Member {
    Member { user: User { uid: 1000, name: "alice".into() }, groups }
}

struct Asked {
    member: Member,
    facts: Facts,
    duration: Length,
    wall: Timestamp,
    given: u32,
}

impl Asked {
    fn usual() -> Self {
        Self {
            member: member(Fact::Known(vec!["webteam".into()])),
            facts: sample::facts("/usr/bin/tool"),
            duration: Length::from_minutes(30),
            wall: at("2026-06-01T10:00:00Z"),
            given: 4,
        }
    }

    fn of(&self, rule: &AutonomousRule) -> Evaluation {
        let lists = BTreeMap::from([("Package tools".to_owned(), vec![Rule { product: Some("tool".into()), ..Rule::default() }])]);
        let arguments: [OsText; 0] = [];
        let subject = Subject {
            member: &self.member,
            facts: &self.facts,
            arguments: &arguments,
            target_user: "root",
            duration: self.duration,
            wall: self.wall,
            given_today: self.given,
        };
        evaluate(rule, &lists, &BTreeMap::new(), subject)
    }
}

/// The conditions that do not hold.
fn failing(change: impl FnOnce(&mut Asked)) -> Vec<String> {
    let mut asked = Asked::usual();
    change(&mut asked);
    let evaluation = asked.of(&rule());
    let failing: Vec<String> = evaluation.conditions.into_iter().filter(|c| !c.holds).map(|c| c.name).collect();
    assert_eq!(evaluation.approves, failing.is_empty());
    failing
}

#[test]
fn a_request_that_meets_every_condition_is_approved_with_their_values() {
    let evaluation = Asked::usual().of(&rule());
    assert!(evaluation.approves);
    let told: Vec<(&str, &str)> = evaluation.conditions.iter().map(|c| (c.name.as_str(), c.value.as_str())).collect();
    assert_eq!(
        told,
        [
            ("users", "os-group:webteam"),
            ("applications", "list \"Package tools\": product \"tool\""),
            ("max_duration", "30m of at most 30m"),
            ("unchanged_only", "as tool 1 installed it"),
            ("hours", "2026-06-01T10:00:00.000Z is within them"),
            ("per_user_per_day", "4 of 5 given today"),
        ]
    );
}

#[test]
fn each_condition_can_fail_alone() {
    assert_eq!(failing(|_| {}), [""; 0]);
    assert_eq!(failing(|a| a.member.groups = Fact::Known(vec!["users".into()])), ["users"]);
    assert_eq!(failing(|a| a.duration = Length::from_seconds(1801)), ["max_duration"]);
    assert_eq!(failing(|a| a.wall = at("2026-06-01T05:59:59Z")), ["hours"]);
    assert_eq!(failing(|a| a.wall = at("2026-06-01T16:00:00Z")), ["hours"]);
    assert_eq!(failing(|a| a.wall = at("2026-06-06T10:00:00Z")), ["hours"]);
    assert_eq!(failing(|a| a.given = 5), ["per_user_per_day"]);
    assert_eq!(failing(|a| a.given = u32::MAX), ["per_user_per_day"]);
    let unchanged = |value| {
        move |a: &mut Asked| {
            if let Fact::Known(Some(package)) = &mut a.facts.package {
                package.unchanged = value
            }
        }
    };
    assert_eq!(failing(unchanged(Fact::Known(false))), ["unchanged_only"]);
}

#[test]
fn what_is_unknown_does_not_hold() {
    let why = || "no answer".to_owned();
    assert_eq!(failing(|a| a.member.groups = Fact::Unknown(why())), ["users"]);
    assert_eq!(failing(|a| a.facts.package = Fact::Unknown(why())), ["applications", "unchanged_only"]);
    assert_eq!(failing(|a| a.facts.chain = Fact::Unknown(why())), ["applications", "unchanged_only"]);
    let mut elsewhere = rule();
    elsewhere.hours.as_mut().unwrap().zone = "Mars/Olympus".into();
    assert!(!Asked::usual().of(&elsewhere).approves);
    let mut missing = rule();
    missing.applications = toml::from_str::<AutonomousRule>(&RULE.replace("Package tools\" }", "Other\" }")).unwrap().applications;
    assert!(!Asked::usual().of(&missing).approves);
}

#[test]
fn a_disabled_rule_never_approves() {
    assert!(!Asked::usual().of(&AutonomousRule { enabled: false, ..rule() }).approves);
}

#[test]
fn the_budget_counts_from_midnight_in_the_rules_zone() {
    assert_eq!(budget_day_start(&rule(), at("2026-06-01T21:59:59Z")), Some(at("2026-05-31T22:00:00Z")));
    assert_eq!(budget_day_start(&rule(), at("2026-06-01T22:00:00Z")), Some(at("2026-06-01T22:00:00Z")));
    let utc = AutonomousRule { hours: None, ..rule() };
    assert_eq!(budget_day_start(&utc, at("2026-06-01T23:59:59Z")), Some(at("2026-06-01T00:00:00Z")));
    let mut unknown = rule();
    unknown.hours.as_mut().unwrap().zone = "Mars/Olympus".into();
    assert_eq!(budget_day_start(&unknown, at("2026-06-01T23:59:59Z")), None);
}

#[test]
fn errors_of_a_rule_name_their_field() {
    assert!(validate(&rule()).is_empty());
    let fields = |text: String| validate(&toml::from_str(&text).unwrap()).into_iter().map(|e| e.field).collect::<Vec<_>>();
    assert_eq!(fields(RULE.replace("30m", "0s")), ["max_duration"]);
    assert_eq!(fields(RULE.replace("= 5", "= 0")), ["per_user_per_day"]);
    assert_eq!(fields(RULE.replace("Europe/Berlin", "Europe/Bonn")), ["hours.zone"]);
    assert_eq!(fields(RULE.replace("\"mon\", \"tue\"", "\"mon\", \"mon\"")), ["hours.days"]);
    assert_eq!(fields(RULE.replace("[\"os-group:webteam\"]", "[]")), ["users"]);
}
