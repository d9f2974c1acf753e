//! The journal on disk: segments of one record a line, written and synced before anything elevated starts.
//!
//! Opening verifies the whole chain. A torn end (of the last write, which may lack any part) is cut and reported; any other damage is an
//! error: a journal is never patched. After a failed sync nothing is appended any more.

mod batch;
mod segment;
mod tail;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use brevet_core::document::Key;
use brevet_core::journal::{Chain, ChainError, Header, MAX_BODY, MAX_SNAPSHOT, Record};
use brevet_core::record::{Body, SCHEMA};
use brevet_core::space::Space;
use brevet_core::time::Now;

use crate::{fault, random};
use tail::Tail;

/// A segment longer than this is followed by another.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Records that are written and synced in one go at most.
const MOST_AT_ONCE: u64 = 16;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file could not be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// The step.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something was changed, removed or put in.
    #[error(
        "the journal is damaged at {path}, line {line}: nothing was started; keep a copy of the directory for inspection, then enrol this computer anew, which begins another journal"
    )]
    Damaged {
        /// Which segment.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: Damage,
    },
    /// A record has no form or is too long.
    #[error("a record of kind {kind} cannot be written: {reason}")]
    Record {
        /// Its kind.
        kind: &'static str,
        /// Why.
        reason: String,
    },
    /// No salt.
    #[error(transparent)]
    Random(#[from] random::RandomError),
    /// An earlier write failed; what is on disk is not known.
    #[error("an earlier write to the journal failed: nothing can be started until the broker starts anew")]
    Broken,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Not a record.
    #[error("not a record: {0}")]
    Unreadable(String),
    /// A record that does not continue the chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The first record kept is no snapshot.
    #[error("the first record is neither number 1 nor a snapshot of the state")]
    Beginning,
    /// A body is not what its kind says.
    #[error("record {seq}: {reason}")]
    Body {
        /// Which.
        seq: u64,
        /// Why.
        reason: String,
    },
}

/// The open journal.
pub struct Journal {
    directory: PathBuf,
    file: File,
    segment: PathBuf,
    bytes: u64,
    chain: Chain,
    key: Key,
    tail: Tail,
    broken: bool,
}

/// What opening found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of a torn end that were cut.
    pub torn_bytes: Option<u64>,
}

impl Journal {
    /// Opens and verifies every segment; each record goes to `each` in order.
    ///
    /// # Errors
    /// When a file cannot be read, or anything but the torn end is damaged.
    pub fn open(
        directory: &Path,
        start: Chain,
        key: Key,
        each: &mut dyn FnMut(&Header, Option<&Body>),
    ) -> Result<(Self, Opened), JournalError> {
        std::fs::create_dir_all(directory).map_err(|source| file_error("make", directory, source))?;
        let mut segments = segment::list(directory)?;
        if segments.is_empty() {
            segments.push(segment::create(directory, 1)?);
        }
        let mut chain = start;
        let mut tail = Tail::default();
        let mut opened = Opened::default();
        let last = segments.len().saturating_sub(1);
        let mut bytes = 0;
        for (index, path) in segments.iter().enumerate() {
            let mut take = |header: &Header, body: Option<&Body>, record: Record| {
                each(header, body);
                tail.push(header.seq, record);
            };
            let found = segment::read(path, &mut chain, index == 0, index == last, &mut take)?;
            if found.torn > 0 {
                opened.torn_bytes = Some(found.torn);
            }
            bytes = found.whole;
        }
        let segment = segments.pop().unwrap_or_default();
        let file = segment::open_to_write(&segment)?;
        Ok((Self { directory: directory.to_owned(), file, segment, bytes, chain, key, tail, broken: false }, opened))
    }

    /// Where the chain stands.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The key that signs heads.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Appends records and syncs them to disk: all are durable when this returns.
    ///
    /// # Errors
    /// When they are not; after a failed write nothing more is accepted.
    pub fn append(&mut self, now: &Now, bodies: &[Body]) -> Result<Vec<Header>, JournalError> {
        let mut headers = Vec::with_capacity(bodies.len());
        for some in bodies.chunks(usize::try_from(MOST_AT_ONCE).unwrap_or(1)) {
            headers.extend(self.append_at_once(now, some)?);
        }
        Ok(headers)
    }

