//! Between the client's connection and the session's own terminal: bytes both ways, window size, signals, stop and go on.
//!
//! Bounded: while the client does not read, the program's output is not read either, and the other way round.

use super::link::{Closed, Link};
use crate::spec::Exit;
use brevet_api::broker::{Ended, Reply, Tell};
use brevet_api::frame::{self, Frame};
use brevet_sys::poll::Interest;
use brevet_sys::pty::{self, Mode, Pty, WindowSize};
use brevet_sys::{process, signal};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

const CHUNK: usize = 16 * 1024;
/// How much more is read from the terminal once the program ended or stopped, more than a terminal ever holds.
const LAST_CHUNKS: usize = 64;
/// Output that waits for the client.
const MOST_OUTPUT: usize = 256 * 1024;
/// Input that waits for the program.
const MOST_INPUT: usize = 64 * 1024;
/// What a client may pass on (DESIGN section 10): hang-up, interrupt, quit, user 1 and 2, terminate, stop.
const PASSED: [i32; 7] =
    [signal::HANG_UP, signal::INTERRUPT, signal::QUIT, signal::USER_1, signal::USER_2, signal::TERMINATE, signal::TERMINAL_STOP];

/// The person's side of a session.
#[derive(Debug)]
pub(super) struct Relay {
    client: Option<Link>,
    master: Option<File>,
    /// Kept open until the program ends, so that the terminal does not hang up while nobody has it open.
    slave: Option<OwnedFd>,
    input: Vec<u8>,
    /// The last byte that was typed.
    last_typed: Option<u8>,
    /// The program is in its terminal's background until it wants the terminal.
    background: bool,
    /// The main process has ended and the client was told.
    told: bool,
}

impl Relay {
    pub(super) fn new(client: UnixStream, pty: Option<Pty>, background: bool) -> Self {
        let (master, slave) = pty.map_or((None, None), |pty| (Some(File::from(pty.master)), Some(pty.slave)));
        let client = Some(Link::new(client, frame::MAX_CLIENT));
        Self { client, master, slave, input: Vec::new(), last_typed: None, background, told: false }
    }

    pub(super) fn client(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        let link = self.client.as_ref()?;
        Some((link.as_fd(), link.interest(self.input.len() < MOST_INPUT)))
    }

    pub(super) fn master(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        let master = self.master.as_ref()?;
        let room = self.client.as_ref().is_none_or(|link| link.waiting() < MOST_OUTPUT);
        Some((master.as_fd(), Interest::READ.when(room).and(Interest::WRITE.when(!self.input.is_empty()))))
    }

    /// A line for the person. INVARIANT: text that somebody else chose has been escaped by whoever composed it.
    pub(super) fn notice(&mut self, text: String) {
        if let Some(link) = &mut self.client {
            link.tell(&Tell::Notice { text });
        }
    }

    /// Whether everything that the client is to know has been sent, or nobody is there.
    pub(super) fn is_done(&self) -> bool {
        self.client.is_none()
    }

    /// Handles a ready client connection.
    pub(super) fn read_client(&mut self, main: i32) {
        let Some(link) = &mut self.client else { return };
        let frames = link.flush().and_then(|()| link.receive());
        match frames {
            Ok(frames) => {
                for frame in frames {
                    if self.obey(&frame, main) == Err(Closed) {
                        self.lose_client(main);
                        return;
                    }
                }
            }
            Err(Closed) => self.lose_client(main),
        }
        self.let_go();
    }

    fn obey(&mut self, frame: &Frame, main: i32) -> Result<(), Closed> {
        if frame.kind == frame::TERMINAL {
            if self.master.is_some() {
                self.input.extend_from_slice(&frame.payload);
                self.last_typed = frame.payload.last().copied().or(self.last_typed);
                self.write_program();
            }
            return Ok(());
        }
        match frame::control::<Reply>(frame).map_err(|_| Closed)? {
            Reply::Window(window) => {
                if let Some(master) = &self.master {
                    let size = WindowSize { rows: window.rows, columns: window.columns, width: 0, height: 0 };
                    drop(pty::set_window_size(master.as_fd(), size));
                }
            }
            Reply::Signal { signal } if PASSED.contains(&signal) => self.signal(main, signal),
            Reply::Signal { .. } => return Err(Closed),
            Reply::Continue {} => self.go_on(main),
            Reply::InputEnd {} => self.end_input(main),
            Reply::Reason { .. } => {}
        }
        Ok(())
    }

