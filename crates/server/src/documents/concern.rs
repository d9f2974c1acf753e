//! Whom a policy or an autonomous rule concerns: asked for one computer, or answered for all of them at once.
//!
//! INVARIANT: `concerns` alone says what a scope means; the rest only saves asking it in vain.

use std::collections::{BTreeSet, HashMap, HashSet};

use brevet_core::policy::Scope;

use crate::definitions::{Content, Definition, Snapshot};

/// The computers of an enabled policy or autonomous rule.
fn scope(definition: &Definition) -> Option<&Scope> {
    match &definition.content {
        Content::Policy(policy) => policy.enabled.then_some(&policy.computers),
        Content::Autonomous(rule) => rule.enabled.then_some(&rule.computers),
        Content::Group(_) | Content::List(_) => None,
    }
}

/// Names of each computer's groups.
fn members(all: &Snapshot) -> impl Iterator<Item = (&str, &str)> {
    all.0.iter().flat_map(|definition| match &definition.content {
        Content::Group(group) => {
            group.computers.iter().flatten().map(|computer| (computer.as_str(), group.name.as_str())).collect::<Vec<_>>()
        }
        Content::List(_) | Content::Policy(_) | Content::Autonomous(_) => Vec::new(),
    })
}

/// Whether a scope names a computer, by name or by one of its groups.
fn concerns(scope: &Scope, name: &str, groups: &HashSet<&str>) -> bool {
    match scope {
        Scope::All => true,
        Scope::Named(names) => names.iter().any(|entry| match entry.strip_prefix("group:") {
            Some(group) => groups.contains(group),
            None => entry == name,
        }),
    }
}

/// Every enabled policy and autonomous rule that concerns a computer; none for one in quarantine.
pub fn concerning<'a>((state, name): (&'a str, &'a str), all: &'a Snapshot) -> impl Iterator<Item = &'a Definition> {
    let groups: HashSet<&str> = members(all).filter(|(computer, _)| *computer == name).map(|(_, group)| group).collect();
    let here = move |definition: &&Definition| scope(definition).is_some_and(|scope| concerns(scope, name, &groups));
    all.0.iter().filter(move |_| state == "enrolled").filter(here)
}

/// The same for many computers: each costs what concerns it, not what there is.
pub struct Concern<'a> {
    all: &'a Snapshot,
    groups: HashMap<&'a str, HashSet<&'a str>>,
    everywhere: Vec<usize>,
    named: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Concern<'a> {
    /// Looks at all definitions once.
    #[must_use]
    pub fn new(all: &'a Snapshot) -> Self {
        let (mut groups, mut everywhere) = (HashMap::<&str, HashSet<&str>>::new(), Vec::new());
        for (computer, group) in members(all) {
            groups.entry(computer).or_default().insert(group);
        }
        let mut named = HashMap::<&str, Vec<usize>>::new();
        for (place, scope) in all.0.iter().enumerate().filter_map(|(place, definition)| Some((place, scope(definition)?))) {
            match scope {
                Scope::All => everywhere.push(place),
                Scope::Named(entries) => entries.iter().for_each(|entry| named.entry(entry).or_default().push(place)),
            }
        }
        Self { all, groups, everywhere, named }
    }

    /// Whether a scope names a computer.
    #[must_use]
    pub fn is_named(&self, scope: &Scope, name: &str) -> bool {
        concerns(scope, name, self.groups.get(name).unwrap_or(&HashSet::new()))
    }

    /// What computers have in common that the same policies and rules concern: enrolled or not, and their groups. `None` for one that
    /// a scope names by its own name.
    #[must_use]
    pub fn alike(&self, (state, name): (&str, &str)) -> Option<(bool, BTreeSet<&'a str>)> {
        let groups = || self.groups.get(name).into_iter().flatten().copied().collect();
        (!self.named.contains_key(name)).then(|| (state == "enrolled", groups()))
    }

    /// As `concerning`.
    #[must_use]
    pub fn of(&self, (state, name): (&str, &str)) -> Vec<&'a Definition> {
        let none = HashSet::new();
        let groups = self.groups.get(name).unwrap_or(&none);
        let by_group = groups.iter().filter_map(|group| self.named.get(format!("group:{group}").as_str()));
        let places: BTreeSet<usize> = self.named.get(name).into_iter().chain(by_group).flatten().chain(&self.everywhere).copied().collect();
        let here = |definition: &&Definition| state == "enrolled" && scope(definition).is_some_and(|scope| concerns(scope, name, groups));
        places.into_iter().filter_map(|place| self.all.0.get(place)).filter(here).collect()
    }
}

