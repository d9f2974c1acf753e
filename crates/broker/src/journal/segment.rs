//! One file of the journal: `NNNNNNNNNNNNNNNNNNNN.jsonl`, named by its first record's number.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use brevet_core::journal::{Chain, Header, MAX_SNAPSHOT, Record};
use brevet_core::record::Body;

use super::{Damage, JournalError, file_error};

/// The longest line that is read: a body, escaped once more, and its header.
const MAX_LINE: usize = 2 * MAX_SNAPSHOT + 64 * 1024;

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

pub(super) fn open_to_append(path: &Path) -> Result<(File, u64), JournalError> {
    let open = || -> io::Result<(File, u64)> {
        let file = File::options().append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok((file, bytes))
    };
    open().map_err(|source| file_error("open", path, source))
}

/// Reads and verifies a segment. `oldest`: it may begin with a snapshot instead of record 1. `newest`: its end may be torn,
/// which is cut; answers how many bytes were.
pub(super) fn read(
    path: &Path,
    chain: &mut Chain,
    oldest: bool,
    newest: bool,
    take: &mut dyn FnMut(&Header, Option<&Body>, Record),
) -> Result<u64, JournalError> {
    let file = File::open(path).map_err(|source| file_error("open", path, source))?;
    let mut reader = BufReader::new(file);
    let mut whole: u64 = 0;
    let mut number: usize = 0;
    loop {
        let line = next_line(&mut reader).map_err(|source| file_error("read", path, source))?;
        number = number.saturating_add(1);
        let damaged = |source: Damage| JournalError::Damaged { path: path.to_owned(), line: number, source };
        let Some(record) = line.strip_suffix(b"\n") else {
            if line.is_empty() {
                return Ok(0);
            }
            if !newest {
                return Err(damaged(Damage::Unreadable("the line has no end".to_owned())));
            }
            return cut(path, whole, &reader).map_err(|source| file_error("repair", path, source));
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

fn cut(path: &Path, whole: u64, reader: &BufReader<File>) -> io::Result<u64> {
    let torn = reader.get_ref().metadata()?.len().saturating_sub(whole);
    let file = File::options().write(true).open(path)?;
    file.set_len(whole)?;
    file.sync_all()?;
    Ok(torn)
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
