//! Whether a policy makes sense as written; what the types cannot say.

use super::Policy;

/// What is wrong: the field as written in TOML, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct PolicyError {
    /// Such as `applications[2].hash`.
    pub field: String,
    /// In words.
    pub reason: String,
}

/// Every error of a policy; empty when it is sound.
#[must_use]
pub fn validate(_policy: &Policy) -> Vec<PolicyError> {
    Vec::new()
}
