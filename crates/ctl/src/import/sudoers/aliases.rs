//! Aliases: by kind and name, and written out. Bounded, because aliases of aliases can multiply.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Command, Member, Statement, What, Where, Who, Written};
use super::{FileWrong, Wrong};

/// Deepest nesting of aliases.
const DEEPEST: usize = 64;

/// Every alias of the files.
#[derive(Debug, Default)]
pub struct Aliases<'w> {
    pub users: BTreeMap<&'w str, &'w [Member<Who>]>,
    pub runas: BTreeMap<&'w str, &'w [Member<Who>]>,
    pub hosts: BTreeMap<&'w str, &'w [Member<Where>]>,
    pub commands: BTreeMap<&'w str, &'w [Member<Command>]>,
}

impl<'w> Aliases<'w> {
    /// # Errors
    /// When a name is there twice, as for sudo.
    pub fn of(files: &[String], statements: &'w [Written]) -> Result<Self, FileWrong> {
        let mut all = Self::default();
        for written in statements {
            let twice = match &written.statement {
                Statement::UserAlias(name, members) => all.users.insert(name, members).map(|_| name),
                Statement::RunasAlias(name, members) => all.runas.insert(name, members).map(|_| name),
                Statement::HostAlias(name, members) => all.hosts.insert(name, members).map(|_| name),
                Statement::CommandAlias(name, members) => all.commands.insert(name, members).map(|_| name),
                _ => None,
            };
            if let Some(name) = twice {
                let why = format!("the alias {name} is defined already");
                let file = files.get(written.place.file).cloned().unwrap_or_default();
                return Err(FileWrong { file, wrong: Wrong { line: written.place.line, why } });
            }
        }
        Ok(all)
    }
}

/// One member, its aliases written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flat<T> {
    /// Whether it is taken out rather than put in.
    pub negated: bool,
    /// Whether it is there only because two `!` cancel each other, one of them before an alias.
    pub twice: bool,
    /// The alias that stands in the list itself, and led here.
    pub via: Option<String>,
    /// Never an alias that is known.
    pub item: T,
}

/// How much may still be written out.
#[derive(Debug)]
pub struct Budget(pub usize);

/// Writes out every alias, in order. An alias that is not known stays as it is.
///
/// # Errors
/// When an alias contains itself, or everything together is too much.
pub fn flatten<'w, T: Clone>(
    members: &'w [Member<T>],
    aliases: &BTreeMap<&'w str, &'w [Member<T>]>,
    name_of: fn(&T) -> Option<&str>,
    budget: &mut Budget,
) -> Result<Vec<Flat<T>>, String> {
    let mut out = Vec::new();
    let mut walk = Walk { aliases, name_of, budget, inside: BTreeSet::new() };
    for member in members {
        walk.one(member, false, None, &mut out)?;
    }
    Ok(out)
}

struct Walk<'a, 'w, T> {
    aliases: &'a BTreeMap<&'w str, &'w [Member<T>]>,
    name_of: fn(&T) -> Option<&str>,
    budget: &'a mut Budget,
    inside: BTreeSet<&'w str>,
}

impl<'w, T: Clone> Walk<'_, 'w, T> {
    fn one(&mut self, member: &'w Member<T>, outer: bool, via: Option<&str>, out: &mut Vec<Flat<T>>) -> Result<(), String> {
        self.budget.0 = self.budget.0.checked_sub(1).ok_or("written out, the aliases are more than can be looked at")?;
        let negated = member.negated != outer;
        let known = (self.name_of)(&member.item).and_then(|name| self.aliases.get_key_value(name));
        let Some((name, members)) = known else {
            let twice = member.negated && outer;
            out.push(Flat { negated, twice, via: via.map(str::to_owned), item: member.item.clone() });
            return Ok(());
        };
        if self.inside.len() >= DEEPEST || !self.inside.insert(name) {
            return Err(format!("the alias {name} contains itself, or too many others inside one another"));
        }
        for inner in *members {
            self.one(inner, negated, Some(via.unwrap_or(name)), out)?;
        }
        self.inside.remove(name);
        Ok(())
    }
}

pub fn who_alias(who: &Who) -> Option<&str> {
    if let Who::Alias(name) = who { Some(name) } else { None }
}

pub fn host_alias(host: &Where) -> Option<&str> {
    if let Where::Alias(name) = host { Some(name) } else { None }
}

pub fn command_alias(command: &Command) -> Option<&str> {
    if let What::Alias(name) = &command.what { Some(name) } else { None }
}
