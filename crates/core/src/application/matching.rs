//! Whether a rule matches facts.

use super::{Facts, Rule};
use crate::text::OsText;
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

/// Whether one rule matches; `Err` says why not.
///
/// # Errors
/// When it does not match, the first condition that failed, in words.
pub fn matches_rule(_rule: &Rule, _lists: &BTreeMap<String, Vec<Rule>>, _against: Against<'_>, _side: Side) -> Result<Matched, String> {
    Err("not matched".into())
}

/// The narrowest match among several rules; `Err` says why none matches.
///
/// # Errors
/// When none matches.
pub fn matches_any(_rules: &[Rule], _lists: &BTreeMap<String, Vec<Rule>>, _against: Against<'_>, _side: Side) -> Result<Matched, String> {
    Err("not matched".into())
}
