//! Users as the computer sees them.

use crate::application::Fact;
use crate::escape;
use crate::policy::Scope;
use crate::truth::Truth;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An account with the name that NSS gave for its uid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Member {
    /// Whether a scope of users names this one, and by which entry. `user_groups` are the server's.
    pub(crate) fn is_named(&self, scope: &Scope, user_groups: &BTreeMap<String, Vec<String>>) -> Truth {
        let entries = match scope {
            Scope::All => return Truth::Yes("all".into()),
            Scope::Named(entries) => entries,
        };
        let none = || format!("\"{}\" is not among them", escape::terminal(self.user.name.as_bytes()));
        Truth::any(entries.iter().map(|entry| self.is_meant(entry, user_groups)), none)
    }

    fn is_meant(&self, entry: &str, user_groups: &BTreeMap<String, Vec<String>>) -> Truth {
        let shown = || escape::terminal(entry.as_bytes());
        let answer = |holds| if holds { Truth::Yes(shown()) } else { Truth::No(String::new()) };
        if let Some(group) = entry.strip_prefix("group:") {
            match user_groups.get(group) {
                Some(names) => answer(names.contains(&self.user.name)),
                None => Truth::Unknown(format!("who is in {} is not known here", shown())),
            }
        } else if let Some(group) = entry.strip_prefix("os-group:") {
            match &self.groups {
                Fact::Known(groups) => answer(groups.iter().any(|g| g == group)),
                Fact::Unknown(why) => Truth::Unknown(format!(
                    "whether \"{}\" is in {} could not be found out ({})",
                    escape::terminal(self.user.name.as_bytes()),
                    shown(),
                    escape::terminal(why.as_bytes())
                )),
            }
        } else {
            answer(entry == self.user.name)
        }
    }
}
