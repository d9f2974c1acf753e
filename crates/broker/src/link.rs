//! `brevetd`'s connection: documents down, journal up. Nothing that it says is believed; documents carry signatures.

mod counts;

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::PoisonError;
use std::time::Duration;

use brevet_api::frame::{self, FrameError, MAX_LINK};
use brevet_api::link::{Down, State, Up};
use brevet_core::document::{Envelope, Kind};
use brevet_sys::clock;
use brevet_sys::poll::{self, Interest};

use crate::broker::Broker;
use crate::journal::JournalError;
use crate::ledger::{Changed, Ledger, Link};
use counts::Counts;

/// How long `brevetd` may take to finish a frame, and to read one.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often `brevetd` gets a fresh nonce while nothing happens, so that it has one whenever the server comes back.
const FRESHEN_MS: u64 = 45_000;
/// The least time between two batches: what happens in quick succession travels together, which costs the server a small part.
const SPACE_MS: u64 = 25;

#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("brevetd could not be understood")]
    Frame(#[from] FrameError),
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error(transparent)]
    System(#[from] brevet_sys::Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Serves `brevetd` until it goes away or another connection takes its place.
pub fn serve(broker: &Broker, stream: UnixStream) {
    let Ok(copy) = stream.try_clone() else { return };
    let number = {
        let mut agent = broker.agent.lock().unwrap_or_else(PoisonError::into_inner);
        agent.0 = agent.0.saturating_add(1);
        if let Some(older) = agent.1.replace(copy) {
            drop(older.shutdown(std::net::Shutdown::Both));
        }
        broker.ledger().link = Link { attached: true, connected: false };
        agent.0
    };
    let ended = Conversation::begin(broker, &stream).and_then(Conversation::run);
    match ended {
        Ok(()) | Err(LinkError::Frame(FrameError::Closed)) => {}
        Err(error) => crate::say("broker", &format!("brevetd's connection ended: {}", crate::chain(&error))),
    }
    drop(stream.shutdown(std::net::Shutdown::Both));
    let mut agent = broker.agent.lock().unwrap_or_else(PoisonError::into_inner);
    // One that was replaced says nothing about the one that replaced it.
    if agent.0 == number {
        agent.1 = None;
        broker.ledger().link = Link::default();
    }
}

struct Conversation<'a> {
    broker: &'a Broker,
    stream: &'a UnixStream,
    changed: Changed,
    greeted: bool,
    /// The last record that was sent.
    sent: u64,
    /// That batch waits for its acknowledgement.
    waiting: bool,
    /// When it was sent, in milliseconds of `CLOCK_BOOTTIME`.
    sent_at: Option<u64>,
    /// There is another that waits until enough time has passed.
    held: bool,
    counts: Counts,
    /// When anything last happened, in milliseconds of `CLOCK_BOOTTIME`.
    active_at: u64,
}

