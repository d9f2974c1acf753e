//! What definitions give beyond what their authors may mean: the one place that asks the core's lint, for every route that says it.
//!
//! It refuses nothing. Of what somebody does not see, nothing is said to them.

use std::collections::{BTreeSet, HashSet};

use brevet_api::rest::check::Finding;
use brevet_api::rest::policy::Mistake;
use brevet_core::escape;
use brevet_core::lint::{self, Lists, lint_autonomous, lint_policy};

use super::check::references;
use super::content::{Content, Snapshot};
use super::sight::Sight;

/// Most findings in an answer about one definition.
const MOST: usize = 100;

/// The lint over all definitions as they stand.
pub struct Findings<'a> {
    all: &'a Snapshot,
    sight: &'a Sight,
    lists: Lists,
}

/// Whether a definition gives anything as it stands. A list does, through what names it.
fn is_in_force(content: &Content) -> bool {
    match content {
        Content::Group(_) | Content::List(_) => true,
        Content::Policy(policy) => policy.enabled,
        Content::Autonomous(rule) => rule.enabled && !rule.shadow,
    }
}

impl<'a> Findings<'a> {
    /// Over all that is stored.
    #[must_use]
    pub fn new(all: &'a Snapshot, sight: &'a Sight) -> Self {
        let list = |content: &Content| match content {
            Content::List(list) => Some((list.name.clone(), list.rules.clone())),
            Content::Group(_) | Content::Policy(_) | Content::Autonomous(_) => None,
        };
        Self { all, sight, lists: all.0.iter().filter_map(|definition| list(&definition.content)).collect() }
    }

    /// About one definition, stored or not, as it would be once in force; the gravest first. About a list: what policies and rules in
    /// force then give by it.
    #[must_use]
    pub fn of(mut self, content: &Content) -> Vec<Finding> {
        let found = match content {
            Content::Group(_) => Vec::new(),
            Content::Policy(_) | Content::Autonomous(_) => self.own(content),
            Content::List(list) => {
                self.lists.insert(list.name.clone(), list.rules.clone());
                self.through(&BTreeSet::from([list.name.as_str()]), &HashSet::new())
            }
        };
        lint::sorted(found).into_iter().take(MOST).map(shown).collect()
    }

    /// The same where it gives something as it stands: what is said when it is stored.
    #[must_use]
    pub fn of_stored(self, content: &Content) -> Vec<Finding> {
        if is_in_force(content) { self.of(content) } else { Vec::new() }
    }

    /// About all that a file has, and about what else gives something by a list of the file; the gravest first. With how many more than
    /// `most` there are.
    #[must_use]
    pub fn of_file(&self, wanted: &[Content], most: usize) -> (Vec<Finding>, u64) {
        let lists = wanted.iter().filter(|content| matches!(content, Content::List(_))).map(Content::name).collect();
        let mut found: Vec<lint::Finding> =
            wanted.iter().filter(|content| is_in_force(content)).flat_map(|content| self.own(content)).collect();
        found.extend(self.through(&lists, &wanted.iter().map(Content::key).collect()));
        let more = found.len().saturating_sub(most);
        (lint::sorted(found).into_iter().take(most).map(shown).collect(), u64::try_from(more).unwrap_or(u64::MAX))
    }

    fn own(&self, content: &Content) -> Vec<lint::Finding> {
        match content {
            Content::Policy(policy) => lint_policy(policy, &self.lists),
            Content::Autonomous(rule) => lint_autonomous(rule, &self.lists),
            Content::Group(_) | Content::List(_) => Vec::new(),
        }
    }

    /// What stored definitions in force give by these lists, but those that are told of anyway.
    fn through(&self, lists: &BTreeSet<&str>, told: &HashSet<(&str, &str)>) -> Vec<lint::Finding> {
        if lists.is_empty() {
            return Vec::new();
        }
        // The field that the lint gives such a finding.
        let fields: Vec<String> = lists.iter().map(|name| format!(".list \"{}\".", escape::terminal(name.as_bytes()))).collect();
        let names = |content: &Content| references(content).lists.iter().any(|(_, name)| lists.contains(name.as_str()));
        let others = self.all.0.iter().filter(|definition| {
            let content = &definition.content;
            is_in_force(content) && !told.contains(&content.key()) && names(content) && self.sight.sees(definition, self.all)
        });
        let found = others.flat_map(|definition| self.own(&definition.content));
        found.filter(|finding| fields.iter().any(|field| finding.field.contains(field))).collect()
    }
}

fn shown(finding: lint::Finding) -> Finding {
    Finding {
        kind: finding.kind.into(),
        name: finding.name,
        field: finding.field,
        severity: finding.severity.word().into(),
        code: finding.code.into(),
        reason: finding.reason,
        instead: finding.instead,
    }
}

/// A finding where mistakes stand beside it.
#[must_use]
pub fn as_mistake(finding: Finding) -> Mistake {
    let Finding { kind, name, field, severity, code, reason, instead } = finding;
    Mistake { kind, name, field, code, reason, hint: Some(instead), severity: Some(severity) }
}
