//! The installation, and who is asking.

use brevet_core::document::PublicKey;
use brevet_core::id::{InstanceId, PersonId};
use serde::{Deserialize, Serialize};

use super::person::{Role, Scopes};

/// The installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Brevet's version.
    pub version: String,
    /// Its public address.
    pub url: String,
    /// The server's epoch.
    pub epoch: u64,
    /// The trust document in force.
    pub trust_version: u64,
    /// The key that computers pin.
    pub root: PublicKey,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The person.
    pub id: PersonId,
    /// Their name.
    pub name: String,
    /// What they may do here and now.
    pub roles: Vec<Role>,
    /// For which computers, where not for all.
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    pub scopes: Scopes,
    /// Whether this token or sign-in may approve, decline and extend.
    pub decides: bool,
}
