//! How the installation stands, at a glance.

use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::computer::ComputerRef;
use super::warning::Warning;

/// Answer to `GET status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// The server's version.
    pub version: String,
    /// When its certificate ends; it makes itself another 30 days before. Only for who sees the whole installation, as are `warnings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_ends: Option<Timestamp>,
    /// What somebody should look at on the server.
    pub warnings: Vec<Warning>,
    /// Computers that the caller sees, without removed ones.
    pub computers: Counts,
    /// Those of them that somebody should look at, by name; the first hundred.
    pub warned: Vec<Warned>,
}

/// How many computers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counts {
    /// All of them.
    pub all: u64,
    /// With an open stream of documents.
    pub connected: u64,
    /// Silent for too long.
    pub lost: u64,
    /// In quarantine.
    pub quarantined: u64,
    /// With a warning.
    pub warned: u64,
}

/// A computer that somebody should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warned {
    /// Which.
    pub computer: ComputerRef,
    /// Why.
    pub warnings: Vec<Warning>,
}
