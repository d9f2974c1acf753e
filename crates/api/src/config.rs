//! The computer's configuration file, which `brevet-broker` and `brevetd` both read, and what enrolment leaves for them.
//!
//! `/etc/brevet/agent.toml` where nothing else is said. The file and its directory must be root's alone: the broker checks.

use std::path::{Path, PathBuf};

use brevet_core::document::PublicKey;
use brevet_core::id::{ComputerId, Incarnation, InstanceId};
use serde::{Deserialize, Serialize};

/// Where the file is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/brevet/agent.toml";

/// The file. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `broker/` (root, 0700) and `agent/` (`agent_user`, 0700) are below it.
    pub state_directory: PathBuf,
    /// `broker.sock` (any user) and `agent.sock` (`agent_user` and root) are in it; root, 0755.
    pub runtime_directory: PathBuf,
    /// As whom `brevetd` runs.
    pub agent_user: String,
    /// PAM service for authentication, account check and session modules.
    pub pam_service: String,
    /// Name of the control group for sessions, below the broker's own.
    pub cgroup: String,
    /// Where a command without `/` is looked up, and `PATH` of every session.
    pub path: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_directory: "/var/lib/brevet".into(),
            runtime_directory: "/run/brevet".into(),
            agent_user: "brevet".into(),
            pam_service: "brevet".into(),
            cgroup: "brevet".into(),
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        }
    }
}

/// Why the file cannot be used.
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
}

impl Config {
    /// # Errors
    /// When the file cannot be read or has an error; an absent default file means every default.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(DEFAULT_PATH));
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Read { path: file.into(), source }),
        };
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Parse { path: file.into(), message: error.to_string() })?;
        for (field, value) in [("state_directory", &config.state_directory), ("runtime_directory", &config.runtime_directory)] {
            if !value.is_absolute() {
                return Err(ConfigError::Parse { path: file.into(), message: format!("{field}: must be an absolute path") });
            }
        }
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && !text.starts_with(['-', '.'])
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        for (field, value) in [("agent_user", &config.agent_user), ("pam_service", &config.pam_service), ("cgroup", &config.cgroup)] {
            if !plain(value) {
                return Err(ConfigError::Parse { path: file.into(), message: format!("{field}: letters, digits, '-', '_' and '.' only") });
            }
        }
        Ok(config)
    }

    /// The socket for users.
    #[must_use]
    pub fn broker_socket(&self) -> PathBuf {
        self.runtime_directory.join("broker.sock")
    }

    /// The socket for `brevetd`.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        self.runtime_directory.join("agent.sock")
    }

    /// The broker's state: `identity.json`, `journal.key`, `journal/`, `documents/`, `sessions/`.
    #[must_use]
    pub fn broker_directory(&self) -> PathBuf {
        self.state_directory.join("broker")
    }

    /// `brevetd`'s state: `server.json`, `transport.key`.
    #[must_use]
    pub fn agent_directory(&self) -> PathBuf {
        self.state_directory.join("agent")
    }
}

/// `broker/identity.json`: what enrolment pinned; written by root, replaced only by root.
/// Beside it are `journal.key` (base64 of 32 bytes, 0600) and `documents/trust.json` (the first trust document's envelope).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// This computer.
    pub computer: ComputerId,
    /// The installation that it belongs to.
    pub instance: InstanceId,
    /// The key under which everything else is believed.
    pub root: PublicKey,
    /// The journal's first life.
    pub incarnation: Incarnation,
}

/// `agent/server.json`: how `brevetd` reaches the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its address.
    pub url: String,
    /// This computer.
    pub computer: ComputerId,
    /// The audience of the agent's tokens.
    pub instance: InstanceId,
    /// PEM of the certificate to trust, where it is not a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}
