//! The draft itself: policies, groups and lists, and what became of every line.

use std::collections::{BTreeMap, BTreeSet};

use brevet_core::application::Rule;
use brevet_core::escape;
use brevet_core::file::{File, Group, List};
use brevet_core::policy::{self, Applications, Authentication, Children, Elevation, Mode, Policy, RequestTerms, Scope, Validity};
use brevet_core::time::Length;
use serde::Serialize;

use super::aliases::{Aliases, Budget};
use super::ast::{Statement, Written};
use super::defaults::{self, Defaults};
use super::entry::{self, Entry, Terms};
use super::include::Whole;
use super::rule::{self, Meant};
use super::whom::{Groups, LONGEST_ALIAS, drafted};
use super::{FileWrong, Wrong, time};

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All of it is in the draft.
    Translated,
    /// Nothing of it is needed.
    NotNeeded,
    /// Some of it is in the draft.
    Partly,
    /// None of it is.
    NotTranslated,
}

/// A line and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// As written.
    pub text: String,
    /// What became of it.
    pub state: State,
    /// Names of the policies, groups or lists that it is in.
    pub drafted: Vec<String>,
    /// What is less than it was, or otherwise.
    pub notes: Vec<String>,
    /// What is not in the draft, and why.
    pub reasons: Vec<String>,
}

/// What was drafted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Draft {
    /// As `apply` takes it.
    pub file: File,
    /// Every line that says something, in order.
    pub lines: Vec<Line>,
}

/// How many commands are looked at, aliases written out.
pub const MOST: usize = 20_000;

/// Drafts policies of this mode.
///
/// # Errors
/// When sudo would not read the files either, or they are more than `most` commands.
pub fn draft(whole: &Whole, mode: Mode, most: usize) -> Result<Draft, FileWrong> {
    let aliases = Aliases::of(&whole.files, &whole.statements)?;
    let mut budget = Budget(most);
    let too_much = |why: String| FileWrong { file: whole.files.first().cloned().unwrap_or_default(), wrong: Wrong { line: 1, why } };
    let defaults = Defaults::of(&whole.statements, &aliases, &mut budget).map_err(too_much)?;
    let mut groups = Groups::new();
    let entries = entry::all(whole, &aliases, &defaults, &mut groups, &mut budget).map_err(too_much)?;
    let mut drafter = Drafter { whole, aliases: &aliases, defaults: &defaults, mode, file: File::default(), lines: BTreeMap::new() };
    drafter.policies(&entries);
    drafter.groups(groups);
    drafter.other_lines();
    Ok(Draft { file: drafter.file, lines: drafter.lines.into_values().collect() })
}

/// A policy that says nothing yet.
pub fn empty_policy() -> Policy {
    Policy {
        name: String::new(),
        description: String::new(),
        message: String::new(),
        enabled: true,
        computers: Scope::All,
        users: Scope::All,
        mode: Mode::Automatic,
        authentication: None,
        remember: None,
        applications: Applications::All,
        exceptions: Vec::new(),
        validity: Validity::Always,
        staleness: Length::from_hours(7 * 24),
        elevation: Elevation::default(),
        request: RequestTerms::default(),
    }
}

struct Drafter<'a> {
    whole: &'a Whole,
    aliases: &'a Aliases<'a>,
    defaults: &'a Defaults,
    mode: Mode,
    file: File,
    lines: BTreeMap<usize, Line>,
}

/// What goes into one policy: the part of a line, the account, the terms, the validity as text.
type Key = ((usize, usize), String, (bool, bool, bool, Option<u64>), String);

/// What a policy is made of.
struct Gathered<'e> {
    entry: &'e Entry,
    validity: Validity,
    everything: bool,
    rules: Vec<(Option<String>, Rule)>,
    exceptions: Vec<Rule>,
}

