//! Whether a rule matches facts.
//!
//! Each condition answers yes, no or unknown, and a rule holds when all of its conditions do. What allows never rests on a path,
//! a package or an interpreter that somebody but root could change; only content does (DESIGN section 6).

use super::conditions::{self, Condition};
use super::{Fact, Facts, Rule};
use crate::escape;
use crate::text::OsText;
use crate::truth::Truth;
use std::collections::BTreeMap;

/// Which way an unknown fact counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// For rules that allow: unknown is no match.
    Allow,
    /// For deny and exceptions: unknown is a match.
    Deny,
}

/// How narrow a matching rule is; smaller is narrower (DESIGN section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "DESIGN section 5 names them in this order")]
pub enum Specificity {
    Hash,
    File,
    VerifiedExecutable,
    Product,
    Vendor,
    Folder,
    All,
}

/// A match, with how narrow it is and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// How narrow.
    pub specificity: Specificity,
    /// In words, which rule.
    pub by: String,
    /// Whether the rule names the target user itself, so that it may differ from the policy's `run_as`.
    pub names_target: bool,
}

/// What a rule is held against.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a> {
    /// The application.
    pub facts: &'a Facts,
    /// Arguments after the program's name.
    pub arguments: &'a [OsText],
    /// As whom it would run.
    pub target_user: &'a str,
}

/// Named lists of rules, as a policy document carries them.
pub(crate) type Lists = BTreeMap<String, Vec<Rule>>;

/// Why a rule does not match, and how near it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Miss {
    /// The first condition that failed, as in TOML.
    pub field: &'static str,
    /// In words.
    pub reason: String,
    /// How many conditions held.
    pub held: usize,
}

impl Miss {
    fn text(&self) -> String {
        format!("{}: {}", self.field, self.reason)
    }
}

/// Whether one rule matches; `Err` says why not.
///
/// # Errors
/// When it does not match, the first condition that failed, in words.
pub fn matches_rule(rule: &Rule, lists: &BTreeMap<String, Vec<Rule>>, against: Against<'_>, side: Side) -> Result<Matched, String> {
    narrowest(hold(rule, lists, against, side)).map_err(|miss| miss.text())
}

/// The narrowest match among several rules; `Err` says why none matches.
///
/// # Errors
/// When none matches.
pub fn matches_any(rules: &[Rule], lists: &BTreeMap<String, Vec<Rule>>, against: Against<'_>, side: Side) -> Result<Matched, String> {
    narrowest(hold_all(rules, lists, against, side)).map_err(|miss| miss.text())
}

fn narrowest(results: Vec<Result<Matched, Miss>>) -> Result<Matched, Miss> {
    let mut best: Option<Matched> = None;
    let mut nearest: Option<Miss> = None;
    for result in results {
        match result {
            Ok(matched) if best.as_ref().is_none_or(|b| matched.specificity < b.specificity) => best = Some(matched),
            Ok(_) => {}
            Err(miss) if nearest.as_ref().is_none_or(|n| miss.held > n.held) => nearest = Some(miss),
            Err(_) => {}
        }
    }
    match (best, nearest) {
        (Some(matched), _) => Ok(matched),
        (None, Some(miss)) => Err(miss),
        (None, None) => Err(Miss { field: "applications", reason: "no rule is given".into(), held: 0 }),
    }
}

/// Every rule's answer, those of a list's rules one by one.
pub(crate) fn hold_all(rules: &[Rule], lists: &Lists, against: Against<'_>, side: Side) -> Vec<Result<Matched, Miss>> {
    rules.iter().flat_map(|rule| hold(rule, lists, against, side)).collect()
}

