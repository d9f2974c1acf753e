//! A policy in plain English, the same in the command, `brevetctl` and the console.
//!
//! Text of others' is escaped for a terminal and quoted where it could be misread; escape again for HTML.

use crate::application::{Argument, Rule};
use crate::autonomous::AutonomousRule;
use crate::decide::{Fixed, Holds, Standing, fresh, holds};
use crate::escape;
use crate::policy::{
    Applications, AtExpiry, Authentication, Binds, Children, Containment, FixedFrom, Mode, Policy, Scope, Uses, Validity, Weekday,
};
use crate::time::{Length, Timestamp};

/// Each application that a policy is for, in the order in which they are written, exceptions last.
#[must_use]
pub fn applications(policy: &Policy) -> Vec<String> {
    let mut out = rules(&policy.applications);
    out.extend(policy.exceptions.iter().map(|rule| format!("but not {}", application(rule))));
    out
}

fn rules(applications: &Applications) -> Vec<String> {
    match applications {
        Applications::All => vec!["any application".into()],
        Applications::Rules(rules) => rules.iter().map(application).collect(),
    }
}

/// One rule, such as `nginx (only -t)`.
#[must_use]
pub fn application(rule: &Rule) -> String {
    let named = |text: &str| escape::terminal(text.as_bytes());
    let mut conditions = Vec::new();
    let word = |words: &str, value: &Option<String>| value.as_ref().map(|value| format!("{words} {}", named(value)));
    let what = if let Some(list) = &rule.list {
        format!("what the list \"{}\" names", named(list))
    } else if let Some(file) = &rule.file {
        named(file)
    } else if let Some(executable) = &rule.executable {
        conditions.extend(word("of the package", &rule.product));
        format!("{} as it was installed", named(executable))
    } else if let Some(folder) = &rule.folder {
        format!("anything {} {}", if rule.subfolders { "below" } else { "in" }, named(folder))
    } else if let Some(product) = &rule.product {
        format!("any program of the package {}", named(product))
    } else if let Some(vendor) = &rule.vendor {
        format!("any program of the vendor \"{}\"", named(vendor))
    } else if let Some(store) = &rule.store {
        named(store)
    } else if let Some(component) = &rule.component {
        format!("the action {}", named(component))
    } else if rule.hash.is_some() {
        "the file".into()
    } else {
        "any application".into()
    };
    if rule.executable.is_none() && (rule.file.is_some() || rule.folder.is_some()) {
        conditions.extend(word("of the package", &rule.product));
    }
    if rule.product.is_some() || rule.file.is_some() || rule.folder.is_some() || rule.executable.is_some() {
        conditions.extend(word("from", &rule.vendor));
    }
    conditions.extend(word("from version", &rule.min_version));
    conditions.extend(word("up to version", &rule.max_version));
    conditions.extend(rule.hash.map(|hash| format!("with the content {hash}")));
    if rule.executable.is_none() {
        conditions.extend(
            rule.unchanged.map(|unchanged| if unchanged { "as it was installed" } else { "changed since it was installed" }.into()),
        );
    }
    conditions.extend(word("owned by", &rule.owner));
    conditions.extend(word("run by", &rule.interpreter));
    conditions.extend(rule.parent.as_ref().map(|parent| format!("started from {}", application(parent))));
    conditions.extend(word("as", &rule.target_user));
    conditions.push(arguments(rule.arguments.as_deref()));
    format!("{what} ({})", conditions.join(", "))
}

fn arguments(patterns: Option<&[Argument]>) -> String {
    let Some(patterns) = patterns else { return "any arguments".into() };
    match patterns {
        [] => return "no arguments".into(),
        [Argument::Rest(_)] => return "any arguments".into(),
        _ => {}
    }
    let words: Vec<String> = patterns
        .iter()
        .map(|pattern| match pattern {
            Argument::Exact(text) => escape::command([text.as_bytes()]),
            Argument::Glob(glob) => format!("one like {}", escape::command([glob.glob.as_bytes()])),
            Argument::Any(_) => "any one".into(),
            Argument::Rest(_) => "any more".into(),
        })
        .collect();
    format!("only {}", words.join(" "))
}

