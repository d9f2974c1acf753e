//! One connection with the broker: documents go down, the journal goes up, each with its own pace and its own retries.
//!
//! Nothing here is believed or understood beyond what must be known to carry it. Ends when the broker's connection ends.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use brevet_api::agent::{Batch, JournalAnswer, Position, Processes};
use brevet_api::frame::FrameError;
use brevet_api::link::{Down, State, Up};
use brevet_core::digest::Digest;
use brevet_core::document::Envelope;
use brevet_core::escape;
use tokio::sync::{mpsc, watch};

use crate::backoff::Backoff;
use crate::events::Parser;
use crate::link::{Reader, Writer};
use crate::server::{MAX_ENVELOPE, MISSING_AT_ONCE, Server, ServerError};

/// The server sends at least a comment every 30 s; a stream that is silent for longer than this is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// A stream that lived as long as this was a good one, and the next attempt comes soon.
const GOOD_STREAM: Duration = Duration::from_secs(5);
/// An earlier server is tried again this often: it may have been updated.
const EARLIER_SERVER: Duration = Duration::from_secs(3600);
/// A quarantined computer asks again this often.
const QUARANTINE: Duration = Duration::from_secs(60);

/// Carries until the broker's connection ends, and says why it did.
pub async fn carry(server: &Server, mut reader: Reader, mut writer: Writer) -> FrameError {
    let (down, mut outgoing) = mpsc::channel::<Down>(16);
    let (batches, incoming) = mpsc::channel::<Batch>(4);
    let (state, states) = watch::channel::<Option<State>>(None);
    let (counted, counts) = watch::channel::<Option<Processes>>(None);
    let hello = Down::Hello { version: env!("CARGO_PKG_VERSION").into() };
    if let Err(error) = writer.send(&hello).await {
        return error;
    }
    let read = async {
        loop {
            match reader.next().await {
                Ok(Up::State(new)) => drop(state.send_replace(Some(new))),
                Ok(Up::Journal(batch)) => drop(batches.send(batch).await),
                Ok(Up::Processes(new)) => drop(counted.send_replace(Some(new))),
                Err(error) => return error,
            }
        }
    };
    let write = async {
        while let Some(frame) = outgoing.recv().await {
            if let Err(error) = writer.send(&frame).await {
                return error;
            }
        }
        FrameError::Closed
    };
    let documents = Documents { server, down: down.clone(), states: states.clone() };
    let missing = Documents { server, down: down.clone(), states };
    // Each of these goes on for ever; only the connection's end ends them.
    tokio::select! {
        error = read => error,
        error = write => error,
        () = documents.stream() => FrameError::Closed,
        () = missing.fetch_missing() => FrameError::Closed,
        () = journal(server, incoming, down) => FrameError::Closed,
        () = processes(server, counts) => FrameError::Closed,
    }
}

struct Documents<'a> {
    server: &'a Server,
    down: mpsc::Sender<Down>,
    states: watch::Receiver<Option<State>>,
}

