//! Enrolment, as root: this computer and the server learn to know each other, once.
//!
//! The token says which server and which root key; nothing that the server answers is kept unless it agrees with the token.
//! The keys are made here and never leave this computer. It must never leave a computer half enrolled (see `place`).

mod place;
mod token;

use std::path::PathBuf;

use brevet_api::agent::{Enrol, Enrolled};
use brevet_api::config::{Config, Identity, Server};
use brevet_core::digest::Digest;
use brevet_core::document::{DocumentError, Key, PublicKey, Trust, open};
use brevet_core::id::Incarnation;

pub use place::PlaceError;
pub use token::{TokenError, parse as parse_token};

use crate::server::{self, ServerError};
use crate::tls::{Client, TlsError, Trusted};
use crate::user::{UserError, agent_user};
use place::{Content, Staged};

/// What `brevetd enrol` was told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the token is; `-` is standard input.
    pub token_file: PathBuf,
    /// Whether to enrol a computer that is enrolled already.
    pub replace: bool,
}

/// Why this computer was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Not root.
    #[error("enrolling needs root: it writes what the broker believes")]
    NotRoot,
    /// The agent's user.
    #[error(transparent)]
    User(#[from] UserError),
    /// The token's text.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Files and directories.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection to the server.
    #[error("the server at {url} cannot be reached, or its certificate is not the one that the token pins")]
    Unreachable {
        /// From the token.
        url: String,
        /// Why.
        #[source]
        source: ServerError,
    },
    /// It said no.
    #[error("the server does not accept this enrolment token")]
    Refused(#[source] ServerError),
    /// It answered something else.
    #[error("the server could not enrol this computer")]
    Server(#[source] ServerError),
    /// Its root key is not the token's.
    #[error("the server's root key is {found}, but the token was made for {expected}; nothing was kept")]
    Root {
        /// From the token.
        expected: Digest,
        /// From the server.
        found: Digest,
    },
    /// Its trust document is not signed by its root key.
    #[error("the server's trust document does not verify under its root key; nothing was kept")]
    Trust(#[source] DocumentError),
    /// Its trust document is another installation's.
    #[error("the server's trust document names another installation; nothing was kept")]
    Instance,
    /// No randomness.
    #[error("cannot make a key")]
    Random(#[from] getrandom::Error),
    /// No JSON form.
    #[error("cannot write what the server answered")]
    Json(#[from] serde_json::Error),
}

impl EnrolError {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => {
                Some("check the address, and that the token was made by this server: a new one has its certificate")
            }
            Self::Refused(_) => Some("it was used, was revoked or has expired; make another with: brevetctl enrolment-token create"),
            Self::Root { .. } => {
                Some("this is another server than the one that made the token, or somebody is in between; ask who made the token")
            }
            Self::Trust(_) | Self::Instance => Some("do not use this server before somebody has found out why"),
            Self::NotRoot
            | Self::User(_)
            | Self::Token(_)
            | Self::Place(_)
            | Self::Tls(_)
            | Self::Server(_)
            | Self::Random(_)
            | Self::Json(_) => None,
        }
    }
}

/// Enrols this computer and says in words what was done.
///
/// # Errors
/// With the first step that failed; the computer is then as it was, or (with `replace`) not enrolled.
pub async fn enrol(config: &Config, options: &Options) -> Result<String, EnrolError> {
    if brevet_sys::process::effective_uid() != 0 {
        return Err(EnrolError::NotRoot);
    }
    let user = agent_user(config)?;
    let token = token::read(&options.token_file)?;
    // Everything that can fail on this computer fails before the token is used up.
    let staged = Staged::begin(config, user, options.replace)?;
    let (journal, transport) = (random_key()?, random_key()?);
    let incarnation = Incarnation::new(now_millis(), random()?);
    let trusted = token.tls.map_or(Trusted::Public, Trusted::Fingerprint);
    let client = Client::new(&trusted)?;
    let body = Enrol {
        secret: token.secret.clone(),
        hostname: hostname(),
        transport_key: transport.public(),
        journal_key: journal.public(),
        incarnation: incarnation.clone(),
        platform: platform(),
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let enrolled = server::enrol(&client.http, &token.url, &body).await.map_err(|error| explain(&token.url, error))?;
    check(&enrolled, token.root)?;
    let ca = enrolled.ca.clone().or_else(|| client.pinned_certificate());
    let server = Server { url: token.url.clone(), computer: enrolled.computer.clone(), instance: enrolled.instance.clone(), ca };
    let identity =
        Identity { computer: enrolled.computer.clone(), instance: enrolled.instance.clone(), root: enrolled.root.clone(), incarnation };
    let kept = staged.finish(&Content {
        journal_key: journal.seed(),
        transport_key: transport.seed(),
        identity: serde_json::to_vec_pretty(&identity)?,
        trust: serde_json::to_vec(&enrolled.trust)?,
        server: serde_json::to_vec_pretty(&server)?,
    })?;
    Ok(report(&token.url, &enrolled, &journal.public().id(), kept))
}

fn report(url: &str, enrolled: &Enrolled, journal_key: &str, kept: Option<PathBuf>) -> String {
    let name = brevet_core::escape::terminal(enrolled.name.as_bytes());
    let mut text = format!("enrolled with {url} as '{name}' ({})\nroot key {}\n", enrolled.computer, enrolled.root.fingerprint());
    // For an auditor, who gets it from here and not from the server.
    text.push_str(&format!("journal key {journal_key}\n"));
    if let Some(path) = kept {
        text.push_str(&format!("the journal and documents of the earlier enrolment are in {}\n", path.display()));
    }
    text.push_str("now start brevet-broker and brevetd\n");
    text
}

fn explain(url: &str, error: ServerError) -> EnrolError {
    match error {
        ServerError::Unreachable { .. } => EnrolError::Unreachable { url: url.to_owned(), source: error },
        ServerError::Status { status: 401 | 403 | 404 | 409 | 410, .. } => EnrolError::Refused(error),
        other => EnrolError::Server(other),
    }
}

/// INVARIANT: the root key is the token's, the trust document is signed by it and is about this installation.
fn check(enrolled: &Enrolled, expected: Digest) -> Result<(), EnrolError> {
    let found = enrolled.root.fingerprint();
    if found != expected {
        return Err(EnrolError::Root { expected, found });
    }
    let keys: [PublicKey; 1] = [enrolled.root.clone()];
    let trust: Trust = open(&enrolled.trust, &keys).map_err(EnrolError::Trust)?;
    if trust.instance == enrolled.instance { Ok(()) } else { Err(EnrolError::Instance) }
}

#[expect(clippy::disallowed_methods, reason = "the one place of enrolment for random bytes")]
fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn random_key() -> Result<Key, getrandom::Error> {
    Ok(Key::from_seed(&random()?))
}

#[expect(clippy::disallowed_methods, reason = "the one place of enrolment that reads a clock, for the sorting of ids")]
fn now_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0)
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().chars().take(200).collect())
}

fn hostname() -> String {
    first_line("/proc/sys/kernel/hostname").unwrap_or_else(|| "unnamed".into())
}

/// Such as `Debian GNU/Linux 12 (bookworm), Linux 6.1.0`.
fn platform() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"');
    let name: String = name.chars().take(200).collect();
    format!("{name}, Linux {}", first_line("/proc/sys/kernel/osrelease").unwrap_or_default())
}
