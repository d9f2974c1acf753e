//! Definitions that are sound and will not do what their author means: said, never refused.

use std::collections::{BTreeMap, BTreeSet};

use brevet_api::rest::person::Role;
use brevet_api::rest::policy::Mistake;
use brevet_core::application::Rule;
use brevet_core::policy::{Applications, Mode, Policy, Scope, Validity};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::content::{Content, Snapshot, kind_name};
use super::near::Advice;
use super::sight::Sight;
use crate::access::{role_name, roles_from_text};
use crate::http::failure::Outcome;
use crate::store::entities::{computer, person, person_os_user};

/// What is known beside the definitions.
#[derive(Debug, Default)]
pub struct Known {
    computers: BTreeSet<String>,
    users: BTreeSet<String>,
    /// Enabled persons by name, each with their roles.
    persons: BTreeMap<String, Vec<Role>>,
}

impl Known {
    /// Enabled approvers whom an entry such as `role:approver` or `person:Ann` means.
    fn deciding(&self, entry: &str) -> Vec<&str> {
        let means = |name: &str, roles: &[Role]| match entry.split_once(':') {
            Some(("person", wanted)) => wanted == name,
            Some(("role", wanted)) => roles.iter().any(|role| role_name(*role) == wanted),
            _ => false,
        };
        let deciding = self.persons.iter().filter(|(name, roles)| roles.contains(&Role::Approver) && means(name, roles));
        deciding.map(|(name, _)| name.as_str()).collect()
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load<C: ConnectionTrait>(connection: &C, all: &Snapshot) -> Outcome<Self> {
        let computers = computer::Entity::find()
            .select_only()
            .column(computer::Column::Name)
            .filter(computer::Column::State.ne("removed"))
            .into_tuple::<String>()
            .all(connection)
            .await?;
        let linked = person_os_user::Entity::find().select_only().column(person_os_user::Column::User).into_tuple::<String>();
        let mut users: BTreeSet<String> = linked.all(connection).await?.into_iter().collect();
        for definition in &all.0 {
            if let Content::Group(group) = &definition.content {
                users.extend(group.users.iter().flatten().cloned());
            }
        }
        let persons = person::Entity::find().filter(person::Column::Enabled.eq(true)).all(connection).await?;
        let persons = persons.into_iter().map(|row| (row.name, roles_from_text(&row.roles))).collect();
        Ok(Self { computers: computers.into_iter().collect(), users, persons })
    }
}

/// Most findings about one definition.
const MOST: usize = 20;

/// All definitions as they stand together, looked through once for all that is asked about them.
pub struct Together<'a> {
    all: &'a Snapshot,
    known: &'a Known,
    /// Enabled denies that refuse something altogether and always.
    denies: Vec<&'a Policy>,
    /// Enabled policies that give something.
    giving: Vec<&'a Policy>,
    advice: Advice,
}

impl<'a> Together<'a> {
    /// Looks through them.
    #[must_use]
    pub fn new(all: &'a Snapshot, known: &'a Known, sight: &Sight) -> Self {
        // What somebody does not see is not named to them.
        let policies = all.0.iter().filter(|definition| sight.sees(definition, all)).filter_map(|definition| match &definition.content {
            Content::Policy(policy) if policy.enabled => Some(&**policy),
            _ => None,
        });
        let (denies, giving): (Vec<_>, Vec<_>) = policies.partition(|policy| policy.mode == Mode::Deny);
        Self { all, known, denies: denies.into_iter().filter(|deny| is_whole(deny)).collect(), giving, advice: Advice::default() }
    }

    fn nearest<'n>(&self, name: &str, known: impl IntoIterator<Item = &'n String>) -> Option<&'n str> {
        self.advice.nearest(name, known.into_iter().map(String::as_str))
    }

    /// Everything about one definition that its author may not mean.
    #[must_use]
    pub fn of(&self, content: &Content, now: Timestamp) -> Vec<Mistake> {
        let mut found = Found { content, together: self, out: Vec::new() };
        match content {
            Content::Group(group) => {
                for (index, name) in group.computers.iter().flatten().enumerate() {
                    found.computer(&format!("computers[{index}]"), name);
                }
            }
            Content::List(_) => {}
            Content::Policy(policy) if policy.enabled => {
                found.computers(&policy.computers);
                found.users(&policy.users);
                found.validity(&policy.validity, now);
                found.denies(policy);
                found.approvers(policy);
            }
            Content::Autonomous(rule) if rule.enabled => {
                found.computers(&rule.computers);
                found.users(&rule.users);
            }
            Content::Policy(_) | Content::Autonomous(_) => {}
        }
        found.out.truncate(MOST);
        found.out
    }
}