/// When a policy holds; empty where always.
#[must_use]
pub fn validity(policy: &Policy) -> String {
    match &policy.validity {
        Validity::Always => String::new(),
        Validity::Fixed { duration, from: FixedFrom::Delivery } => format!("for {duration} from when the computer has the policy"),
        Validity::Fixed { duration, from: FixedFrom::FirstUse } => format!("for {duration} from each user's first use"),
        Validity::Window { start, end } => format!("from {} until {}", minute(*start), minute(*end)),
        Validity::Recurring { days, start, end, zone } => {
            let (start, end) = (String::from(*start), String::from(*end));
            format!("{} {start}\u{2013}{end} {}", weekdays(days), escape::terminal(zone.as_bytes()))
        }
    }
}

/// Whether a policy may be used at this moment, and until when: `now`, `now, until …`, `not now: …`.
#[must_use]
pub fn usable(policy: &Policy, fixed: Fixed, standing: &Standing) -> String {
    if policy.mode != Mode::Deny
        && let Err(why) = fresh(policy.staleness, standing)
    {
        return format!("not now: {why}");
    }
    match (holds(&policy.validity, fixed, standing.wall), &policy.validity) {
        (Holds::No(why), _) => format!("not now: {why}"),
        (Holds::For(u64::MAX), _) => "now".into(),
        (Holds::For(_), Validity::Fixed { duration, from: FixedFrom::FirstUse }) if fixed == Fixed::NotStarted => {
            format!("now, for {duration} from your first use")
        }
        (Holds::For(left), _) => format!("now, until {}", moment(standing.wall.plus(Length::from_seconds(left / 1000)))),
    }
}

/// A moment exactly, without seconds where there are none.
fn minute(at: Timestamp) -> String {
    let text = at.to_string().replace('T', " ");
    let text = text.trim_end_matches('Z').trim_end_matches(".000");
    format!("{} UTC", text.strip_suffix(":00").unwrap_or(text))
}

/// A moment to the second.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// What a run is bound to: as whom, with what proof, for how long and until when.
#[must_use]
pub fn bounds(target: &str, authentication: Authentication, longest_millis: u64, standing: &Standing) -> String {
    let target = escape::terminal(target.as_bytes());
    let proof = if authentication == Authentication::Password { ", with your password" } else { ", without a password" };
    let longest = Length::from_seconds(longest_millis / 1000);
    format!("as {target}{proof}, for at most {longest} (if it began now: until {})", moment(standing.wall.plus(longest)))
}

/// `Mon–Fri`, `Mon, Wed`, `every day`.
fn weekdays(days: &[Weekday]) -> String {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let week = [Mon, Tue, Wed, Thu, Fri, Sat, Sun];
    let held = |day: &Weekday| days.contains(day);
    if week.iter().all(held) {
        return "every day".into();
    }
    let runs: Vec<String> = week
        .chunk_by(|a, b| held(a) == held(b))
        .filter(|run| run.first().is_some_and(held))
        .map(|run| match run {
            [first, _, .., last] => format!("{first:?}\u{2013}{last:?}"),
            [first, last] => format!("{first:?}, {last:?}"),
            [one] => format!("{one:?}"),
            [] => String::new(),
        })
        .collect();
    runs.join(", ")
}

/// A policy in one sentence, without a stop at its end.
#[must_use]
pub fn summary(policy: &Policy) -> String {
    sentence(policy, usize::MAX, &computers)
}

/// The same where room is short: of long lists the first few, and how many more there are.
#[must_use]
pub fn brief(policy: &Policy) -> String {
    sentence(policy, FEW, &computers)
}

/// The same, with how many computers that is now.
#[must_use]
pub fn brief_counted(policy: &Policy, counted: &Counted<'_>) -> String {
    sentence(policy, FEW, &|scope| computers_counted(scope, counted))
}

/// How many computers there are now, as far as somebody sees them.
pub struct Counted<'a> {
    /// Of all of them.
    pub all: usize,
    /// Of a group, by its name.
    pub of_group: &'a dyn Fn(&str) -> usize,
    /// Whether they see every computer.
    pub whole: bool,
}

