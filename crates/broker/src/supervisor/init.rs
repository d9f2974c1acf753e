//! Pid 1 of a session with its own pid and mount namespace: mounts the namespace's own `/proc`, starts the program,
//! reaps, and ends when nothing is left. Its end ends everything in the namespace.
//!
//! A fork of the supervisor that never returns into it. The outer `/proc` is *unmounted*, not covered: what is covered
//! can be uncovered from inside.

use crate::spec::Exit;
use brevet_sys::exec::{self, Program, Step};
use brevet_sys::pidfd::Change;
use brevet_sys::poll::{self, Interest};
use brevet_sys::{fdpass, mount, open, pidfd, process, pty, signal};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// From init to its supervisor, one seqpacket message each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Said {
    /// Nothing runs.
    Failed {
        /// The step.
        step: String,
        /// The kernel's reason.
        errno: i32,
    },
    /// Nothing runs: the broker did not say that it may.
    NotTold,
    /// Nothing runs: the working directory is not the same one in here.
    Unreachable {
        /// The kernel's reason, 0 where its path leads to another directory.
        errno: i32,
    },
    /// The program was executed, in this audit session (read before it could be reaped).
    Started(Option<u32>),
    /// The program ended.
    Exited(Exit),
    /// The program was stopped.
    Stopped(i32),
}

impl From<brevet_sys::Error> for Said {
    fn from(error: brevet_sys::Error) -> Self {
        Self::Failed { step: error.doing.to_owned(), errno: error.errno() }
    }
}

/// From the supervisor to its init.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Told {
    /// Signal the program's group.
    Signal(i32),
    /// Go on.
    Continue {
        /// In the terminal's foreground.
        foreground: bool,
    },
}

/// Longest message on the channel.
const MOST: usize = 1024;

pub(super) fn say<T: Serialize>(channel: BorrowedFd<'_>, message: &T) {
    if let Ok(bytes) = serde_json::to_vec(message) {
        drop(fdpass::send(channel, &bytes, &[]));
    }
}

/// The next message; `None` when the other side is gone.
pub(super) fn hear<T: for<'de> Deserialize<'de>>(channel: BorrowedFd<'_>) -> Option<T> {
    let mut bytes = [0; MOST];
    let (length, _) = fdpass::receive(channel, &mut bytes, 0).ok()?;
    serde_json::from_slice(bytes.get(..length)?).ok()
}

/// What the forked process does, for good.
pub(super) fn run(program: &Program<'_>, terminal: Option<BorrowedFd<'_>>, channel: BorrowedFd<'_>) -> ! {
    let gate = program.gate.map(|gate| gate.socket);
    let kept: Vec<BorrowedFd<'_>> =
        program.descriptors.iter().copied().chain([program.executable, channel]).chain(terminal).chain(gate).collect();
    let directory = match set_up(program.directory, &kept, terminal) {
        Ok(directory) => directory,
        Err(said) => {
            say(channel, &said);
            process::exit_now(1)
        }
    };
    match exec::spawn(&Program { directory: directory.as_ref().map(AsFd::as_fd), ..*program }) {
        Err(error) if error.step == Step::Gate => {
            say(channel, &Said::NotTold);
            process::exit_now(1)
        }
        Err(error) => {
            say(channel, &Said::Failed { step: error.step.doing().to_owned(), errno: error.source.raw_os_error().unwrap_or(0) });
            process::exit_now(1)
        }
        Ok(child) => {
            say(channel, &Said::Started(process::audit_session(child.pid)));
            // What was passed through is the program's alone: a pipe must end when the program does, not when we do.
            let kept: Vec<BorrowedFd<'_>> = terminal.into_iter().chain([channel]).collect();
            let ended = process::close_all_but(&kept).and_then(|()| serve(child.pid, terminal, channel));
            process::exit_now(i32::from(ended.is_err()))
        }
    }
}