/// The same for somebody whose role is narrowed: what it means instead may be the name of what lies beyond.
#[must_use]
pub fn narrowed(mut found: Vec<Mistake>) -> Vec<Mistake> {
    for mistake in found.iter_mut().filter(|mistake| ["unknown_computer", "unknown_user"].contains(&mistake.code.as_str())) {
        mistake.hint = None;
    }
    found
}

/// The same for somebody who may not read who is there.
#[must_use]
pub fn without_persons(mut found: Vec<Mistake>) -> Vec<Mistake> {
    found.retain(|mistake| !["unknown_person", "no_approver", "too_few_approvers"].contains(&mistake.code.as_str()));
    found
}

struct Found<'a> {
    content: &'a Content,
    together: &'a Together<'a>,
    out: Vec<Mistake>,
}

impl Found<'_> {
    fn add(&mut self, field: &str, code: &str, reason: String, hint: Option<String>) {
        let kind = kind_name(self.content.kind()).to_owned();
        self.out.push(Mistake {
            kind,
            name: self.content.name().to_owned(),
            field: field.to_owned(),
            code: code.to_owned(),
            reason,
            hint,
            severity: None,
        });
    }

    /// A computer that is not there may come later; one that is nearly there is a slip.
    fn computer(&mut self, field: &str, name: &str) {
        if self.out.len() < MOST && !self.together.known.computers.contains(name) {
            let hint = self.together.nearest(name, &self.together.known.computers).map(|near| format!("do you mean {near:?}?"));
            self.add(field, "unknown_computer", format!("no computer {name:?} is enrolled"), hint);
        }
    }

    fn computers(&mut self, scope: &Scope) {
        let Scope::Named(entries) = scope else { return };
        let mut any = false;
        let together = self.together;
        for (index, entry) in entries.iter().enumerate() {
            let field = format!("computers[{index}]");
            match entry.strip_prefix("group:") {
                Some(group) => {
                    let members = together.all.group(group).and_then(|group| group.computers.as_deref()).unwrap_or_default();
                    any |= members.iter().any(|member| together.known.computers.contains(member));
                    if members.is_empty() {
                        self.add(&field, "empty_group", format!("the group {group:?} has no computer"), None);
                    }
                }
                None => {
                    any |= self.together.known.computers.contains(entry);
                    self.computer(&field, entry);
                }
            }
        }
        if !any {
            let hint = "it reaches a computer once one of that name enrols, or joins the group".to_owned();
            self.add("computers", "no_computer", "no computer gets it as things stand".into(), Some(hint));
        }
    }

    /// Which accounts there are only computers know; a name that is nearly one that is known here is a slip.
    fn users(&mut self, scope: &Scope) {
        let Scope::Named(entries) = scope else { return };
        if entries.is_empty() {
            self.add("users", "nobody", "it names nobody".into(), None);
        }
        for (index, entry) in entries.iter().enumerate() {
            let field = format!("users[{index}]");
            if let Some(group) = entry.strip_prefix("group:") {
                if self.together.all.group(group).is_some_and(|group| group.users.as_ref().is_some_and(Vec::is_empty)) {
                    self.add(&field, "empty_group", format!("the group {group:?} has no user"), None);
                }
            } else if !entry.starts_with("os-group:") && !self.together.known.users.contains(entry) {
                let near = self.together.nearest(entry, &self.together.known.users).filter(|near| near.chars().count() > 3);
                if let Some(near) = near {
                    self.add(&field, "unknown_user", format!("no user {entry:?} is known here"), Some(format!("do you mean {near:?}?")));
                }
            }
        }
    }

    fn validity(&mut self, validity: &Validity, now: Timestamp) {
        if let Validity::Window { end, .. } = validity
            && *end <= now
        {
            self.add("validity.end", "over", format!("its window ended at {end}"), Some("give an end that is still to come".into()));
        }
    }

    /// Requests that nobody could ever approve.
    fn approvers(&mut self, policy: &Policy) {
        if policy.mode != Mode::Request {
            return;
        }
        let terms = &policy.request;
        let escalated = terms.escalate_after.map(|_| &terms.escalate_to);
        let mut may = BTreeSet::new();
        for (list, entries) in [("approvers", Some(&terms.approvers)), ("escalate_to", escalated)] {
            for (index, entry) in entries.into_iter().flatten().enumerate() {
                let field = format!("request.{list}[{index}]");
                if let Some(name) = entry.strip_prefix("person:") {
                    self.approver(&field, name);
                }
                may.extend(self.together.known.deciding(entry));
            }
        }
        let (can, needed) = (may.len(), usize::try_from(terms.approvals).unwrap_or(usize::MAX));
        if can < needed {
            let who = if can == 1 { "only 1 enabled person".to_owned() } else { format!("only {can} enabled persons") };
            let hint = "name more approvers, or fewer approvals; an approver has the role approver";
            self.add("request.approvals", "too_few_approvers", format!("{needed} must approve, and {who} may"), Some(hint.into()));
        }
    }

    fn approver(&mut self, field: &str, name: &str) {
        let persons = &self.together.known.persons;
        match persons.get(name) {
            Some(roles) if roles.contains(&Role::Approver) => {}
            Some(_) => {
                let hint = "whoever decides has that role: an owner gives it".to_owned();
                self.add(field, "no_approver", format!("{name:?} does not have the role approver"), Some(hint));
            }
            None => {
                let hint = self.together.nearest(name, persons.keys()).map(|near| format!("do you mean {near:?}?"));
                self.add(field, "unknown_person", format!("no enabled person is named {name:?}"), hint);
            }
        }
    }

    /// A deny that refuses everything that another policy gives.
    fn denies(&mut self, policy: &Policy) {
        let together = self.together;
        if policy.mode != Mode::Deny {
            for deny in together.denies.iter().filter(|deny| deny.name != policy.name && shadows(deny, policy, together.all)).take(MOST) {
                let reason = format!("the deny {:?} refuses everything that it gives", deny.name);
                self.add("mode", "shadowed", reason, Some("narrow the deny, or take this policy away".into()));
            }
        } else if is_whole(policy) {
            for other in together.giving.iter().filter(|other| other.name != policy.name && shadows(policy, other, together.all)).take(MOST)
            {
                let reason = format!("it refuses everything that the policy {:?} gives", other.name);
                self.add("mode", "shadows", reason, Some("narrow the deny, or disable the other".into()));
            }
        }
    }
}