impl<'a> Drafter<'a> {
    fn line(&mut self, index: usize) -> &mut Line {
        let written = self.whole.statements.get(index);
        let (file, line, text) = written.map_or_else(Default::default, |written| {
            let file = self.whole.files.get(written.place.file).cloned().unwrap_or_default();
            (file, written.place.line, written.text.clone())
        });
        self.lines.entry(index).or_insert_with(|| Line {
            file,
            line,
            text,
            state: State::Translated,
            drafted: Vec::new(),
            notes: Vec::new(),
            reasons: Vec::new(),
        })
    }

    fn reason(&mut self, index: usize, reason: String) {
        let line = self.line(index);
        if !line.reasons.contains(&reason) {
            line.reasons.push(reason);
        }
    }

    fn note(&mut self, index: usize, note: String) {
        let line = self.line(index);
        if !line.notes.contains(&note) {
            line.notes.push(note);
        }
    }

    fn policies(&mut self, entries: &[Entry]) {
        let mut gathered: BTreeMap<Key, Gathered<'_>> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            if entry.negated {
                // What it takes away is judged where it was given.
                self.note(entry.of.0, "'!' takes away what earlier commands gave; see there".into());
                continue;
            }
            if entry.twice {
                self.reason(
                    entry.of.0,
                    "'!' before an alias with '!' in it gives what the alias took away; write out what is meant".into(),
                );
                continue;
            }
            self.gather(entry, entries.get(place + 1..).unwrap_or_default(), &mut gathered);
        }
        for (key, parts) in gathered {
            self.policy(&key, parts);
        }
        for line in self.lines.values_mut() {
            line.state = match (line.drafted.is_empty(), line.reasons.is_empty()) {
                (false, true) => State::Translated,
                (false, false) => State::Partly,
                (true, true) => State::NotNeeded,
                (true, false) => State::NotTranslated,
            };
        }
    }

    /// Puts an entry where it belongs, or says why it belongs nowhere.
    fn gather<'e>(&mut self, entry: &'e Entry, later: &[Entry], into: &mut BTreeMap<Key, Gathered<'e>>) {
        let index = entry.of.0;
        let said = [&entry.users.notes, &entry.hosts.notes, &entry.targets.notes];
        said.into_iter().flatten().for_each(|note| self.note(index, note.clone()));
        let unsaid = [&entry.users.reasons, &entry.hosts.reasons, &entry.targets.reasons];
        unsaid.into_iter().flatten().for_each(|reason| self.reason(index, reason.clone()));
        if entry.users.scope.is_none() || entry.hosts.scope.is_none() {
            return;
        }
        let (meant, validity) = match (rule::of(&entry.command), time::validity(&entry.options)) {
            (Ok(meant), Ok(validity)) => (meant, validity),
            (Err(why), _) | (_, Err(why)) => return self.reason(index, why),
        };
        let fate = entry::fate(entry, later);
        let Terms { password, noexec, record, timeout, barred, notes } = fate.terms;
        if let Some(why) = fate.lost.or_else(|| barred.into_iter().next()) {
            return self.reason(index, format!("{}: {why}", named(entry)));
        }
        notes.into_iter().for_each(|note| self.note(index, note));
        if let Meant::Rules(_, Some(note)) = &meant {
            self.note(index, (*note).to_owned());
        }
        let when = serde_json::to_string(&validity).unwrap_or_default();
        for target in &entry.targets.users {
            let key = (entry.of, target.clone(), (password, noexec, record, timeout), when.clone());
            let parts = into.entry(key).or_insert_with(|| Gathered {
                entry,
                validity: validity.clone(),
                everything: false,
                rules: Vec::new(),
                exceptions: Vec::new(),
            });
            parts.exceptions.extend(fate.exceptions.iter().filter(|rule| !parts.exceptions.contains(rule)).cloned().collect::<Vec<_>>());
            match &meant {
                Meant::Everything => parts.everything = true,
                Meant::Rules(rules, _) => parts.rules.extend(rules.iter().map(|rule| (entry.via.clone(), rule.clone()))),
            }
        }
    }

    fn policy(&mut self, key: &Key, parts: Gathered<'_>) {
        let ((index, _), target, (password, noexec, record, timeout), _) = key;
        let Some(written) = self.whole.statements.get(*index) else { return };
        let everything = parts.everything;
        let applications = if everything { Applications::All } else { Applications::Rules(self.rules(&parts.rules)) };
        let mut request = RequestTerms::default();
        if let Some(timeout) = timeout {
            request.max_duration = Length::from_seconds(*timeout);
        }
        let elevation = Elevation {
            run_as: target.clone(),
            children: if *noexec { Children::Deny } else { Children::Allow },
            record: *record,
            keep_environment: self.defaults.environment.clone(),
            ..Elevation::default()
        };
        let minutes = self.defaults.remember_minutes.filter(|_| *password);
        let drafted = Policy {
            name: self.free_name(written, target),
            description: describe(self.whole, written),
            computers: parts.entry.hosts.scope.clone().unwrap_or(Scope::Named(Vec::new())),
            users: parts.entry.users.scope.clone().unwrap_or(Scope::Named(Vec::new())),
            mode: self.mode,
            authentication: Some(if *password { Authentication::Password } else { Authentication::None }),
            remember: minutes.map(Length::from_minutes),
            applications,
            // Exceptions that concern nothing of this policy would only be in the way.
            exceptions: if everything { Vec::new() } else { parts.exceptions },
            validity: parts.validity,
            elevation,
            request,
            ..empty_policy()
        };
        if let Some(error) = policy::validate(&drafted).into_iter().next() {
            return self.reason(*index, format!("as {}: {error}", escape::terminal(target.as_bytes())));
        }
        if *noexec {
            self.note(
                *index,
                "NOEXEC: children = \"deny\", which this version's computers cannot promise; the server refuses the policy until you take that out".into(),
            );
        }
        if *record {
            self.note(
                *index,
                "recording: record = true, which this version's computers cannot promise; the server refuses the policy until you take that out".into(),
            );
        }
        if !*password {
            self.note(*index, "NOPASSWD: authentication = \"none\"; any program that runs as the user can use it".into());
        }
        let name = drafted.name.clone();
        self.file.policy.push(drafted);
        self.line(*index).drafted.push(name);
    }

    /// Rules, those of a whole alias as a list.
    fn rules(&mut self, rules: &[(Option<String>, Rule)]) -> Vec<Rule> {
        let mut out = Vec::new();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for (via, rule) in rules {
            let list = via.as_deref().and_then(|alias| self.list_of(alias).map(|whole| (alias, whole)));
            match list {
                Some((alias, _)) if done.contains(alias) => {}
                Some((alias, whole))
                    if whole.iter().all(|wanted| rules.iter().any(|(v, r)| v.as_deref() == Some(alias) && r == wanted)) =>
                {
                    done.insert(alias);
                    let name = drafted(alias);
                    if !self.file.list.iter().any(|list| list.name == name) {
                        self.file.list.push(List { name: name.clone(), rules: whole });
                    }
                    out.push(Rule { list: Some(name), ..Rule::default() });
                }
                Some(_) | None => out.push(rule.clone()),
            }
        }
        let mut seen: Vec<Rule> = Vec::with_capacity(out.len());
        for rule in out {
            if !seen.contains(&rule) {
                seen.push(rule);
            }
        }
        seen
    }

    /// Every rule of an alias that names commands directly and takes none out.
    fn list_of(&self, alias: &str) -> Option<Vec<Rule>> {
        let members = self.aliases.commands.get(alias)?;
        let mut whole = Vec::new();
        for member in *members {
            if member.negated || super::aliases::command_alias(&member.item).is_some() {
                return None;
            }
            match rule::of(&member.item) {
                Ok(Meant::Rules(rules, _)) => whole.extend(rules),
                Ok(Meant::Everything) => return None,
                Err(_) => {}
            }
        }
        (!whole.is_empty() && whole.len() <= policy::MAX_RULES && alias.len() <= LONGEST_ALIAS).then_some(whole)
    }

    fn groups(&mut self, groups: Groups) {
        let used = |name: &str| {
            let wanted = format!("group:{name}");
            let names = |scope: &Scope| matches!(scope, Scope::Named(entries) if entries.contains(&wanted));
            self.file.policy.iter().any(|policy| names(&policy.users) || names(&policy.computers))
        };
        let mut out = Vec::new();
        for (name, members) in groups {
            if !used(&name) {
                continue;
            }
            let of_users = self.aliases.users.keys().any(|alias| drafted(alias) == name);
            let (users, computers) = if of_users { (Some(members), None) } else { (None, Some(members)) };
            out.push(Group { name, computers, users });
        }
        self.file.group = out;
    }

    /// Aliases and `Defaults`.
    fn other_lines(&mut self) {
        let whole = self.whole;
        for (index, written) in whole.statements.iter().enumerate() {
            match &written.statement {
                Statement::UserAlias(name, _)
                | Statement::RunasAlias(name, _)
                | Statement::HostAlias(name, _)
                | Statement::CommandAlias(name, _) => {
                    let name = drafted(name);
                    let is_there =
                        self.file.list.iter().any(|list| list.name == name) || self.file.group.iter().any(|group| group.name == name);
                    let line = self.line(index);
                    if is_there {
                        line.drafted.push(name);
                    } else {
                        line.state = State::NotNeeded;
                        line.notes.push("written out where it is used".into());
                    }
                }
                Statement::Defaults(..) => self.defaults_line(index, written),
                Statement::Rights(..) | Statement::Include(_) | Statement::IncludeFolder(_) => {}
            }
        }
    }

    fn defaults_line(&mut self, index: usize, written: &Written) {
        let fates = self.defaults.fates.get(&written.place).cloned().unwrap_or_default();
        let line = self.line(index);
        let mut any_kept = false;
        for fate in fates {
            match fate {
                defaults::Fate::Kept(text) => {
                    any_kept = true;
                    line.notes.push(text);
                }
                defaults::Fate::LeftOut(text) => line.notes.push(text),
                defaults::Fate::Lost(text) => line.reasons.push(text),
            }
        }
        line.state = match (any_kept, line.reasons.is_empty()) {
            (true, true) => State::Translated,
            (true, false) => State::Partly,
            (false, true) => State::NotNeeded,
            (false, false) => State::NotTranslated,
        };
    }

    fn free_name(&self, written: &Written, target: &str) -> String {
        let users = written.text.split([' ', '=']).next().unwrap_or_default();
        let plain = |text: &str, most: usize| -> String {
            let visible = |c: &char| escape::terminal(c.to_string().as_bytes()).starts_with(*c);
            text.chars().filter(visible).take(most).collect()
        };
        let file = self.whole.files.get(written.place.file).map_or("", |file| file.rsplit('/').next().unwrap_or_default());
        // At most 128 bytes in all.
        let (users, target, file) = (short(&plain(users, 40), 44), short(&plain(target, 24), 26), short(&plain(file, 24), 30));
        let base = format!("{users} as {target} ({file}:{})", written.place.line);
        let taken = |name: &str| self.file.policy.iter().any(|policy| policy.name == name);
        if !taken(&base) {
            return base;
        }
        (2u32..).map(|number| format!("{base} {number}")).find(|name| !taken(name)).unwrap_or(base)
    }
}

/// As many whole characters as fit.
fn short(text: &str, bytes: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.len() + c.len_utf8() > bytes {
            break;
        }
        out.push(c);
    }
    out
}

fn named(entry: &Entry) -> String {
    use super::ast::What;
    match &entry.command.what {
        What::All => "ALL".into(),
        What::Alias(text) | What::Path(text, _) | What::Regex(text, _) => escape::terminal(text.as_bytes()),
        What::Edit(_) => "sudoedit".into(),
        What::List(_) => "list".into(),
    }
}

fn describe(whole: &Whole, written: &Written) -> String {
    let file = whole.files.get(written.place.file).map_or("", String::as_str);
    let text = format!("From {file} line {}: {}", written.place.line, written.text);
    short(&escape::terminal(text.as_bytes()), 2000)
}
