//! The journal's last records in memory, for `brevetd`: so many, and so many bytes of them. Older ones are read from disk.

use std::collections::VecDeque;

use brevet_core::journal::Record;

/// Records that are kept at most.
const MOST: usize = 512;
/// Bytes of them: two batches.
const MOST_BYTES: usize = 2 << 20;

/// See the module. INVARIANT: without gaps, the newest last.
#[derive(Debug, Default)]
pub(super) struct Tail {
    records: VecDeque<(u64, Record)>,
    bytes: usize,
}

impl Tail {
    pub(super) fn push(&mut self, seq: u64, record: Record) {
        self.bytes = self.bytes.saturating_add(size(&record));
        self.records.push_back((seq, record));
        while self.records.len() > MOST || self.bytes > MOST_BYTES {
            self.pop();
        }
    }

    /// Lets go of records before this one.
    pub(super) fn forget_before(&mut self, seq: u64) {
        while self.first().is_some_and(|first| first < seq) {
            self.pop();
        }
        self.records.shrink_to(64);
    }

    /// The number of the oldest.
    pub(super) fn first(&self) -> Option<u64> {
        self.records.front().map(|(first, _)| *first)
    }

    /// From the oldest on.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(u64, Record)> {
        self.records.iter()
    }

    fn pop(&mut self) {
        if let Some((_, record)) = self.records.pop_front() {
            self.bytes = self.bytes.saturating_sub(size(&record));
        }
    }
}

/// What a record takes up in a batch, nearly.
pub(super) fn size(record: &Record) -> usize {
    record.header.len().saturating_add(record.body.as_ref().map_or(0, String::len)).saturating_add(256)
}
