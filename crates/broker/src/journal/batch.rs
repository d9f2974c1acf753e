//! What the server lacks: the next records with the signed head after them, and hashes to hold acknowledgements against.

use std::fs::File;
use std::io::{BufRead as _, BufReader};

use brevet_api::link::Batch;
use brevet_core::digest::Digest;
use brevet_core::journal::{Chain, Record, SignedHead};

use super::tail::size;
use super::{Journal, JournalError, file_error, segment};

const MOST_RECORDS: usize = 256;
const MOST_BYTES: usize = 1 << 20;

impl Journal {
    /// The records after this one, in order, as far as one batch goes; `None` when there are none. Where older ones were
    /// trimmed, it begins with the oldest that is kept.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn batch_after(&self, seq: u64) -> Result<Option<Batch>, JournalError> {
        if seq >= self.chain.seq {
            return Ok(None);
        }
        let records = match self.tail.first() {
            Some(first) if first <= seq.saturating_add(1) => {
                take_batch(self.tail.iter().filter(|(number, _)| *number > seq).map(|(number, record)| (*number, record.clone())))
            }
            _ => take_batch(self.read_after(seq, MOST_RECORDS)?.into_iter()),
        };
        let Some((last, record)) = records.last() else { return Ok(None) };
        let chain = Chain { seq: *last, head: record.hash(), ..self.chain.clone() };
        let head = SignedHead::sign(&chain, &self.key);
        Ok(Some(Batch { records: records.into_iter().map(|(_, record)| record).collect(), head }))
    }

    /// The hash of a record that is still kept.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn hash_at(&self, seq: u64) -> Result<Option<Digest>, JournalError> {
        if seq == self.chain.seq {
            return Ok(Some(self.chain.head));
        }
        if let Some((_, record)) = self.tail.iter().find(|(number, _)| *number == seq) {
            return Ok(Some(record.hash()));
        }
        let before = seq.saturating_sub(1);
        Ok(self.read_after(before, 1)?.first().filter(|(number, _)| *number == seq).map(|(_, record)| record.hash()))
    }

    /// As many as asked for, and no more bytes than a batch may have.
    fn read_after(&self, seq: u64, most: usize) -> Result<Vec<(u64, Record)>, JournalError> {
        let segments = segment::list(&self.directory)?;
        // The last segment that begins at or before the wanted record, and those after it.
        let wanted = seq.saturating_add(1);
        let skip = segments.iter().filter(|path| segment::first_of(path).is_some_and(|first| first <= wanted)).count();
        let mut found = Vec::new();
        let mut bytes: usize = 0;
        for path in segments.iter().skip(skip.saturating_sub(1)) {
            let file = File::open(path).map_err(|source| file_error("open", path, source))?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(|source| file_error("read", path, source))?;
                let Ok(record) = serde_json::from_slice::<Record>(&line) else { continue };
                let Ok(header) = record.parse_header() else { continue };
                if header.seq > seq && header.seq <= self.chain.seq {
                    bytes = bytes.saturating_add(size(&record));
                    found.push((header.seq, record));
                }
                if found.len() >= most || bytes > MOST_BYTES {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
impl Journal {
    /// How many records are read from disk.
    pub(super) fn read_again(&self) -> usize {
        self.read_after(0, MOST_RECORDS).unwrap().len()
    }
}

fn take_batch(records: impl Iterator<Item = (u64, Record)>) -> Vec<(u64, Record)> {
    let mut bytes: usize = 0;
    let mut taken = Vec::new();
    for (number, record) in records.take(MOST_RECORDS) {
        bytes = bytes.saturating_add(size(&record));
        if bytes > MOST_BYTES && !taken.is_empty() {
            break;
        }
        taken.push((number, record));
    }
    taken
}
