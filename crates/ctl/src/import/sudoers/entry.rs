//! Each command of each line with all that applies to it, and what later lines do to it.

use std::rc::Rc;

use super::aliases::{Aliases, Budget, command_alias, flatten};
use super::ast::{Arguments, Command, CommandSpec, Options, Statement, Tags, What};
use super::defaults::{Concerned, Defaults, seconds};
use super::include::Whole;
use super::rule;
use super::whom::{self, Groups, Named, Targets};
use brevet_core::application::Rule;

/// One command for these users, on these hosts, as these.
#[derive(Debug)]
pub struct Entry {
    /// Which statement, and which of its `HOSTS = COMMANDS`.
    pub of: (usize, usize),
    /// File and line, for messages.
    pub place: String,
    pub users: Rc<Named>,
    pub hosts: Rc<Named>,
    pub targets: Rc<Targets>,
    pub negated: bool,
    pub twice: bool,
    pub via: Option<String>,
    pub command: Command,
    pub options: Options,
    pub terms: Terms,
}

/// What tightens a right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Terms {
    pub password: bool,
    pub noexec: bool,
    pub record: bool,
    pub timeout: Option<u64>,
    /// Why nothing can be drafted.
    pub barred: Vec<String>,
    /// What was tightened, and why.
    pub notes: Vec<String>,
}

/// Every entry of the files, in order.
///
/// # Errors
/// When aliases cannot be written out.
pub fn all(
    Whole { files, statements }: &Whole,
    aliases: &Aliases<'_>,
    defaults: &Defaults,
    groups: &mut Groups,
    budget: &mut Budget,
) -> Result<Vec<Entry>, String> {
    let mut out = Vec::new();
    for (index, written) in statements.iter().enumerate() {
        let Statement::Rights(members, privileges) = &written.statement else { continue };
        let users = Rc::new(whom::users(members, aliases, groups, budget)?);
        let file = files.get(written.place.file).map_or("", |file| file.rsplit('/').next().unwrap_or_default());
        let place = format!("{file}:{}", written.place.line);
        for (part, privilege) in privileges.iter().enumerate() {
            let hosts = Rc::new(whom::hosts(&privilege.hosts, aliases, groups, budget)?);
            for spec in &privilege.commands {
                let targets = Rc::new(whom::targets(&spec.runas, defaults.runas(), aliases, budget)?);
                let one = std::slice::from_ref(&spec.command);
                for flat in flatten(one, &aliases.commands, command_alias, budget)? {
                    let concerned = Concerned { users: &users, hosts: &hosts, targets: &targets, what: &flat.item.what };
                    let terms = terms(spec, defaults, &concerned);
                    out.push(Entry {
                        of: (index, part),
                        place: place.clone(),
                        users: Rc::clone(&users),
                        hosts: Rc::clone(&hosts),
                        targets: Rc::clone(&targets),
                        negated: flat.negated,
                        twice: flat.twice,
                        via: flat.via,
                        command: flat.item,
                        options: spec.options.clone(),
                        terms,
                    });
                }
            }
        }
    }
    Ok(out)
}