/// Where, with how many computers that is: `all 14 computers`, `web-1 and the group webservers (3 computers)`.
fn computers_counted(scope: &Scope, counted: &Counted<'_>) -> String {
    let within = if counted.whole { "" } else { " that you see" };
    let all = match counted.all {
        0 => format!("all computers (none now{within})"),
        1 => format!("all computers (1 now{within})"),
        many if counted.whole => format!("all {many} computers"),
        many => format!("all computers ({many}{within})"),
    };
    named(scope, &all, |entry| match entry.strip_prefix("group:") {
        Some(group) => {
            let count = match (counted.of_group)(group) {
                0 => "no computer".to_owned(),
                1 => "1 computer".to_owned(),
                many => format!("{many} computers"),
            };
            format!("the group {} ({count}{within})", escape::terminal(group.as_bytes()))
        }
        None => escape::terminal(entry.as_bytes()),
    })
}

/// So many are named where room is short.
const FEW: usize = 4;

fn sentence(policy: &Policy, most: usize, computers: &dyn Fn(&Scope) -> String) -> String {
    let users = shortened(&policy.users, most, &users);
    let verb = if policy.mode == Mode::Deny { "may never run" } else { "may run" };
    let mut sentence = format!("{users} {verb} {}", listed(&few(rules(&policy.applications), most), "or"));
    if !policy.exceptions.is_empty() {
        let exceptions: Vec<String> = policy.exceptions.iter().map(application).collect();
        sentence.push_str(&format!(", but not {},", listed(&few(exceptions, most), "or")));
    }
    let run_as = escape::terminal(policy.elevation.run_as.as_bytes());
    match (policy.mode, run_as.as_str()) {
        (Mode::Deny, _) => {}
        (_, "self") => sentence.push_str(&format!(" as themselves with {}", listed(&policy.elevation.capabilities, "and"))),
        (_, account) => sentence.push_str(&format!(" as {account}")),
    }
    sentence.push_str(&format!(" on {}", shortened(&policy.computers, most, computers)));
    let mut clauses = vec![validity(policy)];
    if policy.mode != Mode::Deny {
        clauses.extend(terms(policy));
    }
    for clause in clauses.iter().filter(|clause| !clause.is_empty()) {
        sentence.push_str(", ");
        sentence.push_str(clause);
    }
    if policy.enabled { sentence } else { format!("(disabled) {sentence}") }
}

/// What is asked for before, for how long, and how it is held.
fn terms(policy: &Policy) -> Vec<String> {
    let request = &policy.request;
    let mut out = Vec::new();
    match policy.mode {
        Mode::Deny => {}
        Mode::Automatic => out.push("at once".to_owned()),
        Mode::Justify => out.push("after giving a reason".to_owned()),
        Mode::Request if request.approvals > 1 => out.push(format!("after {} approvals", request.approvals)),
        Mode::Request => out.push("after approval".to_owned()),
    }
    match policy.authentication() {
        Authentication::Password => out.push("with their password".to_owned()),
        Authentication::None if policy.mode != Mode::Request => out.push("without a password".to_owned()),
        Authentication::None => {}
    }
    out.push(format!("for at most {}", request.max_duration));
    if policy.mode == Mode::Request {
        out.extend((request.uses == Uses::Once).then(|| "once for each approval".to_owned()));
        out.extend((request.binds == Binds::Application).then(|| "with any arguments once approved".to_owned()));
    }
    let elevation = &policy.elevation;
    match elevation.children {
        Children::Allow => {}
        Children::Listed => out.push("starting listed programs only".to_owned()),
        Children::Deny => out.push("starting no other program".to_owned()),
    }
    match elevation.containment {
        Containment::Cgroup => {}
        Containment::PidNamespace => out.push("apart from other processes".to_owned()),
        Containment::Confined => out.push("confined".to_owned()),
    }
    out.extend(elevation.record.then(|| "recorded".to_owned()));
    if elevation.at_expiry == AtExpiry::LetFinish {
        let within = elevation.finish_within.map(|within| format!(" within {within}")).unwrap_or_default();
        out.push(format!("finishing what runs at the end{within}"));
    }
    out
}

/// An autonomous rule in one sentence, without a stop at its end.
#[must_use]
pub fn autonomous(rule: &AutonomousRule) -> String {
    autonomous_sentence(rule, usize::MAX, &computers)
}

/// The same where room is short.
#[must_use]
pub fn autonomous_brief(rule: &AutonomousRule) -> String {
    autonomous_sentence(rule, FEW, &computers)
}

/// The same, with how many computers that is now.
#[must_use]
pub fn autonomous_counted(rule: &AutonomousRule, counted: &Counted<'_>) -> String {
    autonomous_sentence(rule, FEW, &|scope| computers_counted(scope, counted))
}

