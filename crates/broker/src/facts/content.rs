//! Content of a file: its digests, kept only for files that are root's alone, and the memory that copies of others may take up.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};

use brevet_core::digest::Digest;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::shares::Shares;

/// The most digests kept.
const MOST: usize = 4096;
/// The largest file that is copied into memory to run from there.
pub const MOST_COPIED: u64 = 64 << 20;

/// The most that copies take up together while their programs are started.
const MOST_IN_MEMORY: u64 = 256 << 20;
/// What copies take up while their programs are started: a user's share has room for the largest (ATTACKS I05).
pub fn memory() -> Arc<Shares> {
    Shares::new(MOST_IN_MEMORY, MOST_COPIED, 0)
}

/// What a file's content is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// SHA-256.
    pub sha256: Digest,
    /// MD5, which is all that dpkg has; never a ground to allow alone.
    pub md5: [u8; 16],
    /// How long it is, in bytes.
    pub size: u64,
}

/// A file's identity and last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of a file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Digests of files that are root's alone.
#[derive(Debug, Default)]
pub struct Contents {
    kept: Mutex<HashMap<Stamp, Content>>,
}

impl Contents {
    /// The content of a file that only root can change. The stamp is taken before and after.
    ///
    /// # Errors
    /// When the file cannot be read, or changes while it is.
    pub fn of_roots(&self, file: &mut File) -> io::Result<(Content, Stamp)> {
        let stamp = Stamp::of(&file.metadata()?);
        if let Ok(kept) = self.kept.lock()
            && let Some(content) = kept.get(&stamp)
        {
            return Ok((*content, stamp));
        }
        let content = read(file, u64::MAX)?;
        if Stamp::of(&file.metadata()?) != stamp {
            return Err(io::Error::other("it changed while it was read"));
        }
        if let Ok(mut kept) = self.kept.lock() {
            if kept.len() >= MOST {
                kept.clear();
            }
            kept.insert(stamp, content);
        }
        Ok((content, stamp))
    }
}

/// Reads and digests a whole file of at most so many bytes.
///
/// # Errors
/// When it cannot be read, or is longer.
pub fn read(file: &mut File, most: u64) -> io::Result<Content> {
    let mut sha256 = Sha256::new();
    let mut md5 = Md5::new();
    let mut buffer = vec![0u8; 256 * 1024];
    let mut size: u64 = 0;
    file.rewind()?;
    loop {
        let length = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { break };
        sha256.update(part);
        md5.update(part);
        size = size.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if size > most {
            return Err(io::Error::other("it grew while it was read"));
        }
    }
    file.rewind()?;
    Ok(Content { sha256: Digest::from_bytes(sha256.finalize().into()), md5: md5.finalize().into(), size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn digests_are_those_of_the_content_and_follow_a_change() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let contents = Contents::default();
        let (first, _) = contents.of_roots(&mut file).unwrap();
        assert_eq!(first.sha256, Digest::of(b"abc"));
        assert_eq!(first.md5[..4], [0x90, 0x01, 0x50, 0x98]);
        file.write_all(b"abd").unwrap();
        assert_ne!(contents.of_roots(&mut file).unwrap().0.sha256, first.sha256);
    }
}
