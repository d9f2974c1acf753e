//! `POST apply`: a whole file in one transaction.

use brevet_core::file::File;
use serde::{Deserialize, Serialize};

use super::check::Finding;
use super::policy::Mistake;

/// Everything that a file or a folder of files says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// As in TOML.
    pub file: File,
    /// Say what would change, change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Delete what the file does not name.
    #[serde(default)]
    pub prune: bool,
}

/// What changed, or would.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Applied {
    /// As asked.
    pub dry_run: bool,
    /// In the order of the file, deletions last.
    pub changes: Vec<AppliedChange>,
    /// What in the file is sound and will not do what its author means.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Mistake>,
    /// What policies and autonomous rules of the file that are in force, and those on the server that name a list of the file, give beyond
    /// what their author may mean; the gravest first, at most 5000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How many more findings there are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_findings: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(number: &u64) -> bool {
    *number == 0
}

/// One thing that the file or the server names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedChange {
    /// What it is.
    pub kind: AppliedKind,
    /// Its name.
    pub name: String,
    /// Its id; absent for what a dry run would create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What happened to it.
    pub change: AppliedAction,
    /// The fields that differ, for `changed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// A table of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "DESIGN section 14 names them")]
pub enum AppliedKind {
    Group,
    List,
    Policy,
    Autonomous,
}

/// What `apply` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AppliedAction {
    /// Was not there.
    Created,
    /// Was there, otherwise.
    Changed,
    /// Was there, just so.
    Unchanged,
    /// Was there, and the file does not name it.
    Deleted,
}
