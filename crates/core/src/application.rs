//! Applications: the facts of one executable, and the rules that match them (DESIGN section 6).
//!
//! Matching is three-valued: a fact that could not be found out matches nothing that allows and everything that denies.

mod arguments;
mod check;
mod conditions;
pub mod dpkg;
mod matching;
mod merged;
mod rule;
pub mod script;
mod version;

pub use check::{MAX_ARGUMENTS, validate_list_rule, validate_rule};
pub use matching::{Against, Matched, Side, Specificity, matches_any, matches_rule};
pub(crate) use matching::{Lists, Miss, hold_all, hold_everything, specificity};
pub use merged::{MERGED, other_names};
pub use rule::{Any, Argument, Glob, Rest, Rule, RuleError, True};
pub use version::compare as compare_versions;

use crate::digest::Digest;
use crate::text::OsText;
use serde::{Deserialize, Serialize};

/// Something found out, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// Found out.
    Known(T),
    /// Not found out, with the reason in words.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The value, where known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// What the broker found out about one executable or script, from the open descriptor that it will execute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Absolute path of the final target.
    pub path: OsText,
    /// Absolute names by which it was reached: the one used first, then each link's target, then the final path; after that, the same
    /// names through directories that are links in a merged `/usr` (`/bin/sh` of `/usr/bin/sh`).
    /// Only names whose every directory and link is root's alone are here when `chain` is `Known(true)`.
    pub names: Vec<OsText>,
    /// Whether every directory and link passed, and the file, is root's alone (mode and ACL) on a mount that is root's.
    pub chain: Fact<bool>,
    /// In words, who else could change it, when `chain` is `Known(false)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writable_by: Option<String>,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Content length in bytes.
    pub size: u64,
    /// Owner's name, or the number where there is no name.
    pub owner: Fact<String>,
    /// Permission bits, as in `st_mode & 0o7777`.
    pub mode: u32,
    /// The package that owns the final path; `Known(None)` when none does.
    pub package: Fact<Option<Package>>,
    /// For a script, its interpreter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Interpreter>,
    /// The application that asked, as far as it could be seen; never a ground to allow on its own.
    pub parent: Fact<Parent>,
    /// Flatpak or Snap id, as `flatpak:org.example.Tool`.
    pub store: Fact<Option<String>>,
}

impl Facts {
    /// The names on the way to the file, itself last: without those that it has besides.
    #[must_use]
    pub fn way(&self) -> &[OsText] {
        let end = self.names.iter().position(|name| *name == self.path).map_or(self.names.len(), |at| at.saturating_add(1));
        self.names.get(..end).unwrap_or_default()
    }
}

/// The installed package that owns a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Package name without architecture.
    pub name: String,
    /// Version as the package manager compares it.
    pub version: String,
    /// dpkg `Origin`, else the maintainer's name without address. A claim by the package, not a signature.
    pub vendor: Option<String>,
    /// Whether the content is what the package manager installed.
    pub unchanged: Fact<bool>,
}

/// A script's interpreter: itself executed, so it has facts of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Interpreter {
    /// The path that the script's first line names.
    pub named: OsText,
    /// Absolute path of the final target.
    pub path: OsText,
    /// The one argument that the kernel passes from the first line, if any.
    pub argument: Option<OsText>,
    /// SHA-256 of the interpreter.
    pub sha256: Digest,
    /// As for the script itself.
    pub chain: Fact<bool>,
}

/// The application whose process asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Absolute path of its executable.
    pub path: OsText,
    /// Whether that path is root's alone all the way.
    pub chain: Fact<bool>,
}