/// Makes the namespaces the program's own; gives the working directory as it is reached in here.
fn set_up(directory: Option<BorrowedFd<'_>>, kept: &[BorrowedFd<'_>], terminal: Option<BorrowedFd<'_>>) -> Result<Option<OwnedFd>, Said> {
    process::die_with_parent(signal::KILL)?;
    let directory = directory.map(reached_here).transpose()?;
    let kept: Vec<BorrowedFd<'_>> = kept.iter().copied().chain(directory.as_ref().map(AsFd::as_fd)).collect();
    process::close_all_but(&kept)?;
    process::new_session()?;
    if let Some(terminal) = terminal {
        pty::make_controlling(terminal)?;
    }
    mount::make_private()?;
    own_proc()?;
    Ok(directory)
}

/// The same directory through this namespace's mounts. The descriptor that came belongs to the outer namespace: whoever
/// stood in it could walk up and across to the outer `/proc`.
fn reached_here(outer: BorrowedFd<'_>) -> Result<OwnedFd, Said> {
    let path = open::fd_path(outer)?;
    let inner = open::openat2(None, path.as_os_str(), open::DIRECTORY, open::NO_MAGICLINKS | open::NO_SYMLINKS);
    let inner = inner.map_err(|error| Said::Unreachable { errno: error.errno() })?;
    let (one, other) = (open::metadata(outer)?, open::metadata(inner.as_fd())?);
    if (one.dev(), one.ino()) == (other.dev(), other.ino()) {
        return Ok(inner);
    }
    Err(Said::Unreachable { errno: 0 })
}

/// Unmounts every outer `/proc`, then mounts the namespace's own and looks again.
fn own_proc() -> brevet_sys::Result<()> {
    let outer = mount::proc_mounts()?;
    for place in outer.iter().rev() {
        mount::unmount(place)?;
    }
    mount::mount_proc(OsStr::new("/proc"))?;
    // What was hidden below another mount has come to light; only the last one at /proc is ours.
    let now = mount::proc_mounts()?;
    let others: Vec<_> = now.iter().filter(|place| *place != "/proc").collect();
    for place in others {
        mount::unmount(place)?;
    }
    if now.iter().filter(|place| *place == "/proc").count() == 1 {
        return Ok(());
    }
    Err(brevet_sys::Error { doing: "make a /proc of its own", source: std::io::Error::other("another one is still mounted there") })
}

fn serve(main: i32, terminal: Option<BorrowedFd<'_>>, channel: BorrowedFd<'_>) -> brevet_sys::Result<()> {
    let signals = signal::SignalFd::new(&[signal::CHILD, signal::HANG_UP, signal::BACKGROUND_OUTPUT, signal::TERMINAL_STOP])?;
    let mut listening = true;
    loop {
        while let Some((pid, change)) = pidfd::next_change()? {
            if pid == main {
                report(channel, change);
                // WHY: the person waits for the supervisor, which may want this very processor; ours is only an end of namespaces.
                std::thread::yield_now();
            }
        }
        if !pidfd::has_children() {
            return Ok(());
        }
        let ready = poll::wait(&[(signals.as_fd(), Interest::READ), (channel, Interest::READ.when(listening))], None)?;
        while signals.next().is_some() {}
        if listening && ready.get(1).is_some_and(|ready| ready.readable()) {
            match hear::<Told>(channel) {
                Some(Told::Signal(number)) => drop(signal::send_group(main, number)),
                Some(Told::Continue { foreground }) => {
                    if let Some(terminal) = terminal.filter(|_| foreground) {
                        drop(pty::set_foreground(terminal, main));
                    }
                    drop(signal::send_group(main, signal::CONTINUE));
                }
                None => listening = false,
            }
        }
    }
}

fn report(channel: BorrowedFd<'_>, change: Change) {
    match change {
        Change::Exited(status) => say(channel, &Said::Exited(exit_status(status))),
        Change::Killed(number) => say(channel, &Said::Exited(Exit::Signal(number))),
        Change::Stopped(number) => say(channel, &Said::Stopped(number)),
        Change::Continued => {}
    }
}

/// The status as the kernel gives it, eight bits.
pub(super) fn exit_status(status: i32) -> Exit {
    Exit::Status(u8::try_from(status & 0xff).unwrap_or(u8::MAX))
}