    fn append_at_once(&mut self, now: &Now, bodies: &[Body]) -> Result<Vec<Header>, JournalError> {
        if self.broken {
            return Err(JournalError::Broken);
        }
        let mut chain = self.chain.clone();
        let mut lines = Vec::new();
        let mut records = Vec::new();
        for body in bodies {
            let (header, record) = seal(&chain, now, body)?;
            chain.seq = header.seq;
            chain.head = record.hash();
            serde_json::to_writer(&mut lines, &record).map_err(|error| record_error(body, error))?;
            lines.push(b'\n');
            records.push((header, record));
        }
        self.write(&lines, bodies)?;
        self.chain = chain;
        let mut headers = Vec::with_capacity(records.len());
        for (header, record) in records {
            self.tail.push(header.seq, record);
            headers.push(header);
        }
        Ok(headers)
    }

    /// Records before `seq` are not wanted soon: they stay on disk only.
    pub fn forget_before(&mut self, seq: u64) {
        self.tail.forget_before(seq);
    }

    /// Refuses everything from here on.
    pub fn stop(&mut self) {
        self.broken = true;
    }

    fn write(&mut self, lines: &[u8], bodies: &[Body]) -> Result<(), JournalError> {
        // WHY: a write or sync that failed leaves unknown bytes, and a second sync may lie; only a fresh start looks again.
        self.broken = true;
        if let Err(source) = self.file.write_all_at(lines, self.bytes) {
            // A disk that was full leaves nothing unknown once what was written is cut off again: when there is room, it goes on.
            let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            self.broken = !(full && segment::end_at(&self.file, self.bytes).is_ok());
            return Err(file_error("write to", &self.segment, source));
        }
        points("journal.written", bodies);
        self.file.sync_data().map_err(|source| file_error("sync", &self.segment, source))?;
        points("journal.synced", bodies);
        self.broken = false;
        self.bytes = self.bytes.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Makes room behind the last record where there is little, so that the next syncs have less to do. To be called when
    /// nobody waits; where it fails, records are written all the same.
    pub fn make_room(&self) {
        if !self.broken {
            drop(segment::make_room(&self.file, self.bytes));
        }
    }

    /// Room where the journal is; `None` where the file system does not say.
    #[must_use]
    pub fn space(&self) -> Option<Space> {
        brevet_sys::space::of(&self.directory).ok().map(|(total, available)| Space { total, available })
    }

    /// Leaves the file as it is read by others, without room, and accepts nothing more.
    pub fn close(&mut self) {
        if !self.broken {
            drop(segment::end_at(&self.file, self.bytes));
        }
        self.broken = true;
    }

    /// Whether the present segment is long enough for another.
    #[must_use]
    pub const fn wants_rotation(&self) -> bool {
        self.bytes > SEGMENT_BYTES
    }

    /// Whether it is so long that another should not wait.
    #[must_use]
    pub const fn needs_rotation(&self) -> bool {
        self.bytes > 2 * SEGMENT_BYTES
    }

    /// Bytes in the present segment.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.bytes
    }

    /// Begins another segment with a snapshot of the state after every record so far. A state that is too large for a
    /// record leaves the present segment in use.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn rotate(&mut self, now: &Now, snapshot: serde_json::Value) -> Result<Option<Header>, JournalError> {
        if self.broken {
            return Err(JournalError::Broken);
        }
        if serde_json::to_vec(&snapshot).map_or(usize::MAX, |bytes| bytes.len()) > MAX_SNAPSHOT {
            return Ok(None);
        }
        let path = segment::create(&self.directory, self.chain.seq.saturating_add(1))?;
        let file = segment::open_to_write(&path)?;
        // Room that stays behind the old segment's records does no harm.
        drop(segment::end_at(&self.file, self.bytes));
        self.file = file;
        self.segment = path;
        self.bytes = 0;
        let headers = self.append(now, &[Body::StateSnapshot(snapshot)])?;
        Ok(headers.into_iter().next())
    }

    /// Removes segments whose every record is older than `seq`, as long as a later segment begins with a snapshot.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn trim_before(&mut self, seq: u64) -> Result<usize, JournalError> {
        segment::trim(&self.directory, seq)
    }
}