impl<'a> Conversation<'a> {
    fn begin(broker: &'a Broker, stream: &'a UnixStream) -> Result<Self, LinkError> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut ledger = broker.ledger();
        let sent = ledger.documents.position.acknowledged;
        Ok(Self {
            broker,
            stream,
            changed: ledger.watch()?,
            greeted: false,
            sent,
            waiting: false,
            sent_at: None,
            held: false,
            counts: Counts::default(),
            active_at: clock::boottime_ms(),
        })
    }

    fn run(mut self) -> Result<(), LinkError> {
        loop {
            let descriptors = [(self.stream.as_fd(), Interest::READ), (self.changed.reader.as_fd(), Interest::READ)];
            let ready = poll::wait(&descriptors, Some(self.patience()))?;
            let now = clock::boottime_ms();
            let idle = ready.iter().all(|ready| ready.is_empty()) && now.saturating_sub(self.active_at) >= FRESHEN_MS;
            if idle || ready.iter().any(|ready| !ready.is_empty()) {
                self.active_at = now;
            }
            let mut ready = ready.into_iter().map(poll::Ready::readable);
            let (from_agent, changed) = (ready.next().unwrap_or(false), ready.next().unwrap_or(false));
            if changed {
                self.changed.clear();
            }
            if from_agent {
                let mut stream = self.stream;
                self.take(frame::read_control(&mut stream, MAX_LINK)?)?;
            }
            if self.greeted {
                if idle {
                    self.send_state()?;
                }
                self.push()?;
                self.counts.wake(self.broker, now);
                if let Some(counted) = self.counts.look(self.broker, now) {
                    let mut stream = self.stream;
                    frame::write_control(&mut stream, &Up::Processes(counted))?;
                }
            }
        }
    }

    /// Milliseconds until something is due by itself.
    fn patience(&self) -> u64 {
        let now = clock::boottime_ms();
        let fresh = FRESHEN_MS.saturating_sub(now.saturating_sub(self.active_at));
        let held = self.held.then(|| self.space_left());
        held.into_iter().chain(self.counts.due_in(now)).fold(fresh, u64::min).max(1)
    }

    fn take(&mut self, down: Down) -> Result<(), LinkError> {
        match down {
            Down::Hello { .. } => {
                self.greeted = true;
                self.waiting = false;
                self.send_state()
            }
            Down::Document(envelope) => self.take_document(&envelope),
            Down::Connected { connected } => {
                self.broker.ledger().link = Link { attached: true, connected };
                Ok(())
            }
            Down::Rewind { incarnation, seq } => {
                let ledger = self.broker.ledger();
                // Of another journal the server has nothing of this one.
                self.sent = if incarnation == ledger.journal.chain().incarnation { seq } else { 0 };
                self.waiting = false;
                Ok(())
            }
        }
    }

    fn take_document(&self, envelope: &Envelope) -> Result<(), LinkError> {
        // What may revoke needs to know who is in which group, which is looked up before anything is locked.
        let members = match envelope.kind() {
            Some(Kind::Manifest | Kind::Policy | Kind::Trust) => self.broker.members(),
            _ => std::collections::HashMap::new(),
        };
        let acknowledgement = envelope.kind() == Some(Kind::Acknowledgement);
        let received = self.broker.ledger().receive(envelope, &members);
        match received {
            Ok(true) if !acknowledgement => self.send_state(),
            Ok(_) => Ok(()),
            Err(error) => {
                crate::say("broker", &format!("a document could not take effect: {}", crate::chain(&error)));
                Ok(())
            }
        }
    }

    fn send_state(&self) -> Result<(), LinkError> {
        let state = state(&mut self.broker.ledger());
        let mut stream = self.stream;
        Ok(frame::write_control(&mut stream, &Up::State(state))?)
    }

    /// Milliseconds until the next batch may go.
    fn space_left(&self) -> u64 {
        self.sent_at.map_or(0, |at| SPACE_MS.saturating_sub(clock::boottime_ms().saturating_sub(at)))
    }

    /// The next batch, once the last is acknowledged and was sent long enough ago.
    fn push(&mut self) -> Result<(), LinkError> {
        let space_left = self.space_left();
        let batch = {
            let ledger = self.broker.ledger();
            if self.waiting && ledger.documents.position.acknowledged >= self.sent {
                self.waiting = false;
            }
            self.held = !self.waiting && space_left > 0 && ledger.journal.chain().seq > self.sent;
            if self.waiting || self.held { None } else { ledger.journal.batch_after(self.sent)? }
        };
        if let Some(batch) = batch {
            self.sent = batch.head.chain.seq;
            self.waiting = true;
            self.sent_at = Some(clock::boottime_ms());
            let mut stream = self.stream;
            frame::write_control(&mut stream, &Up::Journal(batch))?;
        }
        Ok(())
    }
}

fn state(ledger: &mut Ledger) -> State {
    let now = ledger.now();
    State {
        computer: ledger.documents.computer().clone(),
        trust_version: ledger.documents.trust_version(),
        epoch: ledger.documents.position.epoch,
        seq: ledger.documents.position.seq,
        held: ledger.documents.held(),
        missing: ledger.documents.in_force().missing.clone(),
        nonce: ledger.documents.nonce(now.boot.millis),
        journal_key: ledger.journal.key().public(),
    }
}