#[cfg(test)]
mod tests {
    use brevet_core::file::Group;
    use brevet_core::policy::Policy;
    use brevet_core::time::Timestamp;

    use super::*;

    fn definition(content: Content) -> Definition {
        let (created, changed) = (Timestamp::from_millis(0), Timestamp::from_millis(0));
        Definition { id: content.name().into(), version: 1, renewal: 0, created, changed, document: None, content }
    }

    fn group(name: &str, computers: &[&str]) -> Definition {
        let computers = Some(computers.iter().map(|name| (*name).to_owned()).collect());
        definition(Content::Group(Group { name: name.into(), computers, users: None }))
    }

    fn policy(name: &str, computers: &str, enabled: bool) -> Definition {
        let text = format!(
            "name = \"{name}\"\nenabled = {enabled}\ncomputers = {computers}\nusers = \"all\"\napplications = \"all\"\nmode = \"automatic\"\n"
        );
        definition(Content::Policy(Box::new(toml::from_str::<Policy>(&text).unwrap())))
    }

    #[test]
    fn asked_for_one_and_answered_for_all_is_the_same() {
        let mut all = vec![
            group("web", &["a", "b", "a"]),
            group("db", &["c"]),
            group("a", &["d"]),
            policy("everywhere", "\"all\"", true),
            policy("off", "\"all\"", false),
            policy("twice", "[\"a\", \"group:web\", \"a\"]", true),
            policy("by group", "[\"group:web\", \"group:db\", \"group:gone\"]", true),
            policy("a group named as a computer", "[\"group:a\"]", true),
            policy("nobody", "[\"z\"]", true),
        ];
        all.sort_by(|one, other| one.content.key().cmp(&other.content.key()));
        let all = Snapshot(all);
        let concern = Concern::new(&all);
        let names = |found: Vec<&Definition>| found.into_iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        let expected: [(&str, &[&str]); 6] = [
            ("a", &["by group", "everywhere", "twice"]),
            ("b", &["by group", "everywhere", "twice"]),
            ("c", &["by group", "everywhere"]),
            ("d", &["a group named as a computer", "everywhere"]),
            ("group:web", &["everywhere"]),
            ("z", &["everywhere", "nobody"]),
        ];
        for (computer, expected) in expected {
            let here = ("enrolled", computer);
            assert_eq!(names(concern.of(here)), expected, "{computer}");
            assert_eq!(names(concerning(here, &all).collect()), expected, "{computer}");
            let away = ("quarantined", computer);
            assert!(concern.of(away).is_empty() && concerning(away, &all).next().is_none());
            for state in ["enrolled", "quarantined"] {
                for other in ["a", "b", "c", "d", "group:web", "z", "e", "f"] {
                    let alike = concern.alike(here).filter(|alike| concern.alike((state, other)).as_ref() == Some(alike));
                    assert!(alike.is_none() || names(concern.of((state, other))) == expected, "{computer} and {other}, {state}");
                }
            }
        }
        // Both are in no group and named nowhere; the first of two in the same groups is named by its own name.
        assert!(concern.alike(("enrolled", "e")).is_some() && concern.alike(("enrolled", "e")) == concern.alike(("enrolled", "f")));
        assert!(concern.alike(("enrolled", "a")).is_none() && concern.alike(("enrolled", "b")).is_some());
    }
}