    /// Nothing more is typed: where lines are read, the program reads the end of its input, else its terminal hangs up.
    fn end_input(&mut self, main: i32) {
        let Some(master) = &self.master else { return };
        match Mode::of(master.as_fd()).ok().and_then(|mode| mode.end_of_input()) {
            Some(key) => {
                // In the middle of a line the first one only hands over that line.
                let within_line = self.last_typed.is_some_and(|byte| byte == b'\t' || !byte.is_ascii_control());
                self.input.extend(std::iter::repeat_n(key, if within_line { 2 } else { 1 }));
                self.last_typed = None;
                self.write_program();
            }
            None => {
                self.signal(main, signal::HANG_UP);
                self.go_on(main);
                self.hang_up();
            }
        }
    }

    /// Signals the foreground of the session's terminal, or the program's group.
    fn signal(&self, main: i32, number: i32) {
        if self.told {
            return;
        }
        let foreground = self.master.as_ref().and_then(|master| pty::foreground(master.as_fd()).ok());
        // While nothing of the program is in the foreground, that is whoever leads the terminal's session: we.
        let foreground = foreground.filter(|group| *group > 1 && *group != process::own_pid());
        drop(signal::send_group(foreground.unwrap_or(main), number));
    }

    /// On, and into the foreground where it was or wants to be.
    fn go_on(&self, main: i32) {
        if self.told {
            return;
        }
        if let Some(master) = self.master.as_ref().filter(|_| !self.background) {
            drop(pty::set_foreground(master.as_fd(), main));
        }
        drop(signal::send_group(main, signal::CONTINUE));
    }

    /// The program was stopped. With nobody to continue it, it is told that they hung up.
    pub(super) fn stopped(&mut self, number: i32, main: i32) {
        if matches!(number, signal::BACKGROUND_INPUT | signal::BACKGROUND_OUTPUT) {
            self.background = false;
        }
        // What it wrote before, such as the question that it wants an answer to, is shown before the person's shell is.
        self.read_rest();
        match &mut self.client {
            Some(link) => link.tell(&Tell::Stopped { signal: number }),
            None => {
                self.signal(main, signal::HANG_UP);
                self.go_on(main);
            }
        }
    }

    /// The client went away: as when a terminal is closed.
    fn lose_client(&mut self, main: i32) {
        self.client = None;
        self.signal(main, signal::HANG_UP);
        self.go_on(main);
        self.hang_up();
    }

    fn hang_up(&mut self) {
        self.slave = None;
        self.master = None;
        self.input.clear();
    }

    /// Handles a ready terminal.
    pub(super) fn serve_terminal(&mut self) {
        self.write_program();
        let mut chunk = [0; CHUNK];
        self.read_some(&mut chunk);
    }

    /// Reads once; false when nothing was there.
    fn read_some(&mut self, chunk: &mut [u8]) -> bool {
        let Some(master) = &mut self.master else { return false };
        match master.read(chunk) {
            Ok(length) if length > 0 => {
                if let Some(link) = &mut self.client {
                    link.output(chunk.get(..length).unwrap_or_default());
                }
                true
            }
            Ok(_) => false,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => false,
            // Both ends of a pseudo-terminal that hung up.
            Err(_) => {
                self.hang_up();
                false
            }
        }
    }

    /// Reads what the terminal holds. Bounded: something in the background may write for ever.
    fn read_rest(&mut self) {
        let mut chunk = [0; CHUNK];
        for _ in 0..LAST_CHUNKS {
            if !self.read_some(&mut chunk) {
                break;
            }
        }
    }

    fn write_program(&mut self) {
        let Some(master) = &mut self.master else { return };
        while !self.input.is_empty() {
            match master.write(&self.input) {
                Ok(0) | Err(_) => return,
                Ok(written) => drop(self.input.drain(..written)),
            }
        }
    }

    /// The main process ended: what it wrote goes out first, then its status, then the terminal hangs up.
    pub(super) fn ended(&mut self, exit: Exit, because: Option<String>) {
        self.read_rest();
        let ended = match exit {
            Exit::Status(status) => Ended { status: Some(status), signal: None, because },
            Exit::Signal(number) => Ended { status: None, signal: Some(number), because },
        };
        if let Some(link) = &mut self.client {
            link.tell(&Tell::Ended(ended));
            // WHY: the person waits for this, and for nothing that we do next. Whom we woke often stands behind us on our processor.
            std::thread::yield_now();
        }
        self.told = true;
        self.hang_up();
        self.let_go();
    }

    /// Closes the client's connection once the last message is out.
    fn let_go(&mut self) {
        if self.told && self.client.as_ref().is_some_and(|link| link.waiting() == 0) {
            self.client = None;
        }
    }
}
