//! Users, hosts and those as whom something runs, as a policy can say them; and which of them may be the same.
//!
//! INVARIANT: what is left out makes a policy name fewer, never more. A list with `!` in it names nobody.

use std::collections::{BTreeMap, BTreeSet};

use brevet_core::policy::{self, Scope};

use super::aliases::{Aliases, Budget, Flat, flatten, host_alias, who_alias};
use super::ast::{Member, Runas, Where, Who};

/// What a list of users or hosts means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As in a policy; `None` when nothing is left.
    pub scope: Option<Scope>,
    /// The same without groups of the draft.
    names: Option<BTreeSet<String>>,
    /// What could not be said, and why.
    pub reasons: Vec<String>,
    /// What was left out because it needs nothing.
    pub notes: Vec<String>,
}

impl Named {
    /// Whether somebody may be in both.
    pub fn may_meet(&self, other: &Self) -> bool {
        may_meet(self.names.as_ref(), other.names.as_ref())
    }
}

/// Whether two sets may have something in common; a set that is not known may contain anything.
pub fn may_meet(one: Option<&BTreeSet<String>>, other: Option<&BTreeSet<String>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.intersection(other).next().is_some(),
        _ => true,
    }
}

/// Groups of the draft: by name, with their members.
pub type Groups = BTreeMap<String, Vec<String>>;

/// Longest alias whose name can be one of Brevet's.
pub const LONGEST_ALIAS: usize = 100;

/// Names in drafts of what aliases named.
pub fn drafted(alias: &str) -> String {
    format!("sudoers {alias}")
}

/// What gathers a list.
#[derive(Default)]
struct Found {
    all: bool,
    entries: Vec<String>,
    names: Option<BTreeSet<String>>,
    reasons: Vec<String>,
    notes: Vec<String>,
}

impl Found {
    fn finish(mut self, negated: bool) -> Named {
        if negated {
            self.reasons.push("'!' takes members out of the list; a policy only names who may".into());
            (self.all, self.entries) = (false, Vec::new());
        }
        let mut seen = BTreeSet::new();
        self.entries.retain(|entry| seen.insert(entry.clone()));
        let scope = match (self.all, self.entries.is_empty()) {
            (true, _) => Some(Scope::All),
            (false, false) => Some(Scope::Named(self.entries)),
            (false, true) => None,
        };
        Named { scope, names: self.names, reasons: self.reasons, notes: self.notes }
    }

    fn entry(&mut self, entry: String, check: fn(&str) -> Result<(), String>) {
        match check(&entry) {
            Ok(()) => self.entries.push(entry),
            Err(why) => self.reasons.push(why),
        }
    }
}

fn user_is_sound(entry: &str) -> Result<(), String> {
    check_scope("users", entry)
}

fn host_is_sound(entry: &str) -> Result<(), String> {
    check_scope("computers", entry)
}

/// Asks the one place that knows what names may look like.
fn check_scope(field: &str, entry: &str) -> Result<(), String> {
    let scope = Scope::Named(vec![entry.to_owned()]);
    let mut tried = super::draft::empty_policy();
    if field == "users" {
        tried.users = scope
    } else {
        tried.computers = scope
    }
    let errors = policy::validate(&tried);
    errors.into_iter().find(|error| error.field.starts_with(field)).map_or(Ok(()), |error| Err(error.reason))
}

/// Names of everybody, where each is a plain name.
fn plain<T>(flat: &[Flat<T>], name: impl Fn(&T) -> Option<String>) -> Option<BTreeSet<String>> {
    flat.iter().map(|member| (!member.negated).then(|| name(&member.item)).flatten()).collect()
}

/// Users of a line.
///
/// # Errors
/// When aliases cannot be written out.
pub fn users(members: &[Member<Who>], aliases: &Aliases<'_>, groups: &mut Groups, budget: &mut Budget) -> Result<Named, String> {
    let flat = flatten(members, &aliases.users, who_alias, budget)?;
    let mut found = Found { names: plain(&flat, plain_user), ..Found::default() };
    let as_groups = grouped(members, who_alias, &aliases.users, |name| !aliases.hosts.contains_key(name), exact_user, user_is_sound);
    for (alias, names) in &as_groups {
        groups.insert(drafted(alias), names.clone());
        found.entries.push(format!("group:{}", drafted(alias)));
    }
    for member in flat.iter().filter(|member| member.via.as_ref().is_none_or(|via| !as_groups.contains_key(via))) {
        match &member.item {
            Who::All => found.all = true,
            Who::Name(name) if name == "root" => found.notes.push("root needs no right of Brevet's".into()),
            Who::Name(name) => found.entry(name.clone(), user_is_sound),
            Who::Group(name) => found.entry(format!("os-group:{name}"), user_is_sound),
            Who::Uid(id) if id.trim_start_matches('0').is_empty() => found.notes.push("root needs no right of Brevet's".into()),
            other => found.reasons.push(not_a_user(other)),
        }
    }
    Ok(found.finish(flat.iter().any(|member| member.negated || member.twice)))
}

fn plain_user(who: &Who) -> Option<String> {
    if let Who::Name(name) = who { Some(name.to_lowercase()) } else { None }
}

fn exact_user(who: &Who) -> Option<String> {
    if let Who::Name(name) = who { Some(name.clone()) } else { None }
}

fn not_a_user(who: &Who) -> String {
    match who {
        Who::Uid(id) => format!("#{id}: a policy names users by name, never by number"),
        Who::Gid(id) => format!("%#{id}: a policy names groups by name, never by number"),
        Who::PluginGroup(name) => format!("%:{name}: a group of a plug-in is not known to computers; name a group that getent shows"),
        Who::Netgroup(name) => format!("+{name}: netgroups are not looked up; name an OS group, or a group on the server"),
        Who::Alias(name) => format!("{name}: an alias that is not defined"),
        Who::All | Who::Name(_) | Who::Group(_) => "is not expected here".into(),
    }
}

