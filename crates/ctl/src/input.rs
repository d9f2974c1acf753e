//! Reading files that somebody named: never more than what such a file may have, and what a folder has in it never without an end.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The most that a configuration, a token or another small file has, in bytes.
pub const SMALL: u64 = 1 << 20;
/// Larger than any file of definitions that the server would take.
pub const LARGE: u64 = 16 << 20;

/// A file that a person named: also a pipe, as in `<(command)`.
///
/// # Errors
/// When it cannot be read, is larger than `most` bytes, or is not UTF-8.
pub fn named(path: &Path, most: u64) -> Result<String> {
    text(bounded(File::open(path)?, most)?)
}

/// A file that was found in a folder: only a regular one, since nobody may ever write to a pipe that lies about, and a device has no end.
///
/// # Errors
/// As `named`, and when it is something else.
pub fn found(path: &Path, most: u64) -> Result<String> {
    text(found_bytes(path, most)?)
}

/// The same as bytes.
///
/// # Errors
/// As `found`, but for UTF-8.
pub fn found_bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    // Opening a pipe would wait for its writer.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    bounded(file, most)
}

/// Standard input.
///
/// # Errors
/// As `named`.
pub fn standard(most: u64) -> Result<String> {
    text(bounded(std::io::stdin(), most)?)
}

/// Whether it is the file that is wrong, not the reading of it.
#[must_use]
pub fn is_unfit(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::FileTooLarge | ErrorKind::InvalidData)
}

fn bounded(from: impl std::io::Read, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        Error::new(ErrorKind::InvalidData, NotText { line })
    })
}

/// A text that is none.
#[derive(Debug, thiserror::Error)]
#[error("it is not UTF-8: line {line} has a byte that is no character in it")]
struct NotText {
    line: usize,
}

/// The line that an error is on, where it has one.
#[must_use]
pub fn line_of(error: &Error) -> Option<usize> {
    error.get_ref()?.downcast_ref::<NotText>().map(|it| it.line)
}
