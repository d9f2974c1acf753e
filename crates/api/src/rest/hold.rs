//! Legal holds: what no retention redacts, while they last.

use brevet_core::id::{HoldId, PersonId, RequestId};
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Its name; free for another hold once it is released.
    pub name: String,
    /// Why. Whoever reads the whole audit log reads it.
    pub reason: String,
    /// What it keeps, with ids where names were given.
    pub covers: Covers,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: PersonId,
    /// Their name.
    pub created_by_name: String,
    /// When it was released; until then it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Timestamp>,
    /// Who released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_by: Option<PersonId>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_by_name: Option<String>,
    /// Why they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_comment: Option<String>,
}

/// What a hold keeps: what fits every condition that is there; everything where none is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Covers {
    /// A computer's id; when it is made, also its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
    /// An OS user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A policy's id; when it is made, also its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A person's id; when it is made, also their name. What they did, what concerns them, and what they decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// A request, with its grants and sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// What happened, was recorded or still ran from this moment on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// What happened, was recorded or began before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// Body of `POST holds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Unique among the holds that are not released.
    pub name: String,
    /// Why. Whoever reads the whole audit log reads it: a file number says enough.
    pub reason: String,
    /// What it keeps; everything where absent.
    #[serde(default)]
    pub covers: Covers,
}

/// Query of `GET holds`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct HoldQuery {
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
    /// Only those that hold (true), or only those that were released (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}
