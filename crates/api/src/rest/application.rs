//! Applications that users of the fleet ran, asked for or were refused, counted.

use brevet_core::application::Facts;
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One content at one path, of one package and version, and how often it was seen on the computers within the caller's scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Application {
    /// Made of path, content, package and version: the same everywhere.
    pub id: String,
    /// As they were when it was first seen.
    pub facts: Facts,
    /// How often somebody asked for it.
    pub requests: u64,
    /// How often it ran.
    pub sessions: u64,
    /// How often it was refused.
    pub refused: u64,
    /// By how many users: the same name on several computers is one.
    pub users: u64,
    /// On how many computers.
    pub computers: u64,
    /// When the server first heard of it.
    pub first: Timestamp,
    /// When it last did.
    pub last: Timestamp,
}

/// Query of `GET applications`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ApplicationQuery {
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
    /// Part of the path, or of the package's name or vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(max_length = 200))]
    pub text: Option<String>,
    /// An OS user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A computer's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
    /// `requests`, `sessions` or `refused`: only what was seen in this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline, value_type = Option<Seen>))]
    pub seen: Option<String>,
}

/// How an application was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Somebody asked for it.
    Requests,
    /// It ran.
    Sessions,
    /// It was refused.
    Refused,
}
