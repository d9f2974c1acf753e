//! Our ends of the user's terminal while a session has one of its own: where keys come from, where output goes, and the raw mode.
//!
//! Keys come from the person's terminal also when standard input is something else: of `ls | brevet run less`, less reads the
//! terminal by its name. With a pipe on standard input or output somebody else may be using the terminal (of
//! `ssh web-1 cat f | brevet run tee f`, ssh asks for its password there; `brevet run dmesg | less`), so it is left alone until
//! the session asks for it (stopped by SIGTTIN or SIGTTOU, as with sudo).

use crate::failure::Failure;
use crate::terminal::Terminal;
use brevet_sys::client;
use brevet_sys::poll::{self, Interest};
use brevet_sys::pty::{Mode, ModeGuard};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::FileTypeExt as _;

/// How often we look whether the terminal has become ours, in milliseconds.
const LOOK_EVERY: u64 = 250;

/// The most that is taken of what was typed ahead, in bytes.
const MOST_AHEAD: usize = 4096;

/// The user's terminal.
#[derive(Debug)]
pub struct Lines {
    input: Option<Terminal>,
    output: Option<Terminal>,
    raw: Option<ModeGuard>,
    /// Take the terminal only when it is asked for.
    shy: bool,
    pending: Vec<u8>,
}

/// What reading the keyboard gave.
pub enum Read {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

impl Lines {
    /// For a session whose descriptors 0, 1, 2 are its own terminal as said.
    pub fn of(terminal: [bool; 3]) -> Self {
        let [zero, one, two] = terminal;
        let input = if zero {
            Terminal::of(io::stdin().as_fd(), false)
        } else if one || two {
            Terminal::open()
        } else {
            None
        };
        let output = if one {
            Terminal::of(io::stdout().as_fd(), true)
        } else if two {
            Terminal::of(io::stderr().as_fd(), true)
        } else if zero {
            Terminal::of(io::stdin().as_fd(), true)
        } else {
            None
        };
        // The supervisor begins the program in its terminal's background by the same rule.
        let shy = (!zero && leads_elsewhere(io::stdin().as_fd())) || (!one && leads_elsewhere(io::stdout().as_fd()));
        Self { input, output, raw: None, shy, pending: Vec::new() }
    }

    /// Whether the session has a terminal at all.
    pub fn any(&self) -> bool {
        self.output.is_some()
    }

    /// Whether our terminal is raw.
    pub fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Makes the terminal raw where it is ours to take and nobody else may be using it.
    pub fn take(&mut self) -> Result<(), Failure> {
        if self.shy { Ok(()) } else { self.take_now().map(drop) }
    }

    /// Makes the terminal raw where it is ours to take; whether it was. From now on it is taken whenever it is ours.
    pub fn take_now(&mut self) -> Result<bool, Failure> {
        self.shy = false;
        let Some(input) = &self.input else { return Ok(false) };
        let fd = input.file().as_fd();
        if !client::in_foreground(fd) {
            return Ok(false);
        }
        if self.raw.is_none() {
            self.raw = Some(ModeGuard::raw(fd)?);
        }
        Ok(true)
    }

    /// We were stopped from outside and go on: the shell may have changed the mode, or given the terminal to somebody else.
    pub fn retake(&mut self) -> Result<(), Failure> {
        let Some(input) = &self.input else { return Ok(()) };
        match &self.raw {
            Some(raw) if client::in_foreground(input.file().as_fd()) => Ok(raw.resume_raw()?),
            // In the background the mode is not ours to change; what the shell set stays.
            Some(_) => {
                if let Some(guard) = self.raw.take() {
                    std::mem::forget(guard);
                }
                Ok(())
            }
            None => self.take(),
        }
    }

    /// Gives the terminal back as it was.
    pub fn release(&mut self) {
        self.raw = None;
    }

    /// How long to wait at most before `look_again`.
    pub fn patience(&self) -> Option<u64> {
        (self.input.is_some() && self.raw.is_none() && !self.shy).then_some(LOOK_EVERY)
    }

    /// Takes the terminal where we have come to its foreground (`fg`).
    pub fn look_again(&mut self) -> Result<(), Failure> {
        if self.raw.is_none() { self.take() } else { Ok(()) }
    }

    /// Whole lines that were typed before the program asked for the terminal and that nobody else is reading: they are the
    /// program's, and must be taken before the mode changes, which throws away what was typed.
    pub fn typed_ahead(&self) -> Vec<u8> {
        let mut typed = Vec::new();
        let Some(input) = self.input.as_ref().filter(|_| self.raw.is_none()) else { return typed };
        let fd = input.file().as_fd();
        let Some(mode) = Mode::of(fd).ok().filter(Mode::is_line_by_line).filter(|_| client::in_foreground(fd)) else { return typed };
        let mut buffer = [0u8; 4096];
        while typed.len() < MOST_AHEAD
            && poll::wait(&[(fd, Interest::READ)], Some(0)).is_ok_and(|ready| ready.iter().any(|ready| ready.readable()))
        {
            match input.file().read(&mut buffer) {
                Ok(length) if length > 0 => typed.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                // Ctrl-D on an empty line; on a terminal that is gone the next read says so.
                Ok(_) => {
                    typed.extend(mode.end_of_input());
                    break;
                }
                Err(_) => break,
            }
        }
        typed
    }

    /// Where to wait for the terminal's end and, while it is ours and the session is not slow, for keys.
    pub fn input(&self, full: bool) -> Option<(BorrowedFd<'_>, Interest)> {
        let keys = !full && self.raw.is_some();
        self.input.as_ref().map(|terminal| (terminal.file().as_fd(), Interest::READ.when(keys)))
    }

    /// The terminal is gone, and we go on without.
    pub fn lose_input(&mut self) {
        self.input = None;
    }

    /// What was typed.
    pub fn read(&mut self) -> Read {
        let Some(input) = &self.input else { return Read::Nothing };
        let mut buffer = [0u8; 4096];
        match input.file().read(&mut buffer) {
            Ok(length) if length > 0 => Read::Bytes(buffer.get(..length).unwrap_or_default().to_vec()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Read::Nothing,
            Ok(_) | Err(_) => {
                self.input = None;
                Read::End
            }
        }
    }

    /// Queues output of the session.
    pub fn show(&mut self, bytes: &[u8]) {
        if self.output.is_some() {
            self.pending.extend_from_slice(bytes);
            self.write();
        }
    }

    /// A line of ours between the program's; whether there is a terminal to show it on.
    pub fn note(&mut self, text: &str) -> bool {
        self.show(format!("\r\nbrevet: {text}\r\n").as_bytes());
        self.any()
    }

    /// How much output waits.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Where to wait for room, while output waits.
    pub fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().filter(|_| !self.pending.is_empty()).map(|terminal| terminal.file().as_fd())
    }

    /// Writes what can be written now. A terminal that is gone takes everything: the program goes on without.
    pub fn write(&mut self) {
        let Some(output) = &self.output else { return };
        while !self.pending.is_empty() {
            match output.file().write(&self.pending) {
                Ok(written) => drop(self.pending.drain(..written.min(self.pending.len()))),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.pending.clear();
                    self.output = None;
                    return;
                }
            }
        }
    }
}

/// Whether somebody else reads or writes there, who may be using the terminal too.
fn leads_elsewhere(fd: BorrowedFd<'_>) -> bool {
    brevet_sys::open::metadata(fd).is_ok_and(|facts| facts.file_type().is_fifo() || facts.file_type().is_socket())
}
