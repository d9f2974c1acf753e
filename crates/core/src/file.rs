//! What `brevetctl apply` takes: one TOML file with groups, lists, policies and autonomous rules (DESIGN section 14).

use crate::application::Rule;
use crate::autonomous::AutonomousRule;
use crate::policy::Policy;
use serde::{Deserialize, Serialize};

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// Computer and user groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<Group>,
    /// Application lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<List>,
    /// Policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<Policy>,
    /// Autonomous rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub autonomous: Vec<AutonomousRule>,
}

/// A named set of computers or of users; exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Unique among groups.
    pub name: String,
    /// Computer names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computers: Option<Vec<String>>,
    /// User names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
}

/// A named set of application rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Unique among lists.
    pub name: String,
    /// Matches when any of these does. A list names no other list.
    pub rules: Vec<Rule>,
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct FileError {
    /// From 1.
    pub line: usize,
    /// What is wrong there, naming the field.
    pub message: String,
}

/// # Errors
/// When the text is not TOML, has a field that is unknown, or lacks one that is needed.
pub fn parse(text: &str) -> Result<File, FileError> {
    toml::from_str(text).map_err(|error| FileError {
        line: error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1),
        message: error.message().to_owned(),
    })
}

/// The file as TOML text; parsing it gives the same file.
///
/// # Errors
/// Never for a `File` that was parsed; a value without TOML form otherwise.
pub fn print(file: &File) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(file)
}
