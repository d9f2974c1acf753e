//! Frames over a connection that must never block the loop: what is there is read, what does not fit waits.

use brevet_api::frame::{self, Frame};
use brevet_sys::fdpass;
use brevet_sys::poll::Interest;
use serde::Serialize;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

const CHUNK: usize = 64 * 1024;

/// The connection ended, failed, or said something that is no frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    limit: usize,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Link {
    pub(super) fn new(stream: UnixStream, limit: usize) -> Self {
        Self { stream, limit, incoming: Vec::new(), outgoing: Vec::new() }
    }

    /// Reads once and returns the frames that are whole.
    pub(super) fn receive(&mut self) -> Result<Vec<Frame>, Closed> {
        let mut chunk = vec![0; CHUNK];
        match fdpass::receive_now(self.stream.as_fd(), &mut chunk) {
            Ok(Some(0)) | Err(_) => return Err(Closed),
            Ok(Some(length)) => self.incoming.extend_from_slice(chunk.get(..length).unwrap_or_default()),
            Ok(None) => {}
        }
        let mut frames = Vec::new();
        while let Some(frame) = self.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, Closed> {
        let Some(prefix) = self.incoming.first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length == 0 || length > self.limit {
            return Err(Closed);
        }
        let whole = length.saturating_add(4);
        if self.incoming.len() < whole {
            return Ok(None);
        }
        let bytes: Vec<u8> = self.incoming.drain(..whole).collect();
        frame::read(&mut bytes.as_slice(), self.limit).map(Some).map_err(|_| Closed)
    }

    /// Queues a message and sends what fits.
    pub(super) fn tell<T: Serialize>(&mut self, message: &T) {
        if let Ok(bytes) = frame::encode_control(message) {
            self.outgoing.extend_from_slice(&bytes);
        }
        // A connection that failed is noticed by the next read.
        drop(self.flush());
    }

    /// Queues terminal bytes.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        if let Ok(bytes) = frame::encode(frame::TERMINAL, bytes) {
            self.outgoing.extend_from_slice(&bytes);
        }
        drop(self.flush());
    }

    /// Sends what fits.
    pub(super) fn flush(&mut self) -> Result<(), Closed> {
        while !self.outgoing.is_empty() {
            match fdpass::send_now(self.stream.as_fd(), &self.outgoing) {
                Ok(Some(sent)) => drop(self.outgoing.drain(..sent)),
                Ok(None) => return Ok(()),
                Err(_) => return Err(Closed),
            }
        }
        Ok(())
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    pub(super) fn interest(&self, read: bool) -> Interest {
        Interest::READ.when(read).and(Interest::WRITE.when(!self.outgoing.is_empty()))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn frames_in_pieces_are_put_together_and_a_long_one_closes() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let mut link = Link::new(other, 100);
        let bytes = frame::encode(frame::TERMINAL, b"hello").unwrap();
        one.write_all(&bytes[..6]).unwrap();
        assert_eq!(link.receive().unwrap(), vec![]);
        one.write_all(&bytes[6..]).unwrap();
        assert_eq!(link.receive().unwrap(), vec![Frame { kind: frame::TERMINAL, payload: b"hello".to_vec() }]);
        one.write_all(&1000u32.to_be_bytes()).unwrap();
        assert_eq!(link.receive(), Err(Closed));
    }
}
