//! The server's configuration: what the command line says, else the file, else a default.

mod limits;
mod openid;
mod sign_in;
pub mod smtp;

pub use limits::Limits;
pub use openid::OpenId;
pub use sign_in::SignIn;

use std::path::{Path, PathBuf};

use brevet_core::time::Length;
use serde::Deserialize;

/// The file that `--config` names. Every field has a default; an unknown one is an error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// As `--data`.
    pub data: Option<PathBuf>,
    /// As `--listen`.
    pub listen: Option<String>,
    /// As `--url`.
    pub url: Option<String>,
    /// As `--database`.
    pub database: Option<String>,
    /// How often each connected computer is sent a heartbeat.
    pub heartbeat: Length,
    /// How often a silent stream is kept alive.
    pub keep_alive: Length,
    /// How long a computer may be silent before it counts as lost.
    pub lost_after: Length,
    /// How often lapsed requests and lost computers are looked for.
    pub sweep: Length,
    /// On PostgreSQL: how often to look for changes of other servers, whatever notifications said.
    pub look: Length,
    /// On PostgreSQL: whether to listen for notifications. A pooler between may not pass them on.
    pub notifications: bool,
    /// How often and how slowly one may call.
    pub limits: Limits,
    /// How long somebody stays signed in, and how often they may be wrong.
    pub sign_in: SignIn,
    /// Where persons may sign in instead.
    pub openid: Option<OpenId>,
    /// How e-mail leaves; without it none does.
    pub smtp: Option<smtp::Smtp>,
    /// What webhooks may do.
    pub webhooks: smtp::Webhooks,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: None,
            listen: None,
            url: None,
            database: None,
            heartbeat: Length::from_seconds(60),
            keep_alive: Length::from_seconds(15),
            lost_after: Length::from_minutes(5),
            sweep: Length::from_seconds(5),
            look: Length::from_seconds(5),
            notifications: true,
            limits: Limits::default(),
            sign_in: SignIn::default(),
            openid: None,
            smtp: None,
            webhooks: smtp::Webhooks::default(),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not readable.
    #[error("cannot read the configuration {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, or a field that is unknown or wrong.
    #[error("the configuration {path} is wrong: {message}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// Said by neither command line nor file.
    #[error("{0} is needed, on the command line or in the configuration")]
    Missing(&'static str),
    /// A field has a value that cannot work.
    #[error("{field}: {reason}")]
    Wrong {
        /// Which.
        field: &'static str,
        /// Why.
        reason: String,
    },
}

impl Config {
    /// # Errors
    /// When the file cannot be read or has an error.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let config: Self = toml::from_str(&text).map_err(|e| ConfigError::Parse { path: path.into(), message: e.to_string() })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let times = [
            ("heartbeat", self.heartbeat),
            ("keep_alive", self.keep_alive),
            ("lost_after", self.lost_after),
            ("sweep", self.sweep),
            ("look", self.look),
        ];
        for (field, value) in times.into_iter().chain(self.limits.times()).chain(self.sign_in.times()) {
            if value == Length::ZERO {
                return Err(ConfigError::Wrong { field, reason: "must be at least 1s".into() });
            }
        }
        if let Some(smtp) = &self.smtp {
            smtp.check()?;
        }
        if let Some(openid) = &self.openid {
            openid.check()?;
        }
        self.url.as_deref().map_or(Ok(()), |url| check_url(url).map(|_| ()))
    }
}

/// The host of a public address.
///
/// # Errors
/// When it is not `https://HOST[:PORT]` without a path.
pub fn check_url(url: &str) -> Result<String, ConfigError> {
    let wrong = || ConfigError::Wrong { field: "url", reason: format!("{url:?} is not https://HOST[:PORT]") };
    let rest = url.strip_prefix("https://").ok_or_else(wrong)?;
    let host = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        Some((address, _)) => address,
        None => rest.split(':').next().unwrap_or(rest),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if host.is_empty() || !rest.chars().all(plain) { Err(wrong()) } else { Ok(host.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_https_address_is_taken() {
        assert_eq!(check_url("https://brevet.example:8443").unwrap(), "brevet.example");
        assert_eq!(check_url("https://[::1]:8443").unwrap(), "::1");
        for wrong in ["http://x", "https://", "https://x/path", "https://x?y", "https://a b"] {
            assert!(check_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        assert!(toml::from_str::<Config>("heartbeet = \"1s\"").is_err());
        assert_eq!(toml::from_str::<Config>("heartbeat = \"1s\"").unwrap().heartbeat, Length::from_seconds(1));
    }

    #[test]
    fn a_provider_that_others_could_speak_for_is_refused() {
        let with = |issuer: &str, more: &str| {
            let text = format!("[openid]\nissuer = \"{issuer}\"\nclient_id = \"b\"\nclient_secret_file = \"s\"\n{more}");
            toml::from_str::<Config>(&text).unwrap().check()
        };
        assert!(with("http://sso.example", "").is_err() && with("http://localhost.evil.example", "").is_err());
        assert!(with("https://sso.example", "").is_ok() && with("http://localhost:1234", "").is_ok());
        assert!(with("https://sso.example", "groups = { admins = [] }\n").is_err());
        assert!(toml::from_str::<Config>("[openid]\nissuer = \"https://sso.example\"\nclient_id = \"b\"").is_err());
    }

    #[test]
    fn mail_that_others_could_read_on_the_way_is_refused() {
        let smtp = |text: &str| toml::from_str::<Config>(&format!("[smtp]\nfrom = \"a@example.com\"\n{text}")).unwrap().check();
        assert!(smtp("host = \"mail.example\"\nsecurity = \"none\"").is_err());
        assert!(smtp("host = \"mail.example\"\nusername = \"x\"").is_err());
        assert!(smtp("host = \"localhost\"\nsecurity = \"none\"").is_ok() && smtp("host = \"mail.example\"").is_ok());
        assert!(toml::from_str::<Config>("[smtp]\nhost = \"x\"\nfrom = \"a@b.c\"\npassword = \"x\"").is_err());
    }
}
