//! The connection to the broker, later the supervisor: connecting, and frames with descriptors over it.
//!
//! INVARIANT: nothing is sent before the other end is known to be root.

use crate::failure::Failure;
use brevet_api::frame::{self, CONTROL, Frame, FrameError, MAX_CLIENT, TERMINAL};
use brevet_sys::fdpass::{self, PassError};
use brevet_sys::poll::Interest;
use serde::Serialize;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;

/// Where the broker listens unless `BREVET_SOCKET` says otherwise.
const DEFAULT_SOCKET: &str = "/run/brevet/broker.sock";
/// Input is read no further while this much waits to be written.
pub const PLENTY: usize = 64 << 10;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    incoming: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    outgoing: Vec<u8>,
    closed: bool,
    deaf: bool,
}

impl Connection {
    /// Connects to the broker's socket and checks that it is root's: the socket file, and who listens.
    pub fn open() -> Result<Self, Failure> {
        let socket = std::env::var_os("BREVET_SOCKET").filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_SOCKET.into());
        Ok(Self::over(connect(&socket)?, Vec::new()))
    }

    /// The connection on which the question of a plain `run` has gone already, before `main` (the crate `brevet-early`).
    pub fn asked_early() -> Result<Option<Self>, Failure> {
        let Some((number, read)) = brevet_early::connection() else { return Ok(None) };
        let stream = UnixStream::from(fdpass::inherited(number)?);
        stream.set_nonblocking(true).map_err(Failure::Send)?;
        Ok(Some(Self::over(stream, read.to_vec())))
    }

    fn over(stream: UnixStream, incoming: Vec<u8>) -> Self {
        Self { stream, incoming, descriptors: VecDeque::new(), outgoing: Vec::new(), closed: false, deaf: false }
    }

    /// Sends the first frame with its descriptors in one call, and goes on without blocking.
    pub fn ask<T: Serialize>(&mut self, message: &T, descriptors: &[BorrowedFd<'_>]) -> Result<(), Failure> {
        let bytes = frame::encode_control(message).map_err(Failure::Answer)?;
        let length = bytes.len().saturating_sub(4);
        if length > MAX_CLIENT {
            return Err(Failure::TooLong { length, limit: MAX_CLIENT });
        }
        let sent = loop {
            match fdpass::send(self.stream.as_fd(), &bytes, descriptors) {
                Ok(sent) => break sent,
                Err(PassError::Send(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(PassError::Send(error)) => return Err(Failure::Send(error)),
                Err(error) => return Err(Failure::Send(io::Error::other(error))),
            }
        };
        self.stream.write_all(bytes.get(sent..).unwrap_or_default()).map_err(Failure::Send)?;
        self.stream.set_nonblocking(true).map_err(Failure::Send)
    }

    /// Reads what is there; at the end `is_closed` holds.
    pub fn fill(&mut self) -> Result<(), Failure> {
        let mut buffer = [0u8; 16 << 10];
        match fdpass::receive(self.stream.as_fd(), &mut buffer, 1) {
            Ok((0, _)) => self.closed = true,
            Ok((length, descriptors)) => {
                self.incoming.extend_from_slice(buffer.get(..length).unwrap_or_default());
                self.descriptors.extend(descriptors);
            }
            Err(PassError::Receive(error)) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                // It went with something of ours unread: as good as closed.
                io::ErrorKind::ConnectionReset => self.closed = true,
                _ => return Err(Failure::Receive(error)),
            },
            Err(error) => return Err(Failure::Receive(io::Error::other(error))),
        }
        Ok(())
    }

    /// The next whole frame that has arrived.
    pub fn next(&mut self) -> Result<Option<Frame>, Failure> {
        let Some(prefix) = self.incoming.first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_CLIENT {
            return Err(Failure::Answer(FrameError::Length { length, limit: MAX_CLIENT }));
        }
        let whole = length.saturating_add(4);
        if self.incoming.len() < whole {
            return Ok(None);
        }
        let frame = frame::read(&mut self.incoming.as_slice(), MAX_CLIENT).map_err(Failure::Answer)?;
        self.incoming.drain(..whole);
        Ok(Some(frame))
    }

    /// The descriptor that came with a message.
    pub fn descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    /// Queues a message.
    pub fn push<T: Serialize>(&mut self, message: &T) -> Result<(), Failure> {
        let bytes = frame::encode_control(message).map_err(Failure::Answer)?;
        self.outgoing.extend_from_slice(&bytes);
        self.flush();
        Ok(())
    }

    /// Queues bytes from the terminal.
    pub fn push_terminal(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let bytes = frame::encode(TERMINAL, bytes).map_err(Failure::Answer)?;
        self.outgoing.extend_from_slice(&bytes);
        self.flush();
        Ok(())
    }

    /// Writes what can be written now. An other end that reads no more may still have something to say: what was queued is dropped.
    pub fn flush(&mut self) {
        while !self.outgoing.is_empty() && !self.deaf {
            match self.stream.write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written.min(self.outgoing.len()))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.deaf = true,
            }
        }
        if self.deaf {
            self.outgoing.clear();
        }
    }

    /// What to poll for: always the end and, while `listening`, messages.
    pub fn interest(&self, listening: bool) -> Interest {
        Interest::READ.when(listening && !self.closed).and(Interest::WRITE.when(!self.outgoing.is_empty()))
    }

    /// Whether so much waits to be written that no more should be read.
    pub fn is_full(&self) -> bool {
        self.outgoing.len() >= PLENTY
    }

    /// Whether the other end has closed; whole frames may still be there.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A message out of a frame.
pub fn message<T: serde::de::DeserializeOwned>(frame: &Frame) -> Result<T, Failure> {
    debug_assert!(frame.kind == CONTROL || frame.kind == TERMINAL);
    frame::control(frame).map_err(Failure::Answer)
}

/// WHY: the socket is opened first and then connected to through that descriptor, so that what was checked is what is used.
/// The last part of the name is no link (`O_NOFOLLOW`): a link would let whoever owns its directory choose another daemon of root's.
fn connect(socket: &OsString) -> Result<UnixStream, Failure> {
    let unreachable = |source| Failure::Unreachable { socket: socket.clone(), source };
    let refuse = |reason| Failure::NotTheBroker { socket: socket.clone(), reason };
    let place = brevet_sys::open::openat2(None, socket, libc::O_PATH | libc::O_NOFOLLOW, 0).map_err(|error| unreachable(error.source))?;
    let facts = brevet_sys::open::metadata(place.as_fd())?;
    if facts.file_type().is_symlink() {
        return Err(refuse("it is a symbolic link"));
    }
    if !facts.file_type().is_socket() {
        return Err(refuse("it is not a socket"));
    }
    if facts.uid() != 0 {
        return Err(refuse("it does not belong to root"));
    }
    let stream = UnixStream::connect(format!("/proc/self/fd/{}", place.as_raw_fd())).map_err(unreachable)?;
    match brevet_sys::client::peer_uid(stream.as_fd())? {
        0 => Ok(stream),
        _ => Err(refuse("who listens there is not root")),
    }
}
