//! The daemon: finds the broker, carries for it, and finds it again, until it is told to stop.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::config::{self, Config};
use brevet_core::document::Key;

use crate::backoff::Backoff;
use crate::carry::{carry, chain};
use crate::link;
use crate::server::Server;
use crate::tls::{Client, TlsError, Trusted};

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nothing from enrolment.
    #[error("this computer is not enrolled; as root: brevetd enrol --token-file FILE")]
    NotEnrolled,
    /// Something from enrolment cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something from enrolment is damaged.
    #[error("{path} is damaged: {reason}; as root: brevetd enrol --replace --token-file FILE")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No signals.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs until `SIGTERM` or `SIGINT`.
///
/// # Errors
/// When what enrolment left is absent or damaged. Everything else is tried again.
pub async fn run(config: &Config) -> Result<(), RunError> {
    let server = enrolled_server(config)?;
    let signal = |kind| tokio::signal::unix::signal(kind).map_err(RunError::Signals);
    let mut terminate = signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = serve(config, &server) => {}
    }
    tracing::info!(target: "brevetd", "stopped");
    Ok(())
}

/// Carries for the broker, again and again.
pub async fn serve(config: &Config, server: &Server) {
    let socket = config.agent_socket();
    let mut backoff = Backoff::for_broker();
    let mut said = false;
    loop {
        match link::connect(&socket).await {
            Ok((reader, writer)) => {
                tracing::info!(target: "brevetd", "connected to the broker at {}", socket.display());
                backoff.reset();
                let error = carry(server, reader, writer).await;
                tracing::warn!(target: "brevetd", "the broker is gone: {}", chain(&error));
                said = false;
            }
            Err(error) if !said => {
                tracing::warn!(target: "brevetd", "cannot reach the broker at {}: {error}; trying on", socket.display());
                said = true;
            }
            Err(_) => {}
        }
        backoff.wait().await;
    }
}

/// The server that this computer is enrolled with.
///
/// # Errors
/// When it is not, or what enrolment left is damaged.
pub fn enrolled_server(config: &Config) -> Result<Server, RunError> {
    let directory = config.agent_directory();
    let file = directory.join("server.json");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(RunError::NotEnrolled),
        Err(source) => return Err(RunError::Read { path: file, source }),
    };
    let server: config::Server =
        serde_json::from_str(&text).map_err(|error| RunError::Damaged { path: file, reason: error.to_string() })?;
    let file = directory.join("transport.key");
    let key = std::fs::read_to_string(&file).map_err(|source| RunError::Read { path: file.clone(), source })?;
    let seed: [u8; 32] = STANDARD
        .decode(key.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| RunError::Damaged { path: file, reason: "expected base64 of 32 bytes".into() })?;
    let trusted = server.ca.map_or(Trusted::Public, Trusted::Certificates);
    let client = Client::new(&trusted)?;
    Ok(Server::new(client.http, &server.url, server.computer, server.instance, Key::from_seed(&seed)))
}