fn hold(rule: &Rule, lists: &Lists, against: Against<'_>, side: Side) -> Vec<Result<Matched, Miss>> {
    let own = conditions::of(rule, against, side);
    let Some(name) = &rule.list else {
        return vec![all(own, side, 0).map(|_| matched(rule, describe(rule)))];
    };
    let shown = escape::terminal(name.as_bytes());
    let Some(inner) = lists.get(name) else {
        return vec![unresolved(own, side, format!("the list \"{shown}\" is not known here"), rule)];
    };
    // The outer conditions are judged once, the list's rules each with what the outer ones left.
    let held = match all(own, side, 0) {
        Ok(held) => held,
        Err(miss) => return vec![Err(miss)],
    };
    inner
        .iter()
        .map(|each| {
            if each.list.is_some() {
                return unresolved(Vec::new(), side, format!("the list \"{shown}\" names another list"), rule);
            }
            let conditions = conditions::of(each, against, side);
            all(conditions, side, held).map(|_| {
                let inner = matched(each, format!("list \"{shown}\": {}", describe(each)));
                Matched { names_target: inner.names_target || rule.target_user.is_some(), ..inner }
            })
        })
        .collect()
}

/// A list that cannot be looked into is unknown.
fn unresolved(mut conditions: Vec<Condition>, side: Side, why: String, rule: &Rule) -> Result<Matched, Miss> {
    conditions.push(Condition { field: "list", truth: Truth::Unknown(why.clone()) });
    all(conditions, side, 0).map(|_| matched(rule, why))
}

/// All must hold. A definite no wins over what is unknown; what is only unknown came nearer than a no.
fn all(conditions: Vec<Condition>, side: Side, before: usize) -> Result<usize, Miss> {
    let mut held = before;
    let mut unknown = None;
    for Condition { field, truth } in conditions {
        match truth {
            Truth::No(reason) => return Err(Miss { field, reason, held }),
            Truth::Unknown(reason) if side == Side::Allow => unknown = unknown.or(Some((field, reason))),
            Truth::Yes(_) | Truth::Unknown(_) => {}
        }
        held += 1;
    }
    match unknown {
        Some((field, reason)) => Err(Miss { field, reason, held }),
        None => Ok(held),
    }
}

/// Whether every application may be meant: the ground that what allows needs even where no rule is asked.
pub(crate) fn hold_everything(facts: &Facts, side: Side) -> Result<Matched, Miss> {
    let ground = conditions::ground(facts, side, false);
    all(ground, side, 0).map(|_| Matched { specificity: Specificity::All, by: "all applications".into(), names_target: false })
}

fn matched(rule: &Rule, by: String) -> Matched {
    Matched { specificity: specificity(rule), by, names_target: rule.target_user.is_some() }
}

/// By the narrowest condition in it. A store id names a product.
pub(crate) const fn specificity(rule: &Rule) -> Specificity {
    if rule.hash.is_some() {
        Specificity::Hash
    } else if rule.file.is_some() {
        Specificity::File
    } else if rule.executable.is_some() {
        Specificity::VerifiedExecutable
    } else if rule.product.is_some() || rule.store.is_some() {
        Specificity::Product
    } else if rule.vendor.is_some() {
        Specificity::Vendor
    } else if rule.folder.is_some() {
        Specificity::Folder
    } else {
        Specificity::All
    }
}

/// The rule in a few words: what identifies the application.
fn describe(rule: &Rule) -> String {
    let hash = rule.hash.map(|hash| hash.to_string());
    let named = [
        ("list", rule.list.as_deref()),
        ("hash", hash.as_deref()),
        ("file", rule.file.as_deref()),
        ("executable", rule.executable.as_deref()),
        ("product", rule.product.as_deref()),
        ("vendor", rule.vendor.as_deref()),
        ("folder", rule.folder.as_deref()),
        ("store", rule.store.as_deref()),
        ("component", rule.component.as_deref()),
    ];
    let words: Vec<String> =
        named.into_iter().filter_map(|(field, value)| value.map(|v| format!("{field} \"{}\"", escape::terminal(v.as_bytes())))).collect();
    if words.is_empty() { "a rule that names no application".into() } else { words.join(", ") }
}

/// A fact as an answer.
pub(super) fn known<'a, T>(fact: &'a Fact<T>, what: &str) -> Result<&'a T, Truth> {
    match fact {
        Fact::Known(value) => Ok(value),
        Fact::Unknown(why) => Err(Truth::Unknown(format!("{what} could not be found out ({})", escape::terminal(why.as_bytes())))),
    }
}