impl Documents<'_> {
    /// Keeps the stream of documents open. Returns when the broker is gone.
    async fn stream(mut self) {
        let mut backoff = Backoff::for_server();
        while let Some(state) = self.state().await {
            let began = Instant::now();
            let error = self.stream_once(&state).await;
            if self.down.send(Down::Connected { connected: false }).await.is_err() {
                return;
            }
            if began.elapsed() > GOOD_STREAM {
                backoff.reset();
            }
            log_failure("no documents from the server", &error);
            backoff.wait().await;
        }
    }

    /// The broker's state as last heard; waits for the first.
    async fn state(&mut self) -> Option<State> {
        self.states.wait_for(Option::is_some).await.ok()?.clone()
    }

    async fn stream_once(&self, state: &State) -> ServerError {
        let position = Position { trust_version: state.trust_version, epoch: state.epoch, seq: state.seq, nonce: state.nonce.clone() };
        let mut response = match self.server.documents(&position).await {
            Ok(response) => response,
            Err(error) => return error,
        };
        tracing::info!(target: "brevetd", "connected to {}", self.server.url());
        if self.down.send(Down::Connected { connected: true }).await.is_err() {
            return ServerError::Closed;
        }
        let mut parser = Parser::new(MAX_ENVELOPE);
        loop {
            let piece = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Err(_) => return ServerError::Silent(SILENCE.as_secs()),
                Ok(Err(source)) => return ServerError::Unreachable { url: self.server.url().into(), source },
                Ok(Ok(None)) => return ServerError::Closed,
                Ok(Ok(Some(piece))) => piece,
            };
            let events = match parser.push(&piece) {
                Ok(events) => events,
                Err(error) => return ServerError::TooLarge { limit: error.limit },
            };
            for event in events.into_iter().filter(|event| event.name == "document") {
                match serde_json::from_slice::<Envelope>(&event.data) {
                    Ok(envelope) => {
                        if self.forward(envelope).await.is_err() {
                            return ServerError::Closed;
                        }
                    }
                    Err(error) => return ServerError::Content(error.to_string()),
                }
            }
        }
    }

    async fn forward(&self, envelope: Envelope) -> Result<(), mpsc::error::SendError<Down>> {
        tracing::debug!(target: "brevetd", "document {}", escape::terminal(envelope.payload_type.as_bytes()));
        self.down.send(Down::Document(envelope)).await
    }

    /// Fetches shared documents that the broker's manifest names and that it lacks. Returns when the broker is gone.
    async fn fetch_missing(mut self) {
        let mut backoff = Backoff::for_server();
        let mut asked: BTreeSet<Digest> = BTreeSet::new();
        loop {
            let Some(state) = self.state().await else { return };
            let missing: BTreeSet<Digest> = state.missing.iter().copied().collect();
            asked.retain(|digest| missing.contains(digest));
            let wanted: Vec<Digest> = missing.difference(&asked).take(MISSING_AT_ONCE).copied().collect();
            if wanted.is_empty() {
                if missing.is_empty() {
                    backoff.reset();
                }
                // Those that were asked for and did not come are asked for again, ever more slowly.
                let changed = self.states.changed();
                if missing.is_empty() {
                    if changed.await.is_err() {
                        return;
                    }
                } else if tokio::time::timeout(backoff.next_wait(), changed).await.is_err() {
                    asked.clear();
                }
                continue;
            }
            match self.server.missing(&wanted).await {
                Ok(answer) => {
                    let came: Vec<Digest> = answer.documents.iter().filter_map(|envelope| envelope.digest().ok()).collect();
                    // What did not fit into the answer is asked for next; where nothing came, later.
                    asked.extend(if came.is_empty() { wanted } else { came });
                    for envelope in answer.documents {
                        if self.forward(envelope).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    log_failure("missing documents did not come", &error);
                    backoff.wait().await;
                }
            }
        }
    }
}

/// Delivers batches in order, each until the server has answered it.
async fn journal(server: &Server, mut batches: mpsc::Receiver<Batch>, down: mpsc::Sender<Down>) {
    let mut backoff = Backoff::for_server();
    let mut rewinds = 0u32;
    while let Some(batch) = batches.recv().await {
        let answer = loop {
            match server.journal(&batch).await {
                Ok(JournalAnswer::Acknowledged { acknowledgement }) => break Down::Document(acknowledgement),
                Ok(JournalAnswer::Expected { incarnation, seq }) => {
                    tracing::info!(target: "brevetd", "the server has the journal up to record {seq}: sending from there");
                    break Down::Rewind { incarnation, seq };
                }
                Ok(JournalAnswer::Quarantined { reason }) => {
                    tracing::warn!(target: "brevetd", "this computer is quarantined: {}", escape::terminal(reason.as_bytes()));
                    tokio::time::sleep(QUARANTINE).await;
                }
                Err(error) => {
                    log_failure("the journal was not delivered", &error);
                    backoff.wait().await;
                }
            }
        };
        // One rewind is how the two agree where they stand; a broker and a server that cannot agree are not to spin.
        rewinds = if matches!(answer, Down::Rewind { .. }) { rewinds.saturating_add(1) } else { 0 };
        if rewinds > 1 {
            backoff.wait().await;
        } else {
            backoff.reset();
        }
        if down.send(answer).await.is_err() {
            return;
        }
    }
}

/// Tells how many processes sessions have: the newest counts only, and none of it is kept for later. Goes on until the broker is gone.
async fn processes(server: &Server, mut counts: watch::Receiver<Option<Processes>>) {
    let mut backoff = Backoff::for_server();
    while counts.changed().await.is_ok() {
        loop {
            let Some(newest) = counts.borrow_and_update().clone() else { break };
            match server.processes(&newest).await {
                Ok(()) => break backoff.reset(),
                Err(error) if error.is_unknown() => {
                    tracing::debug!(target: "brevetd", "the server does not want to know how many processes run");
                    tokio::time::sleep(EARLIER_SERVER).await;
                }
                Err(error) => {
                    // The journal's failures say the same, and of this nothing is lost.
                    tracing::debug!(target: "brevetd", "the counts of processes were not delivered: {}", chain(&error));
                    backoff.wait().await;
                }
            }
        }
    }
}

fn log_failure(what: &str, error: &ServerError) {
    let text = chain(error);
    if error.is_refusal() {
        tracing::error!(target: "brevetd", "{what}: {text}");
    } else {
        tracing::warn!(target: "brevetd", "{what}: {text}");
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
