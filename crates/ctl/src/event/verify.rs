//! Verifying journals: nothing that the server says of them is believed but the key that signs their heads, and that is printed; with
//! pins not even that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use brevet_api::rest::computer::JournalPage;
use brevet_core::digest::Digest;
use brevet_core::document::PublicKey;
use brevet_core::id::Incarnation;
use brevet_core::journal::{Chain, ChainError, Record, SignedHead};
use serde::Serialize;

use super::journal::{Line, Lines};
use super::log::{self, VerifiedLog};
use super::pins::{self, Pin, Pins, Reached};
use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::output::shown;
use crate::progress::Progress;

/// A journal that is wrong in many places is wrong; this many are shown.
pub(super) const MOST_FINDINGS: usize = 20;

/// What was found out about one life of one computer's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The computer's id.
    pub id: String,
    /// Its name on the server.
    pub computer: String,
    /// Which life of its journal.
    pub incarnation: Incarnation,
    /// How many records there are.
    pub records: u64,
    /// How many of them have no body any more.
    pub redacted: u64,
    /// The last record's number.
    pub last: u64,
    /// Its hash, as computed here.
    pub head: String,
    /// The first 16 bytes of the SHA-256 of the key that signs, as enrolment prints it on the computer.
    pub key: String,
    /// The key itself, in base64.
    pub public_key: String,
    /// Whether the key was known from elsewhere; else it is the server's word.
    pub pinned: bool,
    /// Whether every record follows from the one before, up to the signed head.
    pub verified: bool,
    /// What is wrong, and where.
    pub findings: Vec<Finding>,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The record's number, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

/// What journals are held against.
pub struct Against {
    /// What is known from elsewhere.
    pub pins: Pins,
    /// Whether every journal should be there, not those of one computer or what a file has.
    pub whole: bool,
    /// Where to write what was verified.
    pub write: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    verified: bool,
    items: Vec<Verified>,
    /// The server's own; absent where only one computer was asked for, or the role does not see all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<VerifiedLog>,
}

/// Verifies and prints.
///
/// # Errors
/// When the pages cannot be had, or a journal does not verify.
pub fn report(session: &Session, lines: Lines<'_>, against: &Against) -> Result<()> {
    let (mut items, log) = verify(lines, &against.pins)?;
    let missing: Vec<Verified> = against.pins.missing(&items, against.whole).into_iter().filter_map(gone).collect();
    items.extend(missing);
    let wrong = items.iter().filter(|item| !item.verified).count();
    let log_is_wrong = log.as_ref().is_some_and(|log| !log.verified);
    let answer = Answer { verified: wrong == 0 && !log_is_wrong, items, log };
    session.output.print(&answer, |answer| {
        let journals = match answer.items.as_slice() {
            [] => "there is no journal to verify\n".into(),
            items => items.iter().map(describe).chain(lives(items)).collect::<String>(),
        };
        journals + &answer.log.as_ref().map(log::describe).unwrap_or_default()
    })?;
    if !answer.verified {
        let all = answer.items.len();
        let journals = format!("{wrong} of {all} journals do not verify");
        let what = match (wrong, log_is_wrong) {
            (0, _) => "the server's log does not verify".to_owned(),
            (_, true) => format!("{journals}, nor does the server's log"),
            (_, false) => journals,
        };
        return Err(CtlError::Verification(format!("{what}: somebody changed what was recorded")));
    }
    match &against.write {
        Some(file) => pins::write(file.clone(), &answer.items, answer.log.as_ref(), &against.pins),
        None => Ok(()),
    }
}

/// A life that was verified before and is not there any more.
fn gone(pin: &Pin) -> Option<Verified> {
    let reached = pin.reached.as_ref()?;
    let problem = format!("it was verified up to record {} before, and is not there any more", reached.seq);
    Some(Verified {
        id: pin.computer.clone(),
        computer: pin.computer.clone(),
        incarnation: reached.incarnation.clone(),
        records: 0,
        redacted: 0,
        last: 0,
        head: String::new(),
        key: String::new(),
        public_key: String::new(),
        pinned: true,
        verified: false,
        findings: vec![Finding { record: None, problem }],
    })
}

