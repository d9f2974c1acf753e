//! What an auditor knows of journals from elsewhere than the server: their keys, and how far they went when they were last verified.
//!
//! A line for each life of a journal: the computer's id or name and its key, and where it was verified before, the life with the number
//! and hash of its last record. A line `@log` for the server's own log: the key, and where it was verified before, the epoch with how many
//! events there were and their root. `#` begins a comment.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use brevet_core::digest::Digest;
use brevet_core::document::PublicKey;
use brevet_core::id::{ComputerId, Incarnation};

use super::log::VerifiedLog;
use super::verify::Verified;
use crate::error::{CtlError, Result};
use crate::input;
use crate::output::shown;
use crate::profile::io;
use crate::whole_file::WholeFile;

/// A key, as people get hold of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinnedKey {
    /// The whole of it.
    Whole(Box<PublicKey>),
    /// The first 16 bytes of its SHA-256, as enrolment on the computer prints it.
    Short(String),
    /// Its SHA-256.
    Fingerprint(Digest),
}

impl PinnedKey {
    /// From 32 hexadecimal digits, `sha256:…`, or base64 of the key.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Short(text.to_ascii_lowercase()));
        }
        if let Ok(fingerprint) = Digest::parse(text) {
            return Ok(Self::Fingerprint(fingerprint));
        }
        let whole = PublicKey::try_from(text.to_owned());
        whole.map(|key| Self::Whole(Box::new(key))).map_err(|_| "not a key: 32 hexadecimal digits, sha256:…, or base64 of the key".into())
    }

    /// Whether it is this one.
    #[must_use]
    pub fn is(&self, key: &PublicKey) -> bool {
        match self {
            Self::Whole(whole) => **whole == *key,
            Self::Short(short) => *short == key.id(),
            Self::Fingerprint(fingerprint) => *fingerprint == key.fingerprint(),
        }
    }
}

/// How far a life of a journal went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Which life.
    pub incarnation: Incarnation,
    /// Its last record then.
    pub seq: u64,
    /// That record's hash.
    pub head: Digest,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// Id or name.
    pub computer: String,
    /// Its key.
    pub key: PinnedKey,
    /// How far it went.
    pub reached: Option<Reached>,
}

/// What is known of the server's own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPin {
    /// The key that signs it.
    pub key: PinnedKey,
    /// The epoch in which it was verified.
    pub epoch: u64,
    /// How many events it had then; 0 where it was not verified yet.
    pub size: u64,
    /// Their root.
    pub root: Digest,
}

/// Stands where a computer's name does.
const LOG: &str = "@log";

/// Everything that is known.
#[derive(Debug, Clone, Default)]
pub struct Pins {
    lines: Vec<Pin>,
    log: Option<LogPin>,
    /// Of every computer.
    key: Option<PinnedKey>,
}

impl Pins {
    /// What a file says, and a key that every journal must have.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is wrong.
    pub fn read(file: Option<&Path>, key: Option<PinnedKey>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self { key, ..Self::default() }) };
        let text = input::named(file, input::LARGE).map_err(|source| io("read", file, source))?;
        let (mut lines, mut log) = (Vec::new(), None);
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = |why: String| CtlError::Usage(format!("{}:{}: {why}", file.display(), index.saturating_add(1)));
            match words.split_first() {
                None => {}
                Some((&LOG, words)) => log = Some(log_pin(words).map_err(wrong)?),
                Some(_) => lines.push(pin(&words).map_err(wrong)?),
            }
        }
        Ok(Self { lines, log, key })
    }

    /// With nothing but this.
    #[cfg(test)]
    #[must_use]
    pub fn of_log(log: LogPin) -> Self {
        Self { log: Some(log), ..Self::default() }
    }

    /// What is known of the server's log.
    #[must_use]
    pub const fn log(&self) -> Option<&LogPin> {
        self.log.as_ref()
    }

    /// A key that everything is signed with.
    #[must_use]
    pub const fn key(&self) -> Option<&PinnedKey> {
        self.key.as_ref()
    }

    /// Keys that a computer's journals may have; none where nothing is known of it.
    pub fn keys<'a>(&'a self, id: &'a ComputerId, name: &'a str) -> Vec<&'a PinnedKey> {
        let of_it = self.lines.iter().filter(move |pin| pin.is_of(id.as_str(), name)).map(|pin| &pin.key);
        self.key.iter().chain(of_it).collect()
    }

    /// How far a life went before.
    pub fn reached(&self, id: &ComputerId, name: &str, incarnation: &Incarnation) -> Vec<Reached> {
        let of_it = self.lines.iter().filter(|pin| pin.is_of(id.as_str(), name)).filter_map(|pin| pin.reached.clone());
        of_it.filter(|reached| reached.incarnation == *incarnation).collect()
    }

    /// Lives that were verified before and are not among these: of every computer, or only of those that are.
    pub fn missing<'a>(&'a self, found: &'a [Verified], of_every: bool) -> Vec<&'a Pin> {
        let asked_for = |pin: &&Pin| of_every || found.iter().any(|item| pin.is_of(&item.id, &item.computer));
        // With its computer: another one may say that it has a life of the same id.
        let names =
            |item: &'a Verified| [(item.id.as_str(), item.incarnation.as_str()), (item.computer.as_str(), item.incarnation.as_str())];
        let there: BTreeSet<(&str, &str)> = found.iter().flat_map(names).collect();
        let gone = |pin: &&Pin| {
            pin.reached.as_ref().is_some_and(|reached| !there.contains(&(pin.computer.as_str(), reached.incarnation.as_str())))
        };
        self.lines.iter().filter(gone).filter(asked_for).collect()
    }
}