fn autonomous_sentence(rule: &AutonomousRule, most: usize, computers: &dyn Fn(&Scope) -> String) -> String {
    let applications = listed(&few(rules(&rule.applications), most), "or");
    let mut sentence = format!("requests of {} for {applications}", shortened(&rule.users, most, &users));
    let on = shortened(&rule.computers, most, computers);
    sentence.push_str(&format!(" on {on} approve themselves, for at most {}", rule.max_duration));
    if rule.unchanged_only {
        sentence.push_str(", where the file is as it was installed");
    }
    if let Some(hours) = &rule.hours {
        let (start, end) = (String::from(hours.start), String::from(hours.end));
        sentence.push_str(&format!(", {} {start}\u{2013}{end} {}", weekdays(&hours.days), escape::terminal(hours.zone.as_bytes())));
    }
    if let Some(budget) = rule.per_user_per_day {
        sentence.push_str(&format!(", at most {budget} a day for each user"));
    }
    if !rule.enabled {
        return format!("(disabled) {sentence}");
    }
    if rule.shadow { format!("(shadow) {sentence}") } else { sentence }
}

/// Whom a scope of users means: `everybody`, `alice and the OS group webteam`.
#[must_use]
pub fn users(scope: &Scope) -> String {
    named(scope, "everybody", |entry| match (entry.strip_prefix("group:"), entry.strip_prefix("os-group:")) {
        (Some(group), _) => format!("the group {}", escape::terminal(group.as_bytes())),
        (None, Some(group)) => format!("the OS group {}", escape::terminal(group.as_bytes())),
        (None, None) => escape::terminal(entry.as_bytes()),
    })
}

/// Where: `all computers`, `web-1 and the group webservers`.
#[must_use]
pub fn computers(scope: &Scope) -> String {
    named(scope, "all computers", |entry| match entry.strip_prefix("group:") {
        Some(group) => format!("the group {}", escape::terminal(group.as_bytes())),
        None => escape::terminal(entry.as_bytes()),
    })
}

fn named(scope: &Scope, all: &str, word: impl Fn(&str) -> String) -> String {
    match scope {
        Scope::All => all.into(),
        Scope::Named(entries) if entries.is_empty() => "nobody".into(),
        Scope::Named(entries) => listed(&entries.iter().map(|entry| word(entry)).collect::<Vec<_>>(), "and"),
    }
}

/// A scope in words, of which at most so many entries are named.
fn shortened(scope: &Scope, most: usize, words: &dyn Fn(&Scope) -> String) -> String {
    match scope {
        Scope::Named(entries) if entries.len() > most => {
            let first = entries.iter().take(most.saturating_sub(1)).map(|entry| words(&Scope::Named(vec![entry.clone()])));
            listed(&with_more(first.collect(), entries.len()), "and")
        }
        scope => words(scope),
    }
}

fn few(words: Vec<String>, most: usize) -> Vec<String> {
    if words.len() <= most {
        return words;
    }
    let all = words.len();
    with_more(words.into_iter().take(most.saturating_sub(1)).collect(), all)
}