/// Where a computer has more than one journal: each is whole in itself, and nothing says that nothing was between them.
fn lives(items: &[Verified]) -> Vec<String> {
    let mut count: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for item in items {
        count.entry(&item.id).or_insert((0, &item.computer)).0 += 1;
    }
    let several = count.into_values().filter(|(lives, _)| *lives > 1);
    let said = |(lives, name): (usize, &str)| {
        format!(
            "computer '{}' began its journal {lives} times: what was written between one and the next cannot be told from here; see the events journal.* of it\n",
            shown(name)
        )
    };
    several.map(said).collect()
}

fn describe(item: &Verified) -> String {
    let mut text = format!("computer '{}' ({}), journal {}: ", shown(&item.computer), item.id, item.incarnation);
    if item.records == 0 && item.verified {
        return text + "empty\n";
    }
    let redacted = if item.redacted > 0 { format!(", {} of them redacted", item.redacted) } else { String::new() };
    if item.verified {
        let known = if item.pinned { "known from elsewhere" } else { "as the server has it" };
        text.push_str(&format!("{} records verified{redacted}\n  head {} signed by key {}, {known}\n", item.records, item.head, item.key));
        return text;
    }
    text.push_str(&format!("DOES NOT VERIFY ({} records{redacted})\n", item.records));
    for finding in item.findings.iter().take(MOST_FINDINGS) {
        text.push_str(&format!("  {}\n", shown(&finding.problem)));
    }
    if item.findings.len() > MOST_FINDINGS {
        text.push_str(&format!("  and {} more\n", item.findings.len() - MOST_FINDINGS));
    }
    text
}

/// Verifies each journal among the pages, and the server's log where it is there; the pages of one stand together, in order. Holds one page
/// at a time.
///
/// # Errors
/// When a page cannot be had.
pub fn verify(lines: Lines<'_>, pins: &Pins) -> Result<(Vec<Verified>, Option<VerifiedLog>)> {
    let mut done: Vec<Walk> = Vec::new();
    let mut log = log::Walk::new(pins);
    let mut progress = Progress::default();
    let mut count = 0usize;
    for line in lines {
        count = count.saturating_add(line.as_ref().map_or(0, Line::records));
        progress.so_far(count, "records verified");
        let page = match line? {
            Line::Journal(page) => page,
            Line::Log(page) => {
                log.take(*page);
                continue;
            }
        };
        let goes_on = |walk: &&mut Walk| walk.chain.computer == page.computer.id && walk.chain.incarnation == page.incarnation;
        match done.last_mut().filter(goes_on) {
            Some(walk) => walk.take_page(*page),
            None => {
                let mut walk = Walk::new(&page, pins);
                walk.take_page(*page);
                done.push(walk);
            }
        }
    }
    Ok((done.into_iter().map(Walk::finish).collect(), log.finish()))
}

/// Along one life of one computer's journal.
struct Walk {
    name: String,
    key: PublicKey,
    chain: Chain,
    records: u64,
    redacted: u64,
    findings: Vec<Finding>,
    /// As the latest page has it.
    head: Option<SignedHead>,
    /// The hash of the record that it names, once that was passed.
    signed: Option<Digest>,
    pinned: bool,
    /// How far it went before, as long as that was not passed.
    before: Vec<Reached>,
}

impl Walk {
    fn new(page: &JournalPage, pins: &Pins) -> Self {
        let keys = pins.keys(&page.computer.id, &page.computer.name);
        let pinned = !keys.is_empty();
        let mut walk = Self {
            pinned,
            before: pins.reached(&page.computer.id, &page.computer.name, &page.incarnation),
            name: page.computer.name.clone(),
            key: page.journal_key.clone(),
            chain: Chain::new(page.computer.id.clone(), page.incarnation.clone()),
            records: 0,
            redacted: 0,
            findings: Vec::new(),
            head: None,
            signed: None,
        };
        if pinned && !keys.iter().any(|key| key.is(&page.journal_key)) {
            walk.find(
                None,
                format!("the server has key {} for it, which is not the one that is known from elsewhere", page.journal_key.id()),
            );
        }
        walk
    }

