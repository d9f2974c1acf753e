//! Whether definitions make sense: each by itself (the core's `validate`), and all together (what they name exists).
//!
//! What no computer enforces is refused here already, by the function that computers refuse it by: a policy that stands on the
//! server and is in force nowhere helps nobody.

use brevet_api::rest::error::FieldError;
use brevet_core::application::Rule;
use brevet_core::autonomous;
use brevet_core::decide::{unenforceable, unenforceable_rules};
use brevet_core::file::{validate_group, validate_list};
use brevet_core::policy::{Applications, PolicyError, Scope, validate};

use super::content::{Content, Kind, Snapshot};
use super::near::Advice;

/// What is wrong with a definition by itself; fields begin with `prefix`.
#[must_use]
pub fn alone(content: &Content, prefix: &str) -> Vec<FieldError> {
    let (found, unenforceable) = match content {
        Content::Group(group) => (validate_group(group), Vec::new()),
        Content::List(list) => (validate_list(list), unenforceable_rules(&list.rules, "rules")),
        Content::Policy(policy) => (validate(policy), unenforceable(policy)),
        Content::Autonomous(rule) => (autonomous::validate(rule), unenforceable_applications(&rule.applications)),
    };
    let found = found.into_iter().chain(unenforceable);
    let mut errors: Vec<FieldError> = found.map(|e| error(prefix, &e.field, e.reason)).collect();
    if like_an_id(content.name()) {
        errors.push(error(prefix, "name", "must not look like an id"));
    }
    if content.is_break_glass() {
        errors.push(error(prefix, "name", "names that begin with \"Break-glass brk_\" are those of break-glass alone"));
    }
    errors
}

fn unenforceable_applications(applications: &Applications) -> Vec<PolicyError> {
    match applications {
        Applications::All => Vec::new(),
        Applications::Rules(rules) => unenforceable_rules(rules, "applications"),
    }
}

fn error(prefix: &str, field: &str, reason: impl Into<String>) -> FieldError {
    FieldError { field: format!("{prefix}{field}"), reason: reason.into() }
}

fn like_an_id(name: &str) -> bool {
    name.len() > 27 && name.as_bytes().get(3) == Some(&b'_') && !name.contains(' ')
}

/// Whether a person's or a token's name can be used in a path and a message.
///
/// # Errors
/// In words, why not.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.trim() != name {
        Err("a name is not empty and has no white space at its ends".into())
    } else if name.chars().count() > 200 {
        Err("a name has at most 200 characters".into())
    } else if brevet_core::escape::terminal(name.as_bytes()) != name.replace('\\', "\\\\") {
        Err("a name has no control or invisible characters".into())
    } else if like_an_id(name) {
        Err("a name must not look like an id".into())
    } else {
        Ok(())
    }
}

/// What a definition refers to, with the field that does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Application lists.
    pub lists: Vec<(String, String)>,
    /// Groups of users.
    pub user_groups: Vec<(String, String)>,
    /// Groups of computers.
    pub computer_groups: Vec<(String, String)>,
}

/// Everything that a definition refers to.
#[must_use]
pub fn references(content: &Content) -> References {
    let mut found = References::default();
    match content {
        Content::Group(_) | Content::List(_) => {}
        Content::Policy(policy) => {
            found.scopes(&policy.users, &policy.computers);
            found.applications(&policy.applications);
            found.rules("except", &policy.exceptions);
            found.rules("elevation.children_listed", &policy.elevation.children_listed);
        }
        Content::Autonomous(rule) => {
            found.scopes(&rule.users, &rule.computers);
            found.applications(&rule.applications);
        }
    }
    found
}

impl References {
    fn scopes(&mut self, users: &Scope, computers: &Scope) {
        let groups = |scope: &Scope, field: &str| match scope {
            Scope::All => Vec::new(),
            Scope::Named(names) => {
                let named = names.iter().enumerate();
                named.filter_map(|(i, n)| Some((format!("{field}[{i}]"), n.strip_prefix("group:")?.to_owned()))).collect::<Vec<_>>()
            }
        };
        self.user_groups.extend(groups(users, "users"));
        self.computer_groups.extend(groups(computers, "computers"));
    }

    fn applications(&mut self, applications: &Applications) {
        if let Applications::Rules(rules) = applications {
            self.rules("applications", rules);
        }
    }

    fn rules(&mut self, field: &str, rules: &[Rule]) {
        for (i, rule) in rules.iter().enumerate() {
            self.rule(&format!("{field}[{i}]"), rule);
        }
    }

