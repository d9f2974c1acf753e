//! Saved views of the audit log: what somebody looks for again and again, and which columns they want. Nobody but them sees them.

use brevet_core::id::ViewId;
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::EventQuery;

/// So many views somebody has at most.
pub const MOST_VIEWS: usize = 50;

/// What a view may show of an event, in the order in which it is shown.
pub const COLUMNS: &[&str] = &[
    "time", "recorded", "kind", "actor", "user", "computer", "policy", "outcome", "summary", "request", "grant", "session", "person",
    "token", "journal", "seq",
];

/// A time that moves on, instead of `from` and `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Period {
    /// Since the day began, where whoever looks is.
    #[serde(rename = "today")]
    Today,
    /// The last seven times 24 hours.
    #[serde(rename = "7d")]
    Week,
    /// The last thirty times 24 hours.
    #[serde(rename = "30d")]
    Month,
}

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: ViewId,
    /// As in `NewEventView`.
    pub name: String,
    /// As in `NewEventView`.
    pub query: EventQuery,
    /// As in `NewEventView`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// As in `NewEventView`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// Body of `POST event-views` and of `PUT event-views/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEventView {
    /// Unique among one's own.
    pub name: String,
    /// The conditions and the order, without `limit`, `cursor` and `format`.
    #[serde(default)]
    pub query: EventQuery,
    /// Instead of `from` and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Which of `time`, `recorded`, `kind`, `actor`, `user`, `computer`, `policy`, `outcome`, `summary`, `request`, `grant`, `session`,
    /// `person`, `token`, `journal` and `seq` to show; the usual ones where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}
