//! `POST check` and `POST test`: what something would say and do, before it is stored. Neither changes anything.

use brevet_core::application::Facts;
use brevet_core::autonomous::AutonomousRule;
use brevet_core::file::{Group, List};
use brevet_core::policy::{Mode, Policy};
use brevet_core::request::PolicyRef;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::FieldError;
use super::policy::Mistake;

/// Body of `POST check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is to be looked at: an object with one of `group`, `list`, `policy` and `autonomous`, each as `apply` takes it. What is wrong
    /// with it is an answer here.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub definition: Definition,
    /// Id or name of what it would take the place of; absent where it would be new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// One thing that `apply` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "DESIGN section 14 names them")]
pub enum Definition {
    Group(Group),
    List(List),
    Policy(Box<Policy>),
    Autonomous(Box<AutonomousRule>),
}

/// What there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Checked {
    /// In one sentence, what a policy or an autonomous rule says, with how many enrolled computers that is; empty for groups and lists.
    pub summary: String,
    /// Why it would not be taken; empty where it would.
    pub errors: Vec<FieldError>,
    /// What in it will not do what its author means.
    pub warnings: Vec<Mistake>,
    /// What it gives beyond what its author may mean, the gravest first, also of what is disabled or in shadow; for a list, what policies
    /// and autonomous rules in force would give by it.
    pub findings: Vec<Finding>,
}

/// Something that is sound as written and gives more than it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// `policy` or `autonomous`.
    #[serde(default)]
    pub kind: String,
    /// Which. Of a list, what names it and is in force.
    #[serde(default)]
    pub name: String,
    /// The field within it, such as `applications[2].file`; of what a list gives, such as `applications[0].list "L".rules[2].file`.
    pub field: String,
    /// `danger`, `warning` or `note`.
    pub severity: String,
    /// A stable code, such as `starts_shells`.
    pub code: String,
    /// In words.
    pub reason: String,
    /// What to do instead.
    pub instead: String,
}

/// Body of `POST test`: somebody wants to run something somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Who, by their name on the computer.
    pub user: String,
    /// Groups of the computer that they are in; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_groups: Option<Vec<String>>,
    /// Where: a computer's name. It need not be enrolled yet.
    pub computer: String,
    /// As whom; the policy's own where absent.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub target_user: Option<String>,
    /// What: the application's facts, as a request shows them.
    pub facts: Facts,
    /// Arguments after the program's name.
    #[serde(default)]
    pub arguments: Vec<OsText>,
    /// When; now where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub at: Option<Timestamp>,
}

/// What would be decided by the policies that are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tested {
    /// `refuse`, `ask`, `justify` or `automatic`.
    pub decision: String,
    /// The policy that decides, or that came nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// The stable code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it would be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the user would read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For how long at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub longest: Option<Length>,
    /// As whom it would run.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub target_user: Option<String>,
    /// The moment that was looked at.
    pub at: Timestamp,
    /// Every policy that the caller sees, those that match first, and why it does or does not.
    pub policies: Vec<Explained>,
    /// What makes one doubt that the question was meant so: a computer or a user that nothing knows. One sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Why one policy did or did not match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explained {
    /// Which.
    pub policy: PolicyRef,
    /// Its mode.
    pub mode: Mode,
    /// Whether it matched.
    pub matched: bool,
    /// Why not, or by which rule.
    pub because: String,
}

/// Query of `GET policy-standing`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct StandingQuery {
    /// Ids of policies with commas between them, at most 500.
    pub policies: String,
}

/// How a policy stands on the computers that it is for, in numbers. Only computers within the caller's scope count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyStanding {
    /// The policy's id.
    pub policy: String,
    /// What it says, in one sentence, with how many enrolled computers that is.
    #[serde(default)]
    pub summary: String,
    /// Enrolled computers that it is for.
    pub computers: u64,
    /// Of these, those that hold this version.
    pub applied: u64,
    /// Of these, those that refuse this version.
    pub refused: u64,
    /// Why one of them refuses it: the field, and the reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}