    fn rule(&mut self, field: &str, rule: &Rule) {
        if let Some(list) = &rule.list {
            self.lists.push((format!("{field}.list"), list.clone()));
        }
        if let Some(parent) = &rule.parent {
            self.rule(&format!("{field}.parent"), parent);
        }
    }
}

/// That it is not there, and which name is nearly it.
fn absent((kind, what): (Kind, &str), name: &str, all: &Snapshot, advice: &Advice) -> String {
    let there = all.0.iter().filter(|d| d.content.kind() == kind).map(|d| d.content.name());
    match advice.nearest(name, there).filter(|near| *near != name) {
        Some(near) => format!("there is no {what} {name:?}; do you mean {near:?}?"),
        None => format!("there is no {what} {name:?}"),
    }
}

/// What a definition names that is not there. What is meant instead is looked for as long as there is advice.
#[must_use]
pub fn dangling(content: &Content, all: &Snapshot, prefix: &str, advice: &Advice) -> Vec<FieldError> {
    let found = references(content);
    let (list, user_group, computer_group) = ((Kind::List, "list"), (Kind::Group, "group of users"), (Kind::Group, "group of computers"));
    let lists = found.lists.into_iter().filter(|(_, name)| all.list(name).is_none()).map(|it| (list, it));
    let users = found.user_groups.into_iter().filter(|(_, name)| all.group(name).is_none_or(|g| g.users.is_none()));
    let computers = found.computer_groups.into_iter().filter(|(_, name)| all.group(name).is_none_or(|g| g.computers.is_none()));
    let missing = lists.chain(users.map(|it| (user_group, it))).chain(computers.map(|it| (computer_group, it)));
    missing.map(|(what, (field, name))| error(prefix, &field, absent(what, &name, all, advice))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_referred_to_are_refused() {
        for wrong in ["", " ", " a", "a\n", "pol_0123456789abcdefghjkmnpqrs", "a\u{202e}b"] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
        for right in ["Web team updates its servers", "a\\b", "é"] {
            assert!(check_name(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn what_no_computer_enforces_is_refused_by_its_field() {
        let policy = "name = \"p\"\ncomputers = \"all\"\nusers = \"all\"\nmode = \"automatic\"\n";
        let fields = |content: Content| alone(&content, "").into_iter().map(|error| error.field).collect::<Vec<_>>();
        let of_policy = |toml: &str| fields(Content::Policy(Box::new(toml::from_str(&format!("{policy}{toml}")).unwrap())));
        let elevation = |field: &str| of_policy(&format!("applications = \"all\"\n[elevation]\n{field}"));
        assert_eq!(elevation("containment = \"pid_namespace\""), [""; 0]);
        assert_eq!(elevation("containment = \"confined\""), ["elevation.containment"]);
        assert_eq!(elevation("children = \"deny\""), ["elevation.children"]);
        assert_eq!(elevation("children = \"listed\"\nchildren_listed = [{ file = \"/a\" }]"), ["elevation.children"]);
        assert_eq!(elevation("record = true"), ["elevation.record"]);
        assert_eq!(elevation("run_as = \"self\"\ncapabilities = [\"CAP_KILL\"]"), ["elevation.run_as"]);
        let rules = "[{ file = \"/a\" }, { store = \"snap:x\" }, { component = \"org.x\" }, { file = \"/a\", parent = { owner = \"root\", file = \"/b\" } }]";
        assert_eq!(
            of_policy(&format!("applications = {rules}\nexcept = [{{ store = \"snap:x\" }}]")),
            ["applications[1].store", "applications[2].component", "applications[3].parent", "except[0].store"]
        );
        let list = Content::List(toml::from_str(&format!("name = \"l\"\nrules = {rules}")).unwrap());
        assert_eq!(fields(list), ["rules[1].store", "rules[2].component", "rules[3].parent"]);
        let rule = format!("name = \"a\"\ncomputers = \"all\"\nusers = \"all\"\nmax_duration = \"1m\"\napplications = {rules}");
        let rule = Content::Autonomous(Box::new(toml::from_str(&rule).unwrap()));
        assert_eq!(fields(rule), ["applications[1].store", "applications[2].component", "applications[3].parent"]);
    }

    #[test]
    fn what_is_named_must_be_there() {
        let policy: brevet_core::policy::Policy = toml::from_str(
            "name = \"p\"\ncomputers = [\"group:web\"]\nusers = [\"group:team\", \"os-group:x\"]\nmode = \"deny\"\napplications = [{ list = \"L\" }]",
        )
        .unwrap();
        let errors = dangling(&Content::Policy(Box::new(policy)), &Snapshot::default(), "policy[0].", &Advice::default());
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["policy[0].applications[0].list", "policy[0].users[0]", "policy[0].computers[0]"]);
    }
}
