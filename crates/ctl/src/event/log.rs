//! Verifying the server's own log: nothing is believed but the key that signs its checkpoints, and that is printed; with pins not even
//! that, nor that it only grew.

use std::io::Write;
use std::path::Path;

use brevet_api::rest::Code;
use brevet_api::rest::event_log::{EventProof, LogPage, LogQuery};
use brevet_core::audit_log::{Header, SignedCheckpoint, leaf};
use brevet_core::document::PublicKey;
use brevet_core::journal::Record;
use brevet_core::merkle::{Tree, root_by};
use serde::Serialize;

use super::pins::{LogPin, PinnedKey, Pins};
use super::verify::Finding;
use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::input;
use crate::output::shown;
use crate::profile::io;

/// What was found out about the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedLog {
    /// Which server's.
    pub instance: String,
    /// Its epoch.
    pub epoch: u64,
    /// How many events it has.
    pub events: u64,
    /// How many of them have no text any more.
    pub redacted: u64,
    /// The root over all of them, as computed here.
    pub root: String,
    /// The first 16 bytes of the SHA-256 of the key that signs.
    pub key: String,
    /// The key itself, in base64.
    pub public_key: String,
    /// Whether the key was known from elsewhere; else it is the server's word.
    pub pinned: bool,
    /// Whether the events are those that were signed, and continue what was verified before.
    pub verified: bool,
    /// What is wrong, and where.
    pub findings: Vec<Finding>,
}

/// Pages of the whole log; fetched as they are asked for. None, with a word, where the role does not see all of it.
pub fn download(client: &Client) -> impl Iterator<Item = Result<LogPage>> {
    let mut from = Some(0);
    std::iter::from_fn(move || {
        let query = LogQuery { from: Some(from?), limit: Some(1000) };
        let page: Result<LogPage> = client.get_with(&["event-log"], &query);
        if let Err(CtlError::Refused(problem)) = &page
            && problem.code == Code::Forbidden.as_str()
        {
            eprintln!("the server's log is left out: your role does not see all of it");
            return None;
        }
        from = page.as_ref().ok().and_then(|page| page.next);
        Some(page)
    })
}

/// Writes the log so that `verify --file` reads it.
///
/// # Errors
/// When the server cannot be reached or refuses, or writing fails.
pub fn export(client: &Client, to: &mut dyn Write) -> Result<()> {
    for page in download(client) {
        let text = serde_json::to_string(&page?).map_err(|error| CtlError::Failed(error.to_string()))?;
        writeln!(to, "{text}").map_err(|source| CtlError::Io { what: "write the log".into(), source })?;
    }
    Ok(())
}

/// Along the log, page by page.
pub struct Walk<'a> {
    pin: Option<&'a LogPin>,
    tree: Tree,
    redacted: u64,
    /// How many redactions the log itself tells of.
    told: u64,
    last: Option<(SignedCheckpoint, PublicKey)>,
    findings: Vec<Finding>,
    /// Whether what was verified before was passed, and is the same.
    passed: bool,
}

impl<'a> Walk<'a> {
    /// At its beginning.
    #[must_use]
    pub fn new(pins: &'a Pins) -> Self {
        let pin = pins.log();
        Self { pin, tree: Tree::default(), redacted: 0, told: 0, last: None, findings: Vec::new(), passed: false }
    }

    fn find(&mut self, record: Option<u64>, problem: impl Into<String>) {
        self.findings.push(Finding { record, problem: problem.into() });
    }

    /// Takes the next page.
    pub fn take(&mut self, page: LogPage) {
        let size = self.tree.size();
        if page.from != size {
            self.find(Some(size), format!("events {size} to {} are missing", page.from.saturating_sub(1)));
        }
        if self.last.as_ref().is_some_and(|(_, key)| *key != page.key) {
            self.find(None, "the key changes between pages");
        }
        for record in &page.records {
            self.event(record);
        }
        self.last = Some((page.signed, page.key));
    }

    fn event(&mut self, record: &Record) {
        let place = self.tree.size();
        if !record.body_is_intact() {
            self.find(Some(place), format!("the text of event {place} is not the one that was hashed"));
        }
        match serde_json::from_str::<Header>(&record.header) {
            Ok(header) if header.kind == "event.redacted" => {
                let count = record.body.as_deref().and_then(redacted_by);
                match count {
                    Some(count) => self.told = self.told.saturating_add(count),
                    None => self.find(Some(place), format!("event {place} tells of a redaction, and not of what")),
                }
            }
            Ok(_) => {}
            Err(error) => self.find(Some(place), format!("the header of event {place} cannot be read: {error}")),
        }
        self.redacted = self.redacted.saturating_add(u64::from(record.body.is_none()));
        drop(self.tree.push(leaf(record)));
        if self.pin.is_some_and(|pin| pin.size == self.tree.size() && pin.root == self.tree.root()) {
            self.passed = true;
        }
    }

