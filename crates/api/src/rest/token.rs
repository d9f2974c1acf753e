//! API tokens: a person's rights, or fewer, for a program.

use brevet_core::id::{PersonId, TokenId};
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::person::{Role, Scopes};

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// For people.
    pub name: String,
    /// Whose.
    pub person: PersonId,
    /// Their name.
    pub person_name: String,
    /// At most the person's own.
    pub roles: Vec<Role>,
    /// For which computers, where narrowed; the person's own narrowing holds beside it.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// Whether it may approve, decline and extend.
    pub decides: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was last used, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Whether somebody revoked it.
    pub revoked: bool,
    /// Who made it, where that was somebody else than its person: they know it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub made_by: Option<PersonId>,
}

/// Body of `POST tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// For people.
    pub name: String,
    /// Whose, by id or name; the caller's where absent. Another's is an owner's to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// At most the person's own; all of those where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
    /// For which computers: at most those of the person; all of those where absent.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// Whether it may approve, decline and extend.
    #[serde(default)]
    pub decides: bool,
    /// `90d` where absent, at most `366d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Length>,
}

/// Answer to `POST tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenCreated {
    /// Its id.
    pub id: TokenId,
    /// The whole text, shown this once.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// Query of `GET tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct TokenQuery {
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
    /// A person's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Only those that can be used (true), or that cannot any more (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}
