//! One file of the journal: `NNNNNNNNNNNNNNNNNNNN.jsonl`, named by its first record's number.
//!
//! Behind its records it may have room, zero bytes that are on disk already: writing over them leaves the file's length and
//! extents alone, so that a sync need not wait for the file system's own journal. A record never has a zero byte.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use brevet_core::journal::{Chain, Header, MAX_SNAPSHOT, Record};
use brevet_core::record::Body;

use super::{Damage, JournalError, MOST_AT_ONCE, file_error};

/// The longest line that is read: a body, escaped once more, and its header.
const MAX_LINE: usize = 2 * MAX_SNAPSHOT + 64 * 1024;
/// With less room than this, more is made.
const LITTLE_ROOM: u64 = 64 << 10;
/// How much room is made.
const ROOM: u64 = 128 << 10;

pub(super) fn list(directory: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let entries = std::fs::read_dir(directory).map_err(|source| file_error("list", directory, source))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| file_error("list", directory, source))?.path();
        if first_of(&path).is_some() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The number that a segment's name says.
pub(super) fn first_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}

pub(super) fn create(directory: &Path, first: u64) -> Result<PathBuf, JournalError> {
    let path = directory.join(format!("{first:020}.jsonl"));
    let made = File::options().create(true).append(true).mode(0o600).open(&path);
    made.and_then(|file| file.sync_all()).map_err(|source| file_error("make", &path, source))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|source| file_error("sync", directory, source))?;
    Ok(path)
}

pub(super) fn open_to_write(path: &Path) -> Result<File, JournalError> {
    File::options().write(true).open(path).map_err(|source| file_error("open", path, source))
}

/// Makes room behind the records of `whole` bytes, if there is little.
pub(super) fn make_room(file: &File, whole: u64) -> io::Result<()> {
    let length = file.metadata()?.len().max(whole);
    if length.saturating_sub(whole) >= LITTLE_ROOM {
        return Ok(());
    }
    let zeros = vec![0; usize::try_from(ROOM).unwrap_or(0)];
    file.write_all_at(&zeros, length)?;
    file.sync_data()
}

/// Takes the room away.
pub(super) fn end_at(file: &File, whole: u64) -> io::Result<()> {
    file.set_len(whole)?;
    file.sync_all()
}

/// What reading a segment found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// How long its records are.
    pub whole: u64,
    /// Bytes of a torn end that were cut.
    pub torn: u64,
}

/// Reads and verifies a segment. `oldest`: it may begin with a snapshot instead of record 1. `newest`: its end may be torn,
/// which is cut.
pub(super) fn read(
    path: &Path,
    chain: &mut Chain,
    oldest: bool,
    newest: bool,
    take: &mut dyn FnMut(&Header, Option<&Body>, Record),
) -> Result<Found, JournalError> {
    let file = File::open(path).map_err(|source| file_error("open", path, source))?;
    let mut reader = BufReader::new(file);
    let mut whole: u64 = 0;
    let mut number: usize = 0;
    loop {
        let line = next_line(&mut reader).map_err(|source| file_error("read", path, source))?;
        number = number.saturating_add(1);
        let damaged = |source: Damage| JournalError::Damaged { path: path.to_owned(), line: number, source };
        let Some(record) = line.strip_suffix(b"\n").filter(|line| !line.contains(&0)) else {
            let rest = rest_of(line, &mut reader).map_err(|source| file_error("read", path, source))?;
            if rest.is_empty() {
                return Ok(Found { whole, torn: 0 });
            }
            if !newest {
                return Err(damaged(Damage::Unreadable("the line has no end".to_owned())));
            }
            // WHY: one append is torn at most, and has no more records than that; what lies further on had been synced after it.
            if let Some(seq) = last_whole(&rest).filter(|seq| *seq > chain.seq.saturating_add(MOST_AT_ONCE)) {
                return Err(damaged(Damage::Unreadable(format!("bytes are missing before record {seq}"))));
            }
            cut(path, whole).map_err(|source| file_error("repair", path, source))?;
            return Ok(Found { whole, torn: u64::try_from(rest.len()).unwrap_or(u64::MAX) });
        };
        let record: Record = serde_json::from_slice(record).map_err(|error| damaged(Damage::Unreadable(error.to_string())))?;
        if oldest && number == 1 {
            begin(chain, &record).map_err(damaged)?;
        }
        let header = chain.follow(&record).map_err(|error| damaged(error.into()))?;
        let body = match &record.body {
            Some(json) => {
                Body::parse(&header.kind, json).map_err(|error| damaged(Damage::Body { seq: header.seq, reason: error.to_string() }))?
            }
            None => None,
        };
        take(&header, body.as_ref(), record);
        whole = whole.saturating_add(u64::try_from(line.len()).unwrap_or(0));
    }
}

/// What follows the last whole record, without the room at the end.
fn rest_of(line: Vec<u8>, reader: &mut BufReader<File>) -> io::Result<Vec<u8>> {
    let mut rest = line;
    reader.read_to_end(&mut rest)?;
    let length = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    rest.truncate(length);
    Ok(rest)
}

/// The highest number of a whole record in what may be torn.
fn last_whole(rest: &[u8]) -> Option<u64> {
    let records = rest.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Record>(line).ok());
    records.filter_map(|record| record.parse_header().ok()).map(|header| header.seq).max()
}

fn next_line(reader: &mut BufReader<File>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    io::Read::take(&mut *reader, most).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// The oldest segment kept may begin later than record 1, if it begins with the state of everything before.
fn begin(chain: &mut Chain, record: &Record) -> Result<(), Damage> {
    let header = record.parse_header().map_err(|error| Damage::Unreadable(error.to_string()))?;
    if header.seq == 1 {
        return Ok(());
    }
    if header.kind != "state.snapshot" || header.seq == 0 {
        return Err(Damage::Beginning);
    }
    chain.seq = header.seq.saturating_sub(1);
    chain.head = header.prev;
    Ok(())
}

fn cut(path: &Path, whole: u64) -> io::Result<()> {
    end_at(&File::options().write(true).open(path)?, whole)
}

pub(super) fn trim(directory: &Path, seq: u64) -> Result<usize, JournalError> {
    let segments = list(directory)?;
    let mut removed: usize = 0;
    for (path, next) in segments.iter().zip(segments.iter().skip(1)) {
        // A later segment that lost its snapshot to a torn end cannot be the beginning.
        if first_of(next).is_some_and(|first| first <= seq) && begins_with_snapshot(next) {
            std::fs::remove_file(path).map_err(|source| file_error("remove", path, source))?;
            removed = removed.saturating_add(1);
        } else {
            break;
        }
    }
    Ok(removed)
}

fn begins_with_snapshot(path: &Path) -> bool {
    let first = || -> Option<Header> {
        let line = next_line(&mut BufReader::new(File::open(path).ok()?)).ok()?;
        serde_json::from_slice::<Record>(&line).ok()?.parse_header().ok()
    };
    first().is_some_and(|header| header.kind == "state.snapshot")
}
