//! A policy in plain English, the same in the command, `brevetctl` and the console.
//!
//! Text of others' is escaped for a terminal and quoted where it could be misread; escape again for HTML.

use crate::application::{Argument, Lists, Rule};
use crate::autonomous::AutonomousRule;
use crate::decide::{Fixed, Holds, Standing, fresh, holds, opens};
use crate::escape;
use crate::policy::{
    Applications, AtExpiry, Authentication, Binds, Children, Containment, FixedFrom, Mode, Policy, Scope, Uses, Validity, Weekday,
};
use crate::time::{Length, Timestamp};

/// Each application that a policy is for, in the order in which they are written, exceptions last.
#[must_use]
pub fn applications(policy: &Policy) -> Vec<String> {
    applications_in(policy, &Lists::new())
}

/// The same, with what the lists name that it takes them from.
#[must_use]
pub fn applications_in(policy: &Policy, lists: &Lists) -> Vec<String> {
    let mut out = match &policy.applications {
        Applications::All => rules(&policy.applications),
        Applications::Rules(rules) => rules.iter().map(|rule| application_in(rule, lists)).collect(),
    };
    out.extend(policy.exceptions.iter().map(|rule| format!("but not {}", application_in(rule, lists))));
    out
}

/// So many applications of a list are named, and how many more there are.
const OF_A_LIST: usize = 20;

fn application_in(rule: &Rule, lists: &Lists) -> String {
    let itself = application(rule);
    match rule.list.as_ref().and_then(|list| lists.get(list)) {
        None => itself,
        Some(named) => {
            let mut words: Vec<String> = named.iter().take(OF_A_LIST).map(application).collect();
            match named.len().saturating_sub(OF_A_LIST) {
                0 => {}
                more => words.push(format!("{more} more")),
            }
            format!("{itself}: {}", listed(&words, "and"))
        }
    }
}

/// Who may approve: `whoever has the role approver, or Bob`.
#[must_use]
pub fn approvers(written: &[String]) -> String {
    let word = |entry: &String| {
        let shown = |name: &str| escape::terminal(name.as_bytes());
        match (entry.strip_prefix("role:"), entry.strip_prefix("person:")) {
            (Some(role), _) => format!("whoever has the role {}", shown(role)),
            (None, Some(person)) => shown(person),
            (None, None) => shown(entry),
        }
    };
    if written.is_empty() { "nobody".into() } else { listed(&written.iter().map(word).collect::<Vec<_>>(), "or") }
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
    // Which arguments what a list names may have, each rule in it says.
    if rule.list.is_none() || rule.arguments.is_some() {
        conditions.push(arguments(rule.arguments.as_deref()));
    }
    if conditions.is_empty() { what } else { format!("{what} ({})", conditions.join(", ")) }
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
        (Holds::No(why), validity) => match opens(validity, standing.wall).as_str() {
            "" => format!("not now: {why}"),
            next => format!("not now: {why}; {next}"),
        },
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
mod tests;
