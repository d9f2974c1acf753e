//! The user's terminal: questions and answers on `/dev/tty`, so that a pipe on standard input is never read for an answer.
//!
//! INVARIANT: whichever way a question ends, the terminal's mode is what it was, and what was typed and not taken is thrown away.

use crate::failure::Failure;
use crate::fit::fit;
use brevet_sys::poll::{self, Interest};
use brevet_sys::pty::ModeGuard;
use brevet_sys::signal::SignalFd;
use brevet_sys::{client, pty};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use zeroize::Zeroizing;

/// The longest answer in bytes.
pub const LONGEST: usize = 1024;

/// The signals that we take as they come instead of being ended or stopped by them.
pub const SIGNALS: [i32; 9] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGTSTP, libc::SIGCONT, libc::SIGWINCH];

/// How many columns a terminal has, where it is one and says so.
pub fn columns(descriptor: BorrowedFd<'_>) -> Option<usize> {
    pty::window_size(descriptor).ok().map(|size| usize::from(size.columns)).filter(|columns| *columns > 0)
}

/// How a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Somebody woke us; else nobody could have, and we did not stop.
    pub woken: bool,
    /// A signal that came meanwhile and should end us.
    pub signal: Option<i32>,
}

/// Stops our process group as Ctrl-Z does. When we go on, the `SIGCONT` that woke us is taken, so that nobody begins again twice.
pub fn stop(signal: i32, signals: &SignalFd) -> Result<Stopped, Failure> {
    client::stop_own_group(signal)?;
    Ok(after_stop(signals))
}

/// The same for this process alone.
pub fn stop_self(signal: i32, signals: &SignalFd) -> Result<Stopped, Failure> {
    client::stop_self(signal)?;
    Ok(after_stop(signals))
}

fn after_stop(signals: &SignalFd) -> Stopped {
    let mut stopped = Stopped { woken: false, signal: None };
    while let Some(number) = signals.next() {
        match number {
            libc::SIGCONT => stopped.woken = true,
            libc::SIGWINCH | libc::SIGTSTP => {}
            number => {
                stopped.signal = Some(number);
                break;
            }
        }
    }
    stopped
}

/// Our session's controlling terminal, opened anew: not blocking, without changing that for anybody else who has it open.
#[derive(Debug)]
pub struct Terminal(File);

/// What came of a question.
#[derive(Debug)]
pub enum Typed {
    /// A line, without its end.
    Line(Zeroizing<Vec<u8>>),
    /// The end of input, or the terminal is gone.
    End,
    /// Longer than `LONGEST`.
    TooLong,
    /// This signal: we should end.
    Signal(i32),
    /// The other descriptor has something.
    Elsewhere,
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Shown before the answer; already escaped.
    pub prompt: &'a str,
    /// Whether the answer stays unseen.
    pub hidden: bool,
}

impl Terminal {
    /// The controlling terminal, where there is one.
    pub fn open() -> Option<Self> {
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        let file = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty").ok()?;
        pty::is_terminal(file.as_fd()).then_some(Self(file))
    }

    /// A descriptor of ours as a terminal: where it is the controlling one, or may be opened again, without blocking.
    pub fn of(descriptor: BorrowedFd<'_>, write: bool) -> Option<Self> {
        if !pty::is_terminal(descriptor) {
            return None;
        }
        if client::is_controlling(descriptor)
            && let Some(terminal) = Self::open()
        {
            return Some(terminal);
        }
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&descriptor));
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        let again = File::options().read(true).write(write).custom_flags(flags).open(path);
        again.ok().or_else(|| descriptor.try_clone_to_owned().ok().map(File::from)).map(Self)
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.0
    }

    /// Shows text that has been escaped, broken between words; a terminal that is gone shows nothing.
    pub fn show(&self, text: &str) {
        let text = fit(text, columns(self.0.as_fd()));
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match (&self.0).write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if poll::wait(&[(self.0.as_fd(), Interest::WRITE)], Some(1000)).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Asks, and waits for a line, a signal, or something on the other descriptor.
    pub fn ask(&self, question: Question<'_>, signals: &SignalFd, other: BorrowedFd<'_>) -> Result<Typed, Failure> {
        let mut typed = Zeroizing::new([0u8; LONGEST]);
        let mut length = 0usize;
        let mut too_long = false;
        // From the background this stops us (SIGTTOU), as it should: `fg` goes on here.
        let mut guard = self.begin(question)?;
        let outcome = loop {
            let ready = poll::wait(&[(self.0.as_fd(), Interest::READ), (signals.as_fd(), Interest::READ), (other, Interest::READ)], None)?;
            let [terminal, signal, elsewhere] = ready.as_slice() else { continue };
            if signal.readable()
                && let Some(number) = signals.next()
            {
                match number {
                    libc::SIGWINCH => {}
                    // Something else may have changed the mode while we were stopped: begin again.
                    libc::SIGTSTP | libc::SIGCONT => {
                        drop(guard.take());
                        if number == libc::SIGTSTP
                            && let Some(number) = stop(libc::SIGTSTP, signals)?.signal
                        {
                            break Typed::Signal(number);
                        }
                        self.show("\n");
                        guard = self.begin(question)?;
                        (length, too_long) = (0, false);
                    }
                    number => break Typed::Signal(number),
                }
                continue;
            }
            if elsewhere.readable() {
                break Typed::Elsewhere;
            }
            if !terminal.readable() {
                continue;
            }
            match self.take(&mut typed, &mut length, &mut too_long) {
                Taken::More => {}
                Taken::End => break Typed::End,
                Taken::Line if too_long => break Typed::TooLong,
                Taken::Line => break Typed::Line(Zeroizing::new(typed.get(..length).unwrap_or_default().to_vec())),
            }
        };
        if question.hidden || !matches!(outcome, Typed::Line(_) | Typed::TooLong) {
            self.show("\n");
        }
        drop(guard);
        Ok(outcome)
    }

    fn begin(&self, question: Question<'_>) -> Result<Option<ModeGuard>, Failure> {
        let guard = if question.hidden { Some(ModeGuard::without_echo(self.0.as_fd())?) } else { None };
        self.show(question.prompt);
        Ok(guard)
    }

    /// Reads what is there up to the end of a line; what does not fit is not kept.
    fn take(&self, typed: &mut [u8; LONGEST], length: &mut usize, too_long: &mut bool) -> Taken {
        let mut byte = Zeroizing::new([0u8; 1]);
        loop {
            match (&self.0).read(byte.as_mut_slice()) {
                Ok(0) => return Taken::End,
                Ok(_) if *byte.as_slice() == [b'\n'] => return Taken::Line,
                Ok(_) => match typed.get_mut(*length) {
                    Some(place) => {
                        *place = byte.first().copied().unwrap_or(0);
                        *length = length.saturating_add(1);
                    }
                    None => *too_long = true,
                },
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Taken::More,
                Err(_) => return Taken::End,
            }
        }
    }
}

enum Taken {
    More,
    Line,
    End,
}