/// Whether a deny holds always, and for all that it names.
fn is_whole(deny: &Policy) -> bool {
    deny.validity == Validity::Always && deny.exceptions.is_empty()
}

/// Whether a deny that is whole certainly refuses all that a policy gives.
fn shadows(deny: &Policy, policy: &Policy, all: &Snapshot) -> bool {
    let scope = |wide: &Scope, narrow: &Scope| match (wide, narrow) {
        (Scope::All, _) => true,
        (Scope::Named(_), Scope::All) => false,
        (Scope::Named(wide), Scope::Named(narrow)) => narrow.iter().all(|entry| wide.contains(entry)),
    };
    let applications = || match (&deny.applications, &policy.applications) {
        (Applications::All, _) => true,
        (Applications::Rules(_), Applications::All) => false,
        (Applications::Rules(wide), Applications::Rules(narrow)) => {
            let wide = written_out(wide, all);
            let narrow = written_out(narrow, all);
            !narrow.is_empty() && narrow.iter().all(|rule| is_within(rule, &wide))
        }
    };
    // What is told soonest comes first: every deny is held against every policy.
    scope(&deny.users, &policy.users) && scope(&deny.computers, &policy.computers) && applications()
}

/// Rules, with those of a list in the place of a rule that names one and nothing more.
fn written_out<'a>(rules: &'a [Rule], all: &'a Snapshot) -> Vec<&'a Rule> {
    let one = |rule: &'a Rule| {
        let list = rule.list.as_deref().and_then(|name| all.list(name));
        match list {
            Some(list) if *rule == (Rule { list: rule.list.clone(), ..Rule::default() }) => list.rules.iter().collect(),
            _ => vec![rule],
        }
    };
    rules.iter().flat_map(one).collect()
}

/// Whether all that a rule means is certainly meant by one of others: the same, or the same with any arguments.
fn is_within(rule: &Rule, wide: &[&Rule]) -> bool {
    let any = Rule { arguments: None, ..rule.clone() };
    wide.iter().any(|other| **other == *rule || **other == any)
}
