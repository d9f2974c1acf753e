//! What this version of the broker cannot enforce or see, field by field: it refuses such a policy instead of half-obeying it.

use crate::application::{Lists, Rule};
use crate::document::{AutonomousDocument, PolicyDocument};
use crate::policy::{Applications, Children, Containment, Elevation, Policy, PolicyError};

/// Features that documents may require and this version has.
pub const FEATURES: &[&str] = &[];

/// What in a policy document this version of the broker cannot enforce, naming the field; empty when it enforces everything.
#[must_use]
pub fn unsupported(document: &PolicyDocument) -> Vec<PolicyError> {
    let mut out = unknown_features(&document.requires);
    out.extend(unenforceable(&document.policy));
    lists(&document.lists, &mut out);
    out
}

/// What in a policy as written no computer of this version enforces: the server refuses it for the same reason.
#[must_use]
pub fn unenforceable(policy: &Policy) -> Vec<PolicyError> {
    let mut out = Vec::new();
    elevation(&policy.elevation, &mut out);
    applications(&policy.applications, &mut out);
    rules(&policy.exceptions, "except", &mut out);
    out
}

/// The same for an autonomous rule's document.
#[must_use]
pub fn unsupported_autonomous(document: &AutonomousDocument) -> Vec<PolicyError> {
    let mut out = unknown_features(&document.requires);
    applications(&document.rule.applications, &mut out);
    lists(&document.lists, &mut out);
    out
}

/// The same for rules, of an application list or wherever they stand.
#[must_use]
pub fn unenforceable_rules(found: &[Rule], field: &str) -> Vec<PolicyError> {
    let mut out = Vec::new();
    rules(found, field, &mut out);
    out
}

fn applications(applications: &Applications, out: &mut Vec<PolicyError>) {
    if let Applications::Rules(found) = applications {
        rules(found, "applications", out);
    }
}

fn lists(lists: &Lists, out: &mut Vec<PolicyError>) {
    for (name, found) in lists {
        rules(found, &format!("list \"{}\".rules", crate::escape::terminal(name.as_bytes())), out);
    }
}

/// What in `requires` this version does not know.
#[must_use]
pub fn unknown_features(requires: &[String]) -> Vec<PolicyError> {
    let unknown = requires.iter().filter(|feature| !FEATURES.contains(&feature.as_str()));
    unknown
        .map(|feature| error("requires", format!("\"{}\" is not known to this version", crate::escape::terminal(feature.as_bytes()))))
        .collect()
}

fn error(field: impl Into<String>, reason: impl Into<String>) -> PolicyError {
    PolicyError { field: field.into(), reason: reason.into() }
}

const NOT_YET: &str = "cannot be enforced by this version";

fn elevation(elevation: &Elevation, out: &mut Vec<PolicyError>) {
    if elevation.run_as == "self" {
        out.push(error("elevation.run_as", format!("\"self\" with capabilities {NOT_YET}")));
    } else if !elevation.capabilities.is_empty() {
        out.push(error("elevation.capabilities", format!("capabilities {NOT_YET}")));
    }
    match elevation.containment {
        Containment::Cgroup | Containment::PidNamespace => {}
        Containment::Confined => out.push(error("elevation.containment", format!("\"confined\" {NOT_YET}"))),
    }
    match elevation.children {
        Children::Allow => {}
        Children::Listed => out.push(error("elevation.children", format!("\"listed\" {NOT_YET}"))),
        Children::Deny => out.push(error("elevation.children", format!("\"deny\" {NOT_YET}"))),
    }
    if elevation.record {
        out.push(error("elevation.record", format!("recording {NOT_YET}")));
    }
}

fn rules(rules: &[Rule], field: &str, out: &mut Vec<PolicyError>) {
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if rule.store.is_some() {
            out.push(error(format!("{field}.store"), "store applications cannot be recognised by this version"));
        }
        if rule.component.is_some() {
            out.push(error(format!("{field}.component"), "components (polkit actions) cannot be decided by this version"));
        }
        if let Some(parent) = &rule.parent {
            unseen_of_parent(parent, &format!("{field}.parent"), out);
        }
    }
}

/// Of the application that asked, only the path is seen.
fn unseen_of_parent(parent: &Rule, field: &str, out: &mut Vec<PolicyError>) {
    let seen = Rule { file: parent.file.clone(), folder: parent.folder.clone(), subfolders: parent.subfolders, ..Rule::default() };
    if *parent != seen {
        out.push(error(field, "of the application that asks, this version sees only \"file\" and \"folder\""));
    }
}