fn seal(chain: &Chain, now: &Now, body: &Body) -> Result<(Header, Record), JournalError> {
    let header = Header {
        computer: chain.computer.clone(),
        incarnation: chain.incarnation.clone(),
        seq: chain.seq.saturating_add(1),
        prev: chain.head,
        time: now.wall,
        boot: now.boot.boot.clone(),
        boottime: now.boot.millis,
        kind: body.kind().to_owned(),
        schema: SCHEMA,
    };
    let record = Record::seal(&header, &random::bytes::<32>()?, body).map_err(|error| record_error(body, error))?;
    let most = if matches!(body, Body::StateSnapshot(_)) { MAX_SNAPSHOT } else { MAX_BODY };
    if record.body.as_ref().is_none_or(|body| body.len() > most) {
        return Err(JournalError::Record { kind: body.kind(), reason: format!("longer than {most} bytes") });
    }
    Ok((header, record))
}

fn points(name: &str, bodies: &[Body]) {
    bodies.iter().for_each(|body| fault::point_of(name, body.kind()));
}

fn record_error(body: &Body, error: serde_json::Error) -> JournalError {
    JournalError::Record { kind: body.kind(), reason: error.to_string() }
}

fn file_error(doing: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError::File { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_core::id::{ComputerId, Incarnation};
    use brevet_core::record::JournalRepaired;
    use brevet_core::time::{BootTime, Timestamp};

    fn open(directory: &Path) -> Result<(Journal, Opened, Vec<u64>), JournalError> {
        let start = Chain::new(ComputerId::new(1, [1; 10]), Incarnation::new(1, [2; 10]));
        let mut seen = Vec::new();
        let (journal, opened) = Journal::open(directory, start, Key::from_seed(&[3; 32]), &mut |header, _| seen.push(header.seq))?;
        Ok((journal, opened, seen))
    }

    fn now() -> Now {
        Now { wall: Timestamp::from_millis(1_000), boot: BootTime { boot: "b".into(), millis: 5 } }
    }

    fn append(journal: &mut Journal, count: u64) {
        for bytes in 0..count {
            journal.append(&now(), &[Body::JournalRepaired(JournalRepaired { bytes })]).unwrap();
        }
    }

    #[test]
    fn what_was_appended_is_there_again_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 3);
        let head = journal.chain().clone();
        drop(journal);
        let (mut journal, opened, seen) = open(dir.path()).unwrap();
        assert_eq!((journal.chain(), opened, seen), (&head, Opened::default(), vec![1, 2, 3]));
        append(&mut journal, 1);
        assert_eq!(journal.chain().seq, 4);
    }

    #[test]
    fn a_trimmed_journal_begins_with_its_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 3);
        journal.rotate(&now(), serde_json::json!({"a": 1})).unwrap().unwrap();
        append(&mut journal, 2);
        assert_eq!(journal.trim_before(3).unwrap(), 0, "the snapshot itself is not acknowledged yet");
        assert_eq!(journal.trim_before(4).unwrap(), 1);
        let chain = journal.chain().clone();
        drop(journal);
        let (journal, _, seen) = open(dir.path()).unwrap();
        assert_eq!((journal.chain(), seen), (&chain, vec![4, 5, 6]));
        assert_eq!(journal.batch_after(0).unwrap().unwrap().records.len(), 3, "what is left of what the server lacks");
    }

    #[test]
    fn batches_follow_one_another_also_from_disk_and_are_signed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 600);
        let mut chain = Chain::new(ComputerId::new(1, [1; 10]), Incarnation::new(1, [2; 10]));
        while let Some(batch) = journal.batch_after(chain.seq).unwrap() {
            for record in &batch.records {
                chain.follow(record).unwrap();
            }
            assert!(batch.head.verifies(&journal.key().public()) && batch.head.chain == chain);
        }
        assert_eq!(&chain, journal.chain());
        assert_eq!(journal.hash_at(600).unwrap(), Some(chain.head));
        assert!(journal.hash_at(1).unwrap().is_some() && journal.hash_at(601).unwrap().is_none());
    }

    #[test]
    fn long_records_are_read_from_disk_and_come_in_batches_of_bounded_size() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        let refused = |letter: &str| {
            Body::LaunchRefused(brevet_core::record::LaunchRefused {
                user: brevet_core::user::User { uid: 1, name: "a".into() },
                arguments: vec![letter.repeat(300_000).as_str().into()],
                directory: None,
                application: None,
                code: "c".into(),
                reason: "r".into(),
                policy: None,
            })
        };
        for _ in 0..20 {
            journal.append(&now(), &[refused("a")]).unwrap();
        }
        let size = |records: &mut dyn Iterator<Item = &Record>| records.map(tail::size).sum::<usize>();
        let kept = size(&mut journal.tail.iter().map(|(_, record)| record));
        assert!((1..=2 << 20).contains(&kept), "{kept} bytes are kept in memory");
        let mut chain = Chain::new(ComputerId::new(1, [1; 10]), Incarnation::new(1, [2; 10]));
        while let Some(batch) = journal.batch_after(chain.seq).unwrap() {
            assert!(size(&mut batch.records.iter()) <= 1 << 20);
            batch.records.iter().for_each(|record| drop(chain.follow(record).unwrap()));
        }
        assert_eq!(&chain, journal.chain());
        assert!(journal.hash_at(3).unwrap().is_some() && journal.read_again() < 20, "no more is read than a batch may have");
    }

    #[test]
    fn room_behind_the_records_is_written_over_and_none_is_left_by_a_clean_end() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 2);
        journal.make_room();
        let path = dir.path().join(format!("{:020}.jsonl", 1));
        let length = std::fs::metadata(&path).unwrap().len();
        append(&mut journal, 3);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), length, "no longer than before");
        assert!(length > journal.bytes);
        drop(journal);
        let (mut journal, opened, seen) = open(dir.path()).unwrap();
        assert_eq!((opened, seen), (Opened::default(), vec![1, 2, 3, 4, 5]));
        append(&mut journal, 1);
        assert_eq!(journal.read_again(), 6);
        journal.close();
        assert!(matches!(journal.append(&now(), &[Body::JournalRepaired(JournalRepaired { bytes: 1 })]), Err(JournalError::Broken)));
        assert!(!std::fs::read(&path).unwrap().contains(&0));
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 1);
        journal.make_room();
        journal.rotate(&now(), serde_json::json!({"a": 1})).unwrap().unwrap();
        assert!(!std::fs::read(&path).unwrap().contains(&0), "the old segment has none");
    }

    #[test]
    fn whichever_part_of_the_last_write_is_missing_it_is_cut_and_nothing_that_was_synced_is() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 2);
        journal.make_room();
        let synced = usize::try_from(journal.bytes).unwrap();
        let bodies: Vec<Body> = (0..3).map(|bytes| Body::JournalRepaired(JournalRepaired { bytes })).collect();
        journal.append(&now(), &bodies).unwrap();
        let end = usize::try_from(journal.bytes).unwrap();
        drop(journal);
        let path = dir.path().join(format!("{:020}.jsonl", 1));
        let whole = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = (synced..end).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
        for hole in (synced..end).step_by(7) {
            let mut torn = whole.clone();
            torn[hole..(hole + 40).min(end)].fill(0);
            std::fs::write(&path, &torn).unwrap();
            let kept = ends.iter().filter(|end| **end <= hole).count();
            let (_, opened, seen) = open(dir.path()).unwrap();
            assert!(opened.torn_bytes.is_some(), "{hole}");
            assert_eq!(seen.len(), 2 + kept, "{hole}");
        }
        // A hole with many records behind it is no torn write: those records had been synced after it.
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 40);
        drop(journal);
        let mut holed = std::fs::read(&path).unwrap();
        holed[synced - 40..synced - 20].fill(0);
        std::fs::write(&path, &holed).unwrap();
        assert!(matches!(open(dir.path()), Err(JournalError::Damaged { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), holed, "nothing was changed");
    }

    #[test]
    fn many_records_at_once_are_written_in_several_goes_and_all_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        let bodies: Vec<Body> = (0..50).map(|bytes| Body::JournalRepaired(JournalRepaired { bytes })).collect();
        assert_eq!(journal.append(&now(), &bodies).unwrap().len(), 50);
        drop(journal);
        assert_eq!(open(dir.path()).unwrap().2.len(), 50);
    }

    #[test]
    fn a_torn_end_is_cut_wherever_it_is_torn_and_a_whole_wrong_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path()).unwrap();
        append(&mut journal, 2);
        drop(journal);
        let path = dir.path().join(format!("{:020}.jsonl", 1));
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        for length in first + 1..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (_, opened, seen) = open(dir.path()).unwrap();
            assert_eq!((opened.torn_bytes, seen), (Some(u64::try_from(length - first).unwrap()), vec![1]));
            assert_eq!(std::fs::read(&path).unwrap(), whole[..first]);
        }
        // The last record's own header is vouched for by what follows it, or by the server's acknowledgement.
        for byte in (0..first - 1).step_by(3) {
            let mut changed = whole.clone();
            changed[byte] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(matches!(open(dir.path()), Err(JournalError::Damaged { .. })), "byte {byte}");
        }
    }
}
