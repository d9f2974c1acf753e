//! `[openid]`: the provider at which persons may sign in instead, by OpenID Connect.

use std::collections::BTreeMap;
use std::path::PathBuf;

use brevet_api::rest::person::Role;
use brevet_api::rest::sign_in::MatchedBy;
use serde::Deserialize;

use super::ConfigError;

/// The table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenId {
    /// What the button says: "Sign in with NAME".
    #[serde(default = "single_sign_on")]
    pub name: String,
    /// The provider, exactly as it names itself.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// The file with the secret that it gave this server, which only the server's user should be able to read.
    pub client_secret_file: PathBuf,
    /// What it is asked for, beside `openid`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// How somebody is found who signs in there for the first time.
    #[serde(default, rename = "match")]
    pub matched_by: MatchedBy,
    /// The claim with the groups that somebody is in.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// The roles that each group gives; where any stands here, roles are what the groups give, anew at each sign-in.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<Role>>,
    /// PEM of an authority to trust beside the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

fn single_sign_on() -> String {
    "single sign-on".into()
}

fn scopes() -> Vec<String> {
    vec!["profile".into(), "email".into()]
}

fn groups_claim() -> String {
    "groups".into()
}

impl OpenId {
    /// The secret, read anew each time, so that it can be changed under a running server.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn secret(&self) -> std::io::Result<String> {
        Ok(std::fs::read_to_string(&self.client_secret_file)?.trim_end().to_owned())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, reason: &str| Err(ConfigError::Wrong { field, reason: reason.into() });
        let here = ["http://localhost:", "http://127.0.0.1:", "http://[::1]:"].iter().any(|begin| self.issuer.starts_with(begin));
        if !self.issuer.starts_with("https://") && !here {
            return wrong("openid.issuer", "must be https://…: everybody on the way could say who somebody is");
        }
        if self.client_id.is_empty() {
            return wrong("openid.client_id", "is empty");
        }
        if self.groups.values().any(Vec::is_empty) {
            return wrong("openid.groups", "a group gives at least one role");
        }
        Ok(())
    }
}