/// Aliases that stand in the list itself and name nothing but sound plain names: they become groups.
fn grouped<T>(
    members: &[Member<T>],
    name_of: fn(&T) -> Option<&str>,
    aliases: &BTreeMap<&str, &[Member<T>]>,
    is_free: impl Fn(&str) -> bool,
    plain_name: fn(&T) -> Option<String>,
    check: fn(&str) -> Result<(), String>,
) -> BTreeMap<String, Vec<String>> {
    let group = |member: &Member<T>| {
        let name = name_of(&member.item).filter(|name| !member.negated && name.len() <= LONGEST_ALIAS && is_free(name))?;
        let inside = aliases.get(name)?;
        let names: Option<Vec<String>> = inside
            .iter()
            .map(|inner| plain_name(&inner.item).filter(|name| !inner.negated && name != "root" && check(name).is_ok()))
            .collect();
        let mut seen = BTreeSet::new();
        names.map(|names| (name.to_owned(), names.into_iter().filter(|name| seen.insert(name.clone())).collect()))
    };
    members.iter().filter_map(group).collect()
}

/// Hosts of a line.
///
/// # Errors
/// When aliases cannot be written out.
pub fn hosts(members: &[Member<Where>], aliases: &Aliases<'_>, groups: &mut Groups, budget: &mut Budget) -> Result<Named, String> {
    let flat = flatten(members, &aliases.hosts, host_alias, budget)?;
    // WHY short names: sudo takes `web1` and `web1.example.org` for the same.
    let short = |host: &Where| plain_host(host).map(|name| name.split('.').next().unwrap_or_default().to_lowercase());
    let mut found = Found { names: plain(&flat, short), ..Found::default() };
    let as_groups = grouped(members, host_alias, &aliases.hosts, |name| !aliases.users.contains_key(name), plain_host, host_is_sound);
    for (alias, names) in &as_groups {
        groups.insert(drafted(alias), names.clone());
        found.entries.push(format!("group:{}", drafted(alias)));
    }
    for member in flat.iter().filter(|member| member.via.as_ref().is_none_or(|via| !as_groups.contains_key(via))) {
        match &member.item {
            Where::All => found.all = true,
            Where::Name(name) if name.contains(['*', '?', '[']) => {
                found.reasons.push(format!("{name}: a policy names computers or groups of them, not patterns of their names"));
            }
            Where::Name(name) => found.entry(name.clone(), host_is_sound),
            Where::Address(address) => found.reasons.push(format!("{address}: computers are known by name, not by address")),
            Where::Netgroup(name) => found.reasons.push(format!("+{name}: netgroups are not looked up; name a group on the server")),
            Where::Alias(name) => found.reasons.push(format!("{name}: an alias that is not defined")),
        }
    }
    Ok(found.finish(flat.iter().any(|member| member.negated || member.twice)))
}

fn plain_host(host: &Where) -> Option<String> {
    if let Where::Name(name) = host { (!name.contains(['*', '?', '['])).then(|| name.clone()) } else { None }
}

/// As whom something may run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    /// Each for `run_as`.
    pub users: Vec<String>,
    names: Option<BTreeSet<String>>,
    /// What could not be said, and why.
    pub reasons: Vec<String>,
    /// What is less than it was.
    pub notes: Vec<String>,
}

impl Targets {
    /// Whether both may mean the same account.
    pub fn may_meet(&self, other: &Self) -> bool {
        may_meet(self.names.as_ref(), other.names.as_ref())
    }
}

/// As whom a command may run; `otherwise` where nothing is written.
///
/// # Errors
/// When aliases cannot be written out.
pub fn targets(runas: &Runas, otherwise: Result<&str, &str>, aliases: &Aliases<'_>, budget: &mut Budget) -> Result<Targets, String> {
    let mut out = Targets::default();
    let Some(written) = &runas.users else {
        if runas.groups.is_some() {
            out.reasons.push("runs as the user in another group; Brevet changes the user, never the group alone".into());
            return Ok(out);
        }
        match otherwise {
            Ok(name) => {
                out.names = Some(BTreeSet::from([name.to_lowercase()]));
                out.users.push(name.to_owned());
            }
            Err(why) => out.reasons.push(why.to_owned()),
        }
        return Ok(out);
    };
    let flat = flatten(written, &aliases.runas, who_alias, budget)?;
    out.names = if runas.groups.is_some() || flat.is_empty() { None } else { plain(&flat, plain_user) };
    if flat.is_empty() {
        out.reasons.push("runs as the user themself, which needs no right".into());
    }
    if flat.iter().any(|member| member.negated || member.twice) {
        out.reasons.push("'!' takes accounts out of those as whom it may run; a policy names the one account".into());
        return Ok(out);
    }
    for member in flat {
        match member.item {
            Who::All => {
                out.notes.push("as any account: drafted for root, who can become any".into());
                out.users.push("root".into());
            }
            Who::Name(name) => out.users.push(name),
            Who::Uid(id) if !id.is_empty() && id.trim_start_matches('0').is_empty() => out.users.push("root".into()),
            Who::Uid(id) => out.reasons.push(format!("#{id}: a policy names the account, never its number")),
            Who::Group(name) => out.reasons.push(format!("%{name}: as any member of a group; name the accounts")),
            other => out.reasons.push(not_a_user(&other)),
        }
    }
    if runas.groups.is_some() {
        out.notes.push("the choice of a group is not carried over; it runs with the account's own groups".into());
    }
    let mut seen = BTreeSet::new();
    out.users.retain(|user| seen.insert(user.clone()));
    Ok(out)
}
