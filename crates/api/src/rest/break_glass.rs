//! Break-glass: access that an owner opened without approval, and the review that it waits for.

use brevet_core::application::Rule;
use brevet_core::id::{BreakGlassId, PersonId, PolicyId};
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::computer::ComputerRef;
use super::policy::Mistake;

/// Access that was opened without approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakGlass {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: BreakGlassId,
    /// Where the access stands.
    pub state: BreakGlassState,
    /// The policy that gives it, for as long as it is open.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub policy: PolicyId,
    /// That policy's name.
    pub policy_name: String,
    /// Where.
    pub computer: ComputerRef,
    /// For which OS user.
    pub user: String,
    /// What may run.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub application: Rule,
    /// For how long.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(rename = "for")]
    pub duration: Length,
    /// Why.
    pub reason: String,
    /// Who opened it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub opened_by: PersonId,
    /// Their name.
    pub opened_by_name: String,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub opened: Timestamp,
    /// When it ends by itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub ends: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ended: Option<Timestamp>,
    /// Everybody who approves requests of that computer and was not asked.
    pub skipped: Vec<String>,
    /// While it is open, of one alone: what in it will perhaps not do what is meant, such as a user whom nobody knows, or a deny.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Mistake>,
    /// The review; until there is one it stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// Where the access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BreakGlassState {
    /// In effect.
    Open,
    /// Over.
    Ended,
}

/// What another person found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Review {
    /// Who.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub time: Timestamp,
    /// What they say.
    pub comment: String,
}

/// Body of `POST break-glass`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenBreakGlass {
    /// One computer, by name or id.
    pub computer: String,
    /// An OS user's name.
    pub user: String,
    /// One rule, as in a policy.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub application: Rule,
    /// For how long, at most `8h`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(rename = "for")]
    pub duration: Length,
    /// Why; needed.
    pub reason: String,
    /// Whether the user proves who they are by their password; so where absent.
    #[serde(default = "yes")]
    pub password: bool,
}

const fn yes() -> bool {
    true
}

/// Body of `POST break-glass/{id}/review`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// What was found; needed.
    pub comment: String,
}

/// Query of `GET break-glass`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct BreakGlassQuery {
    /// As in `PageQuery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// As in `PageQuery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The order: one of the list's names, or one after `-` for the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// `open` or `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether somebody reviewed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<bool>,
}
