//! How e-mail leaves: the table `[smtp]` of the configuration, and `[webhooks]` beside it.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// The mail server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Its name, which its certificate must have.
    pub host: String,
    /// 587 with `starttls`, 465 with `tls`, 25 with `none`, where absent.
    #[serde(default)]
    port: Option<u16>,
    /// How the way there is protected.
    #[serde(default)]
    pub security: Security,
    /// Signs in with this name.
    #[serde(default)]
    pub username: Option<String>,
    /// And the password in this file, which only the server's user should be able to read.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Such as `Brevet <brevet@example.com>`.
    pub from: String,
    /// PEM of an authority to trust beside the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS after STARTTLS; without it nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: only to a mail server on this machine.
    None,
}

/// What webhooks may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Whether they may go to this machine, there also without TLS: for tests and for a relay beside the server.
    pub allow_loopback: bool,
}

impl Smtp {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::Starttls => 587,
            Security::Tls => 465,
            Security::None => 25,
        })
    }

    /// The password, read anew each time, so that it can be changed under a running server.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn password(&self) -> std::io::Result<String> {
        self.password_file.as_ref().map_or_else(|| Ok(String::new()), |file| Ok(std::fs::read_to_string(file)?.trim_end().to_owned()))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, reason: &str| Err(ConfigError::Wrong { field, reason: reason.into() });
        if self.host.trim().is_empty() {
            return wrong("smtp.host", "is empty");
        }
        let here = ["localhost", "127.0.0.1", "::1"].contains(&self.host.as_str());
        if self.security == Security::None && !here {
            return wrong("smtp.security", "none only to a mail server on this machine: everybody on the way could read and change it");
        }
        if self.username.is_some() != self.password_file.is_some() {
            return wrong("smtp.username", "needs password_file beside it, and the other way round");
        }
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            return wrong("smtp.from", "is not an e-mail address, such as \"Brevet <brevet@example.com>\"");
        }
        Ok(())
    }
}