    /// What was found out; `None` where there was no page.
    #[must_use]
    pub fn finish(mut self) -> Option<VerifiedLog> {
        let (signed, key) = self.last.take()?;
        let (it, size, root) = (&signed.checkpoint, self.tree.size(), self.tree.root());
        if !signed.verifies(&key) {
            self.find(None, "the signature of the checkpoint is not the server's");
        }
        if it.size != size {
            self.find(Some(size.min(it.size)), format!("the server signed {} events, and there are {size}", it.size));
        } else if it.root != root {
            self.find(None, "the events are not those that the server signed: one was changed, added, left out or moved");
        }
        if self.pin.is_some_and(|pin| !pin.key.is(&key)) {
            self.find(None, format!("the server has key {} for it, which is not the one that is known from elsewhere", key.id()));
        }
        if self.redacted != self.told {
            let (redacted, told) = (self.redacted, self.told);
            self.find(None, format!("{redacted} events have no text, and the log tells of {told} that were redacted"));
        }
        if let Some(pin) = self.pin.filter(|pin| !(self.passed || pin.size == 0)) {
            let problem = if pin.epoch == it.epoch {
                format!("its first {} events are not those that were verified before: it was rolled back, or written anew", pin.size)
            } else {
                format!(
                    "the server was put back to a backup since (epoch {} then, {} now), and lacks some of the {} events that were verified before: \
                     event server.restored says when; take the line @log out of the file once you know why",
                    pin.epoch, it.epoch, pin.size
                )
            };
            self.find(None, problem);
        }
        Some(VerifiedLog {
            instance: it.instance.to_string(),
            epoch: it.epoch,
            events: size,
            redacted: self.redacted,
            root: root.to_string(),
            key: key.id(),
            public_key: key.into(),
            pinned: self.pin.is_some(),
            verified: self.findings.is_empty(),
            findings: self.findings,
        })
    }
}

/// How many events a redaction says that it took the text of.
fn redacted_by(text: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(text).ok()?.pointer("/body/events")?.as_u64()
}

/// As a person reads it.
#[must_use]
pub fn describe(log: &VerifiedLog) -> String {
    let redacted = if log.redacted > 0 { format!(", {} of them redacted", log.redacted) } else { String::new() };
    if log.verified {
        let known = if log.pinned { "known from elsewhere" } else { "as the server has it" };
        return format!(
            "the server's log: {} events verified{redacted}\n  root {} signed by key {}, {known}\n",
            log.events, log.root, log.key
        );
    }
    let mut text = format!("the server's log: DOES NOT VERIFY ({} events{redacted})\n", log.events);
    text.extend(log.findings.iter().take(super::verify::MOST_FINDINGS).map(|finding| format!("  {}\n", shown(&finding.problem))));
    text
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Proved {
    verified: bool,
    event: serde_json::Value,
    place: u64,
    events: u64,
    root: String,
    key: String,
    public_key: String,
}

/// Verifies that a log has an event, by what `event proof` wrote.
///
/// # Errors
/// When the file cannot be read, or proves nothing.
pub fn proof(session: &Session, file: &Path, pins: &Pins) -> Result<()> {
    let known: Vec<&PinnedKey> = pins.log().map(|pin| &pin.key).into_iter().chain(pins.key()).collect();
    if known.is_empty() {
        let why = "whose key should have signed it? anybody can sign with one of their own: give --key, or --pins with a line @log; event verify prints the key";
        return Err(CtlError::Usage(why.into()));
    }
    let text = input::named(file, input::LARGE).map_err(|source| io("read", file, source))?;
    let wrong = |why: String| CtlError::Verification(format!("{}: {why}", file.display()));
    let proof: EventProof = serde_json::from_str(&text).map_err(|error| wrong(format!("not a proof: {error}")))?;
    let it = &proof.signed.checkpoint;
    if !proof.signed.verifies(&proof.key) {
        return Err(wrong("the signature of the checkpoint is not the server's".into()));
    }
    if !known.iter().any(|known| known.is(&proof.key)) {
        return Err(wrong(format!("it is signed by key {}, which is not the one that is known from elsewhere", proof.key.id())));
    }
    if !proof.record.body_is_intact() {
        return Err(wrong("the event's text is not the one that was hashed".into()));
    }
    if root_by(leaf(&proof.record), proof.place, it.size, &proof.path) != Some(it.root) {
        return Err(wrong("the event is not in the log that was signed".into()));
    }
    let header: serde_json::Value =
        serde_json::from_str(&proof.record.header).map_err(|error| wrong(format!("the event's header cannot be read: {error}")))?;
    let proved = Proved {
        verified: true,
        place: proof.place,
        events: it.size,
        root: it.root.to_string(),
        key: proof.key.id(),
        public_key: proof.key.clone().into(),
        event: header,
    };
    session.output.print(&proved, |proved| {
        let event = shown(&proof.record.header);
        let text = proof.record.body.as_deref().map_or_else(|| "redacted".into(), shown);
        format!(
            "event {} of the log's {} is verified\n  {event}\n  {text}\n  root {} signed by key {}, known from elsewhere\n",
            proved.place, proved.events, proved.root, proved.key
        )
    })
}

#[cfg(test)]
mod tests;
