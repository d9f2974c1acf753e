//! Users as the computer sees them.

use crate::application::Fact;
use serde::{Deserialize, Serialize};

/// An account with the name that NSS gave for its uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Numeric id; never 2³²−1.
    pub uid: u32,
    /// Login name.
    pub name: String,
}

/// A user with their OS groups, which are *unknown* when the directory did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The account.
    pub user: User,
    /// Names of all its OS groups, the primary one included.
    pub groups: Fact<Vec<String>>,
}