    fn take_page(&mut self, page: JournalPage) {
        if page.journal_key != self.key {
            self.find(None, "the key changes between pages");
        }
        self.head = page.head;
        self.pass_head();
        for record in &page.records {
            self.take(record);
        }
    }

    fn finish(mut self) -> Verified {
        self.check_head();
        self.check_before();
        Verified {
            id: self.chain.computer.to_string(),
            computer: self.name,
            incarnation: self.chain.incarnation,
            records: self.records,
            redacted: self.redacted,
            last: self.chain.seq,
            head: self.chain.head.to_string(),
            key: self.key.id(),
            public_key: self.key.into(),
            pinned: self.pinned,
            verified: self.findings.is_empty(),
            findings: self.findings,
        }
    }

    fn find(&mut self, record: Option<u64>, problem: impl Into<String>) {
        self.findings.push(Finding { record, problem: problem.into() });
    }

    /// Takes the next record. After an error it goes on from the record found, so that one change is one finding or two.
    fn take(&mut self, record: &Record) {
        self.records = self.records.saturating_add(1);
        self.redacted = self.redacted.saturating_add(u64::from(record.body.is_none()));
        match self.chain.follow(record) {
            Ok(_) => {}
            Err(error) => {
                self.find(place(&error), error.to_string());
                // A header that cannot be read still takes its place; the next record then does not fit it.
                let seq = record.parse_header().map_or(self.chain.seq.saturating_add(1), |header| header.seq);
                self.chain.seq = seq;
                self.chain.head = record.hash();
            }
        }
        self.pass_head();
    }

    /// What ends before where it was, was rolled back (or cut off); another record at that place, and it was forked or written anew.
    fn check_before(&mut self) {
        let last = self.chain.seq;
        for before in std::mem::take(&mut self.before) {
            let seq = before.seq;
            let problem = if seq > last {
                format!("it was verified up to record {seq} before and ends at {last} now: it was rolled back, or cut off")
            } else {
                format!("record {seq} is another than the one that was verified before: the journal was forked, or written anew")
            };
            self.find(Some(seq), problem);
        }
    }

    fn pass_head(&mut self) {
        let (seq, head) = (self.chain.seq, self.chain.head);
        self.before.retain(|before| before.seq != seq || before.head != head);
        if self.head.as_ref().is_some_and(|head| head.chain.seq == self.chain.seq) {
            self.signed = Some(self.chain.head);
        }
    }

    fn check_head(&mut self) {
        let Some(head) = self.head.take() else {
            if self.records > 0 {
                self.find(None, "there is no signed head: the records are not the computer's own word");
            }
            return;
        };
        let (signed, last) = (head.chain.seq, self.chain.seq);
        if !head.verifies(&self.key) {
            self.find(None, "the signature of the head is not the computer's");
        } else if head.chain.computer != self.chain.computer || head.chain.incarnation != self.chain.incarnation {
            self.find(None, "the signed head is of another journal");
        } else if signed > last {
            self.find(
                Some(last.saturating_add(1)),
                format!("records {} to {signed} are missing: the computer signed {signed}", last.saturating_add(1)),
            );
        } else if self.signed != Some(head.chain.head) {
            self.find(Some(signed), format!("record {signed} is not the one that the computer signed"));
        } else if signed < last {
            self.find(Some(last), format!("the records after {signed} are not signed"));
        }
    }
}

const fn place(error: &ChainError) -> Option<u64> {
    match error {
        ChainError::Header { after, .. } => Some(after.saturating_add(1)),
        ChainError::Body(seq) | ChainError::Foreign(seq) | ChainError::Broken(seq) => Some(*seq),
        ChainError::Gap { expected, .. } => Some(*expected),
    }
}

#[cfg(test)]
mod tests;