fn terms(spec: &CommandSpec, defaults: &Defaults, concerned: &Concerned<'_>) -> Terms {
    let held = defaults.held(concerned);
    let Tags { password, exec, log_input, log_output, intercept, setenv, follow: _, mail: _ } = spec.tags;
    let mut terms = Terms {
        password: password.unwrap_or(!defaults.no_password),
        noexec: exec.map_or(held.noexec, |exec| !exec),
        record: held.record || log_input == Some(true) || log_output == Some(true),
        timeout: held.timeout,
        barred: held.barred,
        notes: Vec::new(),
    };
    if held.terminal && !terms.password {
        terms.password = true;
        terms.notes.push("requiretty: a password is asked for, which needs a terminal".into());
    }
    if let Some(whose) = held.other_password.filter(|_| terms.password) {
        terms.barred.push(format!("{whose}: another account's password is asked for; Brevet asks for the user's own"));
    }
    if intercept == Some(true) {
        terms.barred.push("INTERCEPT: programs that it starts are held against sudoers; no policy says that".into());
    }
    if setenv == Some(true) {
        terms.notes.push("SETENV: users cannot set variables; name those to keep in keep_environment".into());
    }
    for (key, value) in &spec.options.0 {
        match *key {
            "NOTBEFORE" | "NOTAFTER" => {}
            "TIMEOUT" => match seconds(value) {
                Some(0) => {}
                Some(found) => terms.timeout = Some(terms.timeout.map_or(found, |before| before.min(found))),
                None => terms.barred.push(format!("TIMEOUT={value}: not a time that can be read")),
            },
            "CWD" | "CHROOT" if value == "*" => terms.notes.push(format!("{key}=*: users cannot choose it")),
            "CWD" | "CHROOT" => terms.barred.push(format!("{key}={value}: Brevet runs in the directory and root of the caller")),
            _ => terms.barred.push(format!("{key}={value} confines what runs, and a policy cannot say that")),
        }
    }
    terms
}

/// What becomes of an entry that allows, after every later entry.
pub struct Fate {
    /// With all that later entries tighten.
    pub terms: Terms,
    /// What later entries take out of it.
    pub exceptions: Vec<Rule>,
    /// Why nothing is left that could be said.
    pub lost: Option<String>,
}

/// Holds an entry against all that follow it: the last that matches would decide.
pub fn fate(entry: &Entry, later: &[Entry]) -> Fate {
    let mut fate = Fate { terms: entry.terms.clone(), exceptions: Vec::new(), lost: None };
    for other in later.iter().filter(|other| may_meet(entry, other)) {
        let place = if other.of.0 == entry.of.0 { "the same line".to_owned() } else { other.place.clone() };
        if !other.negated {
            tighten(&mut fate.terms, &other.terms, &place);
            continue;
        }
        match taken_out(&entry.command.what, &other.command.what) {
            Ok(rules) => fate.exceptions.extend(rules),
            Err(why) => fate.lost = fate.lost.or_else(|| Some(format!("{place} takes something away again with '!': {why}"))),
        }
    }
    fate
}

fn may_meet(one: &Entry, other: &Entry) -> bool {
    rule::may_meet(&one.command.what, &other.command.what)
        && one.targets.may_meet(&other.targets)
        && one.users.may_meet(&other.users)
        && one.hosts.may_meet(&other.hosts)
}

fn tighten(terms: &mut Terms, later: &Terms, place: &str) {
    let mut note = |what: &str| {
        let note = format!("{what}, as {place} says for some of the same commands");
        if !terms.notes.contains(&note) && terms.notes.len() < 8 {
            terms.notes.push(note);
        }
    };
    if later.password && !terms.password {
        note("with a password");
    }
    if later.noexec && !terms.noexec {
        note("without starting other programs");
    }
    terms.password |= later.password;
    terms.noexec |= later.noexec;
    terms.record |= later.record;
    terms.timeout = match (terms.timeout, later.timeout) {
        (Some(own), Some(other)) => Some(own.min(other)),
        (own, other) => own.or(other),
    };
    for barred in &later.barred {
        let text = format!("{place}, which matches some of the same commands later: {barred}");
        if terms.barred.is_empty() {
            terms.barred.push(text);
        }
    }
}

/// Exceptions that take out all of it.
///
/// # Errors
/// When some of it would stay in. A list of what is not allowed is no boundary (ATTACKS E07): whoever may run everything else can run
/// the same under another name.
fn taken_out(allowed: &What, taken: &What) -> Result<Vec<Rule>, &'static str> {
    let (What::Path(path, _), What::Path(same, arguments)) = (allowed, taken) else {
        return Err("a list of what is not allowed is no boundary, for a program can be reached by another name; name what is allowed");
    };
    if path != same || path.ends_with('/') || path.contains(['*', '?', '[']) {
        return Err("a program can be reached by another name than the one that is taken away; name what is allowed");
    }
    match arguments {
        Arguments::Any => Err("all of it"),
        other => rule::exceptions(path, other),
    }
}
