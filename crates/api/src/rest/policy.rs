//! What `apply` takes, as stored: policies, lists, groups, autonomous rules.

use brevet_core::autonomous::AutonomousRule;
use brevet_core::file::{Group, List};
use brevet_core::id::{AutonomousId, ComputerId, GroupId, ListId, PolicyId};
use brevet_core::policy::Policy;
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::apply::AppliedKind;
use super::check::Finding;

/// Something named that `apply` takes, with what the server knows of it. In JSON the fields of `content` stand beside the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored<I, T> {
    /// Stays the same through every change.
    pub id: I,
    /// From 1, rising with each change.
    pub version: u64,
    /// When version 1 was made.
    pub created: Timestamp,
    /// When this version was made.
    pub changed: Timestamp,
    /// In the answer to a change: what it gives beyond what its author may mean, where it is in force; the gravest first.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// As in TOML.
    #[serde(flatten)]
    pub content: T,
}

/// A policy.
pub type StoredPolicy = Stored<PolicyId, Policy>;
/// An application list.
pub type StoredList = Stored<ListId, List>;
/// A group.
pub type StoredGroup = Stored<GroupId, Group>;
/// An autonomous rule.
pub type StoredAutonomous = Stored<AutonomousId, AutonomousRule>;

/// Query of `GET policies`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct PolicyQuery {
    /// How many at most; 50 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(pattern = "^[A-Za-z0-9_-]*$", max_length = 1000))]
    pub cursor: Option<String>,
    /// The order: one of the list's names, or one after `-` for the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `deny`, `automatic`, `justify` or `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<brevet_core::policy::Mode>))]
    pub mode: Option<String>,
    /// Only enabled, or only disabled ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Part of anything that it says, in any case: its name, description and message, whom it is for and where, and what of applications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 200))]
    pub text: Option<String>,
}

/// One version of a policy, list, group or autonomous rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// That version.
    pub version: u64,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// `created`, `changed`, `enabled`, `disabled`, `renewed` or `deleted`.
    pub change: String,
    /// The content after it, as in TOML; absent for `deleted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub content: Option<serde_json::Value>,
}

/// Where a policy stands on one computer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OnComputer {
    /// Which.
    pub id: ComputerId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: PolicyState,
    /// The version that this is about.
    pub version: u64,
    /// The field that cannot be enforced, for `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why, for `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// Where a version of a policy stands on a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicyState {
    /// In a manifest that was sent; the computer has not said anything of this version yet.
    Sent,
    /// In force there.
    Applied,
    /// Not in force there: see `field` and `reason`.
    Refused,
}

/// Something that is sound as written and will not do what its author means, or gives more than it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mistake {
    /// `group`, `list`, `policy` or `autonomous`.
    pub kind: String,
    /// Which.
    pub name: String,
    /// The field within it, such as `computers[0]`.
    pub field: String,
    /// `unknown_computer`, `no_computer`, `empty_group`, `nobody`, `unknown_user`, `over`, `shadowed` or `shadows`; or a finding's, such as
    /// `starts_shells`.
    pub code: String,
    /// In words.
    pub reason: String,
    /// What to do, where that is clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// `danger`, `warning` or `note`, where it gives more than it seems to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
}

/// What names a list or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Use {
    /// `policy` or `autonomous`.
    pub kind: AppliedKind,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Body of `POST autonomous/{ref}/shadow`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Whether the rule only records what it would have done.
    pub shadow: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_policy_is_flat_and_reads_back() {
        let policy: Policy = toml::from_str(
            "name = \"p\"\ncomputers = [\"group:web\"]\nusers = \"all\"\nmode = \"request\"\n\
             applications = [{ file = \"/usr/bin/apt\", arguments = [\"x\", { glob = \"a*\" }, { rest = true }] }]\n\
             validity = { kind = \"recurring\", days = [\"mon\"], start = \"09:00\", end = \"17:00\", zone = \"Europe/Berlin\" }",
        )
        .unwrap();
        let now = Timestamp::from_millis(1_000);
        let stored =
            Stored { id: PolicyId::new(1, [0; 10]), version: 1, created: now, changed: now, findings: Vec::new(), content: policy };
        let json = serde_json::to_value(&stored).unwrap();
        assert_eq!(json["name"], "p");
        assert_eq!(json["request"]["max_duration"], "1h");
        assert_eq!(serde_json::from_value::<StoredPolicy>(json.clone()).unwrap(), stored);
        assert_eq!(serde_json::from_str::<StoredPolicy>(&json.to_string()).unwrap(), stored);
    }
}
