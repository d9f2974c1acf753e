//! Four eyes: a change that takes effect when a second person confirms what it would do.

use brevet_core::id::{PersonId, ProposalId};
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A change that waits for a second person. With the setting `four_eyes` on, a call that changes a policy, list, group, autonomous
/// rule, person, role, setting or somebody else's sign-in is answered with 202 and one of these; nothing has changed then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Proposal {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: ProposalId,
    /// Where it stands.
    pub state: ProposalState,
    /// In words.
    pub summary: String,
    /// The call that was made: `PUT /policies/web`.
    pub call: String,
    /// Who proposed it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proposer: PersonId,
    /// Their name.
    pub proposer_name: String,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created: Timestamp,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub closed: Option<Timestamp>,
    /// Who closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<String>,
    /// What they said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Everything that it would change, and what stood there.
    pub differences: Vec<Difference>,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// Waits.
    Open,
    /// A second person confirmed it, and it took effect.
    Confirmed,
    /// A second person said no.
    Rejected,
    /// Its proposer took it back.
    Withdrawn,
    /// What it would change has changed since, nobody confirmed it for a week, or the server was put back to a backup.
    Stale,
}

/// One thing that a proposal changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Difference {
    /// `policy`, `list`, `group`, `autonomous`, `person`, `setting`, `token` or `sign_in`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `created`, `changed`, `renewed` or `deleted`.
    pub change: String,
    /// The version that stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub before: Option<Value>,
    /// What would stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub after: Option<Value>,
}

/// Body of `confirm`, `reject` and `withdraw`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Why; needed for a rejection.
    #[serde(default)]
    pub comment: String,
}

/// Answer of `confirm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Confirmed {
    /// The proposal.
    #[serde(flatten)]
    pub proposal: Proposal,
    /// What the call answers, with a secret where it makes one: shown this once, to whoever confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub answer: Option<Value>,
}

/// Query of `GET proposals`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ProposalQuery {
    /// As in `PageQuery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// As in `PageQuery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The order: one of the list's names, or one after `-` for the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// `open`, `confirmed`, `rejected`, `withdrawn` or `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}
