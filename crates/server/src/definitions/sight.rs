//! What of the definitions somebody sees and may change, whose roles are narrowed to computer groups.
//!
//! They see what concerns a computer of theirs, and what is about no computer (lists, groups of users). They change policies and
//! autonomous rules whose computers all lie within their groups, and nothing that others' policies use too.

use std::collections::BTreeSet;

use brevet_core::policy::Scope;

use super::content::{Content, Definition, Kind, Snapshot};
use crate::access::{Action, Actor, Reach};
use crate::http::failure::{Failure, Outcome};

/// What one reach shows of the definitions.
pub struct Sight {
    /// `None` for everything.
    narrowed: Option<Narrowed>,
}

struct Narrowed {
    /// Ids and names of the groups.
    groups: BTreeSet<String>,
    names: BTreeSet<String>,
    /// Names of their computers.
    computers: BTreeSet<String>,
}

impl Sight {
    /// Of an actor, for an action.
    #[must_use]
    pub fn new(actor: &Actor, action: Action, all: &Snapshot) -> Self {
        let Reach::Groups(groups) = actor.reach(action) else { return Self { narrowed: None } };
        let mut narrowed = Narrowed { groups, names: BTreeSet::new(), computers: BTreeSet::new() };
        for definition in all.0.iter().filter(|definition| narrowed.groups.contains(&definition.id)) {
            if let Content::Group(group) = &definition.content {
                narrowed.names.insert(group.name.clone());
                narrowed.computers.extend(group.computers.iter().flatten().cloned());
            }
        }
        Self { narrowed: Some(narrowed) }
    }

    /// Whether it is everything.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.narrowed.is_none()
    }

    /// Whether a group is one of theirs, by name.
    #[must_use]
    pub fn has_group(&self, name: &str) -> bool {
        self.narrowed.as_ref().is_none_or(|narrowed| narrowed.names.contains(name))
    }

    /// Whether a computer is one of theirs, by name; without a scope every name is.
    #[must_use]
    pub fn has_computer(&self, name: &str) -> bool {
        self.narrowed.as_ref().is_none_or(|narrowed| narrowed.computers.contains(name))
    }

    /// Whether they see a definition.
    #[must_use]
    pub fn sees(&self, definition: &Definition, all: &Snapshot) -> bool {
        self.sees_content(&definition.id, &definition.content, all)
    }

    /// The same of what a definition says, or said in a version before.
    #[must_use]
    pub fn sees_content(&self, id: &str, content: &Content, all: &Snapshot) -> bool {
        let Some(narrowed) = &self.narrowed else { return true };
        match content {
            Content::List(_) => true,
            Content::Group(group) => group.computers.is_none() || narrowed.groups.contains(id),
            Content::Policy(policy) => narrowed.touches(&policy.computers, all),
            Content::Autonomous(rule) => narrowed.touches(&rule.computers, all),
        }
    }

    /// Ids of the policies that they see.
    #[must_use]
    pub fn policies(&self, all: &Snapshot) -> Vec<String> {
        let policies = all.0.iter().filter(|definition| definition.content.kind() == Kind::Policy && self.sees(definition, all));
        policies.map(|definition| definition.id.clone()).collect()
    }

    /// One by id or name, if they see it.
    #[must_use]
    pub fn find<'a>(&self, all: &'a Snapshot, kind: Kind, reference: &str) -> Option<&'a Definition> {
        all.find(kind, reference).filter(|definition| self.sees(definition, all))
    }

    /// Whether they may make, change or delete this.
    ///
    /// # Errors
    /// `forbidden`, with what lies beyond.
    pub fn refuse_change(&self, content: &Content) -> Outcome<()> {
        let Some(narrowed) = &self.narrowed else { return Ok(()) };
        let refused = |why: String| Err(Failure::new(brevet_api::rest::Code::Forbidden).because(why));
        let computers = match content {
            Content::Policy(policy) => &policy.computers,
            Content::Autonomous(rule) => &rule.computers,
            Content::List(_) | Content::Group(_) => {
                return refused("lists and groups serve policies of all computers, and your role is narrowed to some".into());
            }
        };
        let Scope::Named(entries) = computers else {
            return refused("your role is narrowed to some computer groups, and this is for all computers".into());
        };
        let beyond = entries.iter().find(|entry| match entry.strip_prefix("group:") {
            Some(group) => !narrowed.names.contains(group),
            None => !narrowed.computers.contains(*entry),
        });
        match beyond {
            Some(entry) => refused(format!("your role is narrowed to some computer groups, and {entry:?} is not within them")),
            None => Ok(()),
        }
    }
}

impl Narrowed {
    /// Whether one of their computers, or a group of theirs, is named.
    fn touches(&self, scope: &Scope, all: &Snapshot) -> bool {
        let Scope::Named(entries) = scope else { return true };
        entries.iter().any(|entry| match entry.strip_prefix("group:") {
            Some(group) => {
                let members = all.group(group).and_then(|group| group.computers.as_ref());
                self.names.contains(group) || members.is_some_and(|members| members.iter().any(|name| self.computers.contains(name)))
            }
            None => self.computers.contains(entry),
        })
    }
}
