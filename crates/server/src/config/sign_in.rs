//! `[sign_in]`: how long somebody stays signed in to the console, and how often they may be wrong.

use brevet_core::time::Length;
use serde::Deserialize;

/// The table of the configuration. 0 attempts means that there is no such limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// After so long without a page that somebody asked for, they are signed out.
    pub idle: Length,
    /// And after so long in any case.
    pub longest: Length,
    /// Wrong passwords or codes at once, for each name.
    pub account_attempts: u32,
    /// Then one more each time this has passed.
    pub account_every: Length,
    /// At once, for each address.
    pub address_attempts: u32,
    /// Then one more each time this has passed.
    pub address_every: Length,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            idle: Length::from_hours(1),
            longest: Length::from_hours(12),
            account_attempts: 10,
            account_every: Length::from_minutes(1),
            address_attempts: 50,
            address_every: Length::from_seconds(5),
        }
    }
}

impl SignIn {
    /// Times, with their names, that must not be zero.
    pub(super) const fn times(&self) -> [(&'static str, Length); 4] {
        [
            ("sign_in.idle", self.idle),
            ("sign_in.longest", self.longest),
            ("sign_in.account_every", self.account_every),
            ("sign_in.address_every", self.address_every),
        ]
    }
}
