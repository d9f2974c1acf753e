//! Persons: who signs in, with which roles, and which OS users they are.

use brevet_core::id::PersonId;
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A role (DESIGN section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "DESIGN section 9 names them")]
pub enum Role {
    Owner,
    Administrator,
    Approver,
    Auditor,
}

/// Names of computer groups that each role is narrowed to. A role that is not here holds for every computer. An owner's never is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the roles' names")]
pub struct Scopes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrator: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approver: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auditor: Option<Vec<String>>,
}

impl Scopes {
    /// Whether no role is narrowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.administrator.is_none() && self.approver.is_none() && self.auditor.is_none()
    }

    /// Each role that is narrowed.
    pub fn each(&self) -> impl Iterator<Item = (Role, &[String])> {
        let all = [(Role::Administrator, &self.administrator), (Role::Approver, &self.approver), (Role::Auditor, &self.auditor)];
        all.into_iter().filter_map(|(role, groups)| Some((role, groups.as_deref()?)))
    }

    /// Narrows a role; an owner's cannot be, and stays as it is.
    pub fn set(&mut self, role: Role, groups: Vec<String>) {
        match role {
            Role::Owner => {}
            Role::Administrator => self.administrator = Some(groups),
            Role::Approver => self.approver = Some(groups),
            Role::Auditor => self.auditor = Some(groups),
        }
    }
}

/// Somebody who signs in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Unique.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// For which computers, where not for all.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// Whether they can sign in.
    pub enabled: bool,
    /// The OS users that they are.
    pub os_users: Vec<OsUser>,
    /// Recorded by another owner: they have no OS user.
    pub no_os_user: bool,
    /// Whether they were removed, for good: kept for what they did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// Since when the server knows them.
    pub created: Timestamp,
}

/// An OS user that a person is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OsUser {
    /// Login name.
    pub user: String,
    /// Only on this computer (name or id in a body, name in an answer); on every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
}

/// Body of `POST persons`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Unique.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// For which computers, where not for all.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// The OS users that they are.
    #[serde(default)]
    pub os_users: Vec<OsUser>,
}

/// Body of `PUT persons/{ref}/roles`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// All of them.
    pub roles: Vec<Role>,
    /// For which computers, where not for all: a role that is not here is for all of them again.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
}

/// Body of `PUT persons/{ref}/enabled`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Enabled {
    /// Whether they can sign in and their tokens work.
    pub enabled: bool,
}

/// Body of `PUT persons/{ref}/no-os-user`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NoOsUser {
    /// Whether they have none; refused while one is linked.
    pub no_os_user: bool,
}

/// A link that signs in once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignIn {
    /// Whom.
    pub person: PersonId,
    /// The link: its page has a single button.
    pub sign_in: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Query of `GET persons`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct PersonQuery {
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
    /// Part of the name, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(max_length = 200))]
    pub name: Option<String>,
    /// `owner`, `administrator`, `approver` or `auditor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<Role>))]
    pub role: Option<String>,
    /// An OS user that is recorded as theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}