impl Pin {
    fn is_of(&self, id: &str, name: &str) -> bool {
        self.computer == id || self.computer == name
    }
}

fn pin(words: &[&str]) -> std::result::Result<Pin, String> {
    match *words {
        [computer, key] => Ok(Pin { computer: computer.into(), key: PinnedKey::parse(key)?, reached: None }),
        [computer, key, incarnation, seq, head] => {
            let reached = Reached {
                incarnation: Incarnation::parse(incarnation).map_err(|error| error.to_string())?,
                seq: seq.parse().map_err(|_| format!("'{}' is no number of a record", shown(seq)))?,
                head: Digest::parse(head).map_err(|error| error.to_string())?,
            };
            Ok(Pin { computer: computer.into(), key: PinnedKey::parse(key)?, reached: Some(reached) })
        }
        _ => Err("expected COMPUTER KEY, or COMPUTER KEY LIFE NUMBER HASH".into()),
    }
}

fn log_pin(words: &[&str]) -> std::result::Result<LogPin, String> {
    let number = |text: &str| text.parse().map_err(|_| format!("'{}' is no number", shown(text)));
    match *words {
        [key] => Ok(LogPin { key: PinnedKey::parse(key)?, epoch: 0, size: 0, root: Digest::of(b"") }),
        [key, epoch, size, root] => Ok(LogPin {
            key: PinnedKey::parse(key)?,
            epoch: number(epoch)?,
            size: number(size)?,
            root: Digest::parse(root).map_err(|error| error.to_string())?,
        }),
        _ => Err(format!("expected {LOG} KEY, or {LOG} KEY EPOCH EVENTS ROOT")),
    }
}

impl std::fmt::Display for PinnedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(key) => f.write_str(&String::from((**key).clone())),
            Self::Short(short) => f.write_str(short),
            Self::Fingerprint(fingerprint) => write!(f, "{fingerprint}"),
        }
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.computer, self.key)?;
        match &self.reached {
            Some(reached) => write!(f, " {} {} {}", reached.incarnation, reached.seq, reached.head),
            None => Ok(()),
        }
    }
}

/// Writes what was verified, so that the next time is held against it; with it what is known of computers that were not looked at.
///
/// # Errors
/// When it cannot be written.
pub fn write(file: PathBuf, items: &[Verified], log: Option<&VerifiedLog>, known: &Pins) -> Result<()> {
    let mut whole = WholeFile::begin(file.clone())?;
    let mut text = String::from("# computer key life record hash\n");
    let verified = || items.iter().filter(|item| item.records > 0);
    for item in verified() {
        text.push_str(&format!("{} {} {} {} {}\n", item.id, item.public_key, item.incarnation, item.last, item.head));
    }
    for pin in known.lines.iter().filter(|pin| !verified().any(|item| pin.is_of(&item.id, &item.computer))) {
        text.push_str(&format!("{pin}\n"));
    }
    match (log, &known.log) {
        (Some(log), _) => text.push_str(&format!("{LOG} {} {} {} {}\n", log.public_key, log.epoch, log.events, log.root)),
        (None, Some(LogPin { key, size: 0, .. })) => text.push_str(&format!("{LOG} {key}\n")),
        (None, Some(LogPin { key, epoch, size, root })) => text.push_str(&format!("{LOG} {key} {epoch} {size} {root}\n")),
        (None, None) => {}
    }
    whole.write_all(text.as_bytes()).map_err(|source| io("write", &file, source))?;
    whole.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_core::document::Key;

    #[test]
    fn a_key_is_known_by_each_of_its_forms_and_no_other_is() {
        let key = Key::from_seed(&[4; 32]).public();
        let other = Key::from_seed(&[5; 32]).public();
        for form in [String::from(key.clone()), key.id(), key.id().to_uppercase(), key.fingerprint().to_string()] {
            let pinned = PinnedKey::parse(&form).unwrap();
            assert!(pinned.is(&key) && !pinned.is(&other), "{form}");
        }
        for wrong in ["", "abcd", "sha256:00", &"g".repeat(32)] {
            assert!(PinnedKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pins");
        std::fs::write(&file, "# by telephone\n\nweb-1 00112233445566778899aabbccddeeff # the first\nweb-2\n").unwrap();
        let error = Pins::read(Some(&file), None).unwrap_err().to_string();
        assert!(error.contains("pins:4: expected COMPUTER KEY"), "{error}");
    }
}
