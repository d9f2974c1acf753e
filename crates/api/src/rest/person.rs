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
    /// Whether they can sign in.
    pub enabled: bool,
    /// The OS users that they are.
    pub os_users: Vec<OsUser>,
    /// Recorded by another owner: they have no OS user.
    pub no_os_user: bool,
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
