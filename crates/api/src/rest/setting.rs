//! Settings: one value each.

use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A setting. Those of this version: `autonomous` (`on` or `off`), `other_mount_namespaces` (`on` or `off`),
/// `four_eyes` (`on` or `off`), `retention` (`forever`, or a length of at least `7d`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Setting {
    /// Its name, which is its id.
    pub id: String,
    /// Its value as text.
    pub value: String,
    /// What it does.
    pub description: String,
    /// The value when nobody set it.
    pub default: String,
    /// When it was last set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
}

/// Body of `PUT settings/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetValue {
    /// The value as text.
    pub value: String,
}
