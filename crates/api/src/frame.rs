//! Length-prefixed frames on unix sockets: `u32 big-endian length of what follows ‖ u8 kind ‖ payload`.
//!
//! The length is checked against the reader's limit before anything is allocated.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};

/// A control message: JSON.
pub const CONTROL: u8 = 0;
/// Bytes of the session's terminal, in either direction.
pub const TERMINAL: u8 = 1;

/// Largest frame between a client and the broker or a supervisor.
pub const MAX_CLIENT: usize = 1 << 20;
/// Largest frame between `brevetd` and the broker.
pub const MAX_LINK: usize = 4 << 20;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// `CONTROL` or `TERMINAL`.
    pub kind: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed between two frames.
    #[error("the connection was closed")]
    Closed,
    /// Longer than the limit, or without even a kind.
    #[error("a frame of {length} bytes, allowed are 1 to {limit}")]
    Length {
        /// As announced.
        length: usize,
        /// As allowed here.
        limit: usize,
    },
    /// Not what was expected.
    #[error("an unexpected frame: {0}")]
    Content(String),
    /// Reading or writing failed, or its time was up.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// The bytes of a frame.
///
/// # Errors
/// When the payload is over 4 GiB.
pub fn encode(kind: u8, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let length = payload.len().saturating_add(1);
    let prefix = u32::try_from(length).map_err(|_| FrameError::Length { length, limit: u32::MAX as usize })?;
    let mut out = Vec::with_capacity(length.saturating_add(4));
    out.extend_from_slice(&prefix.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
    Ok(out)
}

/// The bytes of a control frame.
///
/// # Errors
/// When the message has no JSON form.
pub fn encode_control<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let payload = serde_json::to_vec(message).map_err(|e| FrameError::Content(e.to_string()))?;
    encode(CONTROL, &payload)
}

/// Writes a control frame in one call.
///
/// # Errors
/// When the message has no JSON form or writing fails.
pub fn write_control<T: Serialize>(to: &mut impl Write, message: &T) -> Result<(), FrameError> {
    to.write_all(&encode_control(message)?).map_err(FrameError::Io)
}

/// Reads one frame of at most `limit` bytes.
///
/// # Errors
/// When the connection is closed or fails, or the frame is too long.
pub fn read(from: &mut impl Read, limit: usize) -> Result<Frame, FrameError> {
    let mut prefix = [0u8; 4];
    let first = loop {
        match from.read(&mut prefix) {
            Ok(n) => break n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(FrameError::Io(e)),
        }
    };
    if first == 0 {
        return Err(FrameError::Closed);
    }
    from.read_exact(prefix.get_mut(first..).unwrap_or_default())?;
    let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if length == 0 || length > limit {
        return Err(FrameError::Length { length, limit });
    }
    let mut kind = [0u8; 1];
    from.read_exact(&mut kind)?;
    let mut payload = vec![0u8; length.saturating_sub(1)];
    from.read_exact(&mut payload)?;
    let [kind] = kind;
    Ok(Frame { kind, payload })
}

/// Parses a control frame's message.
///
/// # Errors
/// When it is not a control frame or not such a message.
pub fn control<T: DeserializeOwned>(frame: &Frame) -> Result<T, FrameError> {
    if frame.kind != CONTROL {
        return Err(FrameError::Content(format!("kind {} where a message was expected", frame.kind)));
    }
    serde_json::from_slice(&frame.payload).map_err(|e| FrameError::Content(e.to_string()))
}

/// Reads one control message.
///
/// # Errors
/// As `read` and `control`.
pub fn read_control<T: DeserializeOwned>(from: &mut impl Read, limit: usize) -> Result<T, FrameError> {
    control(&read(from, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_a_long_one_is_refused_before_it_is_read() {
        let bytes = encode(TERMINAL, b"hello").unwrap();
        assert_eq!(read(&mut &bytes[..], 100).unwrap(), Frame { kind: TERMINAL, payload: b"hello".to_vec() });
        assert!(matches!(read(&mut &bytes[..], 5), Err(FrameError::Length { length: 6, limit: 5 })));
        assert!(matches!(read(&mut &b"\xff\xff\xff\xff"[..], 100), Err(FrameError::Length { .. })));
        assert!(matches!(read(&mut &b"\0\0\0\0"[..], 100), Err(FrameError::Length { .. })));
        assert!(matches!(read(&mut &b""[..], 100), Err(FrameError::Closed)));
        assert!(matches!(read(&mut &bytes[..7], 100), Err(FrameError::Io(_))));
    }
}
