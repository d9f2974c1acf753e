//! An application rule as written: every condition in it must hold.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};

/// One rule. Absent conditions are not looked at; a rule with no identifying condition is refused by `validate`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, expecting = "a rule such as { file = \"/usr/bin/true\" }")]
pub struct Rule {
    /// Name of an application list, any of whose rules must hold; stands with `arguments`, `target_user`, `parent` at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// SHA-256 of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Digest>,
    /// Absolute path: the name used, or the final target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Absolute path of a folder that directly contains the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// With `folder`: at any depth.
    #[serde(default, skip_serializing_if = "is_false")]
    pub subfolders: bool,
    /// File name of a verified executable; needs `product` or `vendor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// Package name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Vendor as the package names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Content is as the package manager installed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<bool>,
    /// Lowest package version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// Highest package version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_version: Option<String>,
    /// Flatpak or Snap id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// polkit action id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Arguments after the program's name. Absent: any. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<Argument>>,
    /// Name of the file's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The application that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub parent: Option<Box<Rule>>,
    /// Absolute path of a script's interpreter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Whom it runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_user: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A pattern for one argument, or for all that remain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged, expecting = "an argument is a text in quotes, { glob = \"web-*\" }, { any = true }, or as the last one { rest = true }")]
pub enum Argument {
    /// Exactly these bytes.
    Exact(String),
    /// A pattern where `*` and `?` stand for characters of one name: never `/`, white space or a control character,
    /// never a leading `-`, and never in an argument with a `..` component.
    Glob(Glob),
    /// Exactly one argument, whatever it is.
    Any(Any),
    /// Any number of arguments; only as the last.
    Rest(Rest),
}

/// `{ glob = "web-*" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Glob {
    /// The pattern.
    pub glob: String,
}

/// `{ any = true }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Any {
    /// Always true.
    pub any: True,
}

/// `{ rest = true }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// Always true.
    pub rest: True,
}

/// The value `true`, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;
    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("must be true, or left out") }
    }
}
impl From<True> for bool {
    fn from(_: True) -> Self {
        true
    }
}

/// What is wrong with a rule: the field within the rule and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct RuleError {
    /// The field, as written in TOML.
    pub field: String,
    /// Why, in words.
    pub reason: String,
}