fn with_more(mut first: Vec<String>, all: usize) -> Vec<String> {
    first.push(format!("{} others", all.saturating_sub(first.len())));
    first
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[String], last: &str) -> String {
    match words {
        [] => "nothing".into(),
        [one] => one.clone(),
        [before @ .., end] => format!("{} {last} {end}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rest: &str) -> Policy {
        toml::from_str(&format!("name = 'P'\ncomputers = 'all'\n{rest}")).unwrap()
    }

    #[test]
    fn a_policy_is_one_sentence() {
        let asked = policy(
            "users = ['alice', 'os-group:webteam']\nmode = 'request'\napplications = [{ file = '/usr/sbin/nginx' }]\n\
             validity = { kind = 'recurring', days = ['mon', 'tue', 'wed', 'thu', 'fri'], start = '09:00', end = '17:00', zone = 'Europe/Berlin' }",
        );
        assert_eq!(
            summary(&asked),
            "alice and the OS group webteam may run /usr/sbin/nginx (any arguments) as root on all computers, \
             Mon\u{2013}Fri 09:00\u{2013}17:00 Europe/Berlin, after approval, for at most 1h"
        );
        let denied = policy("users = 'all'\nmode = 'deny'\napplications = [{ product = 'gdb' }, { folder = '/opt/x' }]\nenabled = false");
        assert_eq!(
            summary(&denied),
            "(disabled) everybody may never run any program of the package gdb (any arguments) or anything in /opt/x (any arguments) on all computers"
        );
        let at_once = policy(
            "users = ['group:ops']\nmode = 'automatic'\napplications = 'all'\nexcept = [{ file = '/bin/sh' }]\n\
             elevation = { run_as = 'deploy', children = 'deny', containment = 'pid_namespace' }",
        );
        assert_eq!(
            summary(&at_once),
            "the group ops may run any application, but not /bin/sh (any arguments), as deploy on all computers, at once, \
             with their password, for at most 1h, starting no other program, apart from other processes"
        );
    }

    #[test]
    fn how_many_computers_that_is_stands_where_they_are_named() {
        let on = |computers: &str, all: usize, whole: bool| {
            let text = format!("name = 'P'\ncomputers = {computers}\nusers = 'all'\nmode = 'deny'\napplications = 'all'");
            let of_group = |group: &str| if group == "web" { 3 } else { 1 };
            let said = brief_counted(&toml::from_str(&text).unwrap(), &Counted { all, of_group: &of_group, whole });
            said.strip_prefix("everybody may never run any application on ").unwrap().to_owned()
        };
        assert_eq!(on("'all'", 14, true), "all 14 computers");
        assert_eq!(on("'all'", 1, true), "all computers (1 now)");
        assert_eq!(on("'all'", 0, true), "all computers (none now)");
        assert_eq!(on("'all'", 3, false), "all computers (3 that you see)");
        assert_eq!(on("['group:web', 'db-1', 'group:x']", 14, true), "the group web (3 computers), db-1 and the group x (1 computer)");
        assert_eq!(on("['group:web']", 14, false), "the group web (3 computers that you see)");
        assert_eq!(on("['a', 'b', 'group:web', 'c', 'd']", 14, true), "a, b, the group web (3 computers) and 2 others");
    }

    #[test]
    fn a_window_is_said_exactly() {
        let window = |start: &str| {
            let text = format!(
                "users = 'all'\nmode = 'deny'\napplications = 'all'\nvalidity = {{ kind = 'window', start = '{start}', end = '2027-01-02T00:00:00Z' }}"
            );
            validity(&policy(&text))
        };
        assert_eq!(window("2026-12-01T09:55:00Z"), "from 2026-12-01 09:55 UTC until 2027-01-02 00:00 UTC");
        assert_eq!(window("2026-12-01T09:55:30.250Z"), "from 2026-12-01 09:55:30.250 UTC until 2027-01-02 00:00 UTC");
    }

    #[test]
    fn where_room_is_short_long_lists_are_counted() {
        let many = policy(
            "users = ['a', 'b', 'group:c', 'd', 'e']\nmode = 'deny'\napplications = [{ file = '/1' }, { file = '/2' }, { file = '/3' }, { file = '/4' }]",
        );
        assert_eq!(
            brief(&many),
            "a, b, the group c and 2 others may never run /1 (any arguments), /2 (any arguments), /3 (any arguments) or /4 (any arguments) on all computers"
        );
        assert!(summary(&many).starts_with("a, b, the group c, d and e may never run"));
    }

    #[test]
    fn applications_say_every_condition() {
        let of = |rule: &str| applications(&policy(&format!("users = 'all'\nmode = 'request'\napplications = [{rule}]"))).join("; ");
        for (rule, words) in [
            ("{ file = '/usr/sbin/nginx', arguments = ['-t'] }", "/usr/sbin/nginx (only -t)"),
            ("{ file = '/a', arguments = [] }", "/a (no arguments)"),
            ("{ file = '/a', arguments = [{ rest = true }] }", "/a (any arguments)"),
            (
                "{ file = '/usr/bin/systemctl', arguments = ['restart', { glob = 'web-*' }, { any = true }, { rest = true }] }",
                "/usr/bin/systemctl (only restart one like 'web-*' any one any more)",
            ),
            (
                "{ executable = 'backup', product = 'example-backup', unchanged = true }",
                "backup as it was installed (of the package example-backup, any arguments)",
            ),
            (
                "{ product = 'postgresql-15', min_version = '15.4', max_version = '15.99', vendor = 'Debian' }",
                "any program of the package postgresql-15 (from Debian, from version 15.4, up to version 15.99, any arguments)",
            ),
            ("{ vendor = 'Example Corp' }", "any program of the vendor \"Example Corp\" (any arguments)"),
            ("{ folder = '/opt/tools', subfolders = true }", "anything below /opt/tools (any arguments)"),
            ("{ list = 'Package tools', target_user = 'svc' }", "what the list \"Package tools\" names (as svc, any arguments)"),
            (
                "{ file = '/opt/r.py', interpreter = '/usr/bin/python3', owner = 'root', parent = { file = '/usr/bin/make' } }",
                "/opt/r.py (owned by root, run by /usr/bin/python3, started from /usr/bin/make (any arguments), any arguments)",
            ),
        ] {
            assert_eq!(of(rule), words);
        }
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let of = |written: &str| {
            validity(&policy(&format!("users = 'all'\nmode = 'request'\napplications = 'all'\nvalidity = {{ {written} }}")))
        };
        assert_eq!(of("kind = 'always'"), "");
        assert_eq!(of("kind = 'fixed', duration = '2h', from = 'first_use'"), "for 2h from each user's first use");
        let on = |days: &str| of(&format!("kind = 'recurring', days = [{days}], start = '22:00', end = '02:00', zone = 'UTC'"));
        assert_eq!(on("'sat', 'sun'"), "Sat, Sun 22:00\u{2013}02:00 UTC");
        assert_eq!(on("'wed', 'mon', 'tue', 'fri'"), "Mon\u{2013}Wed, Fri 22:00\u{2013}02:00 UTC");
        assert_eq!(on("'mon','tue','wed','thu','fri','sat','sun'"), "every day 22:00\u{2013}02:00 UTC");
    }

    #[test]
    fn until_when_it_may_be_used_is_said_at_every_boundary() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let standing = |wall: &str, age| Standing { wall: at(wall), heartbeat_age_millis: age, unreadable_deny: false };
        let of = |mode: &str, validity: &str| {
            policy(&format!("users = 'all'\nmode = '{mode}'\napplications = 'all'\nstaleness = '1d'\nvalidity = {{ {validity} }}"))
        };
        let window = of("request", "kind = 'window', start = '2026-12-01T20:00:00Z', end = '2026-12-02T02:00:00Z'");
        let said = |wall| usable(&window, Fixed::NotStarted, &standing(wall, Some(0)));
        assert!(said("2026-12-01T19:59:59Z").starts_with("not now: begins at 2026-12-01T20:00:00"));
        assert_eq!(said("2026-12-01T20:00:00Z"), "now, until 2026-12-02T02:00:00Z");
        assert_eq!(said("2026-12-02T01:59:59Z"), "now, until 2026-12-02T02:00:00Z");
        assert!(said("2026-12-02T02:00:00Z").starts_with("not now: ended at"));
        let first_use = of("automatic", "kind = 'fixed', duration = '2h', from = 'first_use'");
        let now = standing("2026-12-01T00:00:00Z", Some(0));
        assert_eq!(usable(&first_use, Fixed::NotStarted, &now), "now, for 2h from your first use");
        let started = |elapsed_millis| usable(&first_use, Fixed::Started { elapsed_millis }, &now);
        assert_eq!(started(3_600_000), "now, until 2026-12-01T01:00:00Z");
        assert!(started(7_200_000).starts_with("not now: "));
        let always = |mode: &str, age| usable(&of(mode, "kind = 'always'"), Fixed::NotStarted, &standing("2026-12-01T00:00:00Z", age));
        assert_eq!(always("request", Some(86_399_000)), "now");
        assert!(always("request", Some(86_400_001)).starts_with("not now: "), "{}", always("request", Some(86_400_001)));
        assert!(always("request", None).starts_with("not now: "));
        assert_eq!(always("deny", None), "now", "a deny needs no fresh heartbeat");
        let said = bounds("root", Authentication::Password, 1_800_000, &now);
        assert_eq!(said, "as root, with your password, for at most 30m (if it began now: until 2026-12-01T00:30:00Z)");
    }

    #[test]
    fn text_of_others_does_not_act() {
        let hostile = policy("users = ['a\\u001b[2J']\nmode = 'request'\napplications = [{ file = '/a' }]".replace('\'', "\"").as_str());
        assert!(summary(&hostile).starts_with("a\\u{1b}[2J may run"), "{}", summary(&hostile));
    }
}
