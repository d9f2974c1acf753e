//! Pid 1 of a session with its own pid and mount namespace: makes the namespace's mounts with its own `/proc` when it is told to,
//! reaps, and ends when nothing is left. Its end ends everything in the namespace.
//!
//! A fork of the supervisor that never returns into it, made before there is a session where one is expected to want it. The
//! program is the supervisor's child, not init's. The outer `/proc` is *unmounted*, not covered: what is covered can be uncovered
//! from inside.
//!
//! INVARIANT: init keeps no descriptor but its channel: who has root in its namespace may read it.

use super::start::Failure;
use crate::spec::Exit;
use brevet_sys::exec::Child;
use brevet_sys::fdpass::{self, Kind};
use brevet_sys::fork::{self, Fork};
use brevet_sys::mount;
use brevet_sys::poll::{self, Interest};
use brevet_sys::process::{self, Processors, Scheduling};
use brevet_sys::{open, pidfd, signal};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// From init to its supervisor, one seqpacket message each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Said {
    /// The mounts are made; with it comes the working directory as it is reached through them.
    Made,
    /// They could not be.
    Failed {
        /// The step.
        step: String,
        /// The kernel's reason.
        errno: i32,
    },
    /// The working directory is not the same one in here.
    Unreachable {
        /// The kernel's reason, 0 where its path leads to another directory.
        errno: i32,
    },
}

impl From<brevet_sys::Error> for Said {
    fn from(error: brevet_sys::Error) -> Self {
        Self::Failed { step: error.doing.to_owned(), errno: error.errno() }
    }
}

/// From the supervisor to its init.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Told {
    /// Make the mounts; with it comes the working directory.
    Make,
    /// The program has ended: end when nothing else is left.
    Leave,
}

/// Longest message on the channel.
const MOST: usize = 1024;

fn say<T: Serialize>(channel: BorrowedFd<'_>, message: &T, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    fdpass::send(channel, &bytes, descriptors).map(drop).map_err(io::Error::other)
}

/// The next message, and the descriptor that came with it; `None` when the other side is gone.
fn hear<T: for<'de> Deserialize<'de>>(channel: BorrowedFd<'_>) -> Option<(T, Option<OwnedFd>)> {
    let mut bytes = [0; MOST];
    let (length, descriptors) = fdpass::receive(channel, &mut bytes, 1).ok()?;
    Some((serde_json::from_slice(bytes.get(..length)?).ok()?, descriptors.into_iter().next()))
}

/// The supervisor's hold of its init. Dropping it ends init, and with it every process in its namespace.
#[derive(Debug)]
pub(super) struct Init {
    process: Child,
    channel: OwnedFd,
}

impl Init {
    /// Makes one in a group.
    ///
    /// # Errors
    /// As the kernel says.
    pub(super) fn fork(group: BorrowedFd<'_>) -> Result<Self, Failure> {
        let (ours, theirs) = fdpass::pair(Kind::Seqpacket)?;
        match fork::fork_into_pid_namespace(Some(group))? {
            Fork::Child => run(theirs.as_fd()),
            Fork::Parent(process) => {
                let init = Self { process, channel: ours };
                // We may be waiting at the lowest class; a session will wait for it.
                process::schedule(init.pid(), Scheduling::Normal)?;
                Ok(init)
            }
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.pid
    }

    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.process.pidfd.as_fd()
    }

    /// Has it make the session's mounts, running where we may run; `made` waits for them.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn make(&self, directory: BorrowedFd<'_>) -> Result<(), Failure> {
        // It may have been forked while we were to keep out of somebody's way.
        Processors::own()?.give(self.pid())?;
        say(self.channel.as_fd(), &Told::Make, &[directory]).map_err(|error| Failure::new("make the session's mounts", error))
    }

    /// The working directory through the session's mounts, once they are made. `outer` is the one that `make` was given.
    ///
    /// # Errors
    /// When they could not be made.
    pub(super) fn made(&self, outer: BorrowedFd<'_>) -> Result<OwnedFd, Failure> {
        match hear::<Said>(self.channel.as_fd()) {
            Some((Said::Made, Some(directory))) => Ok(directory),
            Some((Said::Failed { step, errno }, _)) => Err(Failure::new(&step, io::Error::from_raw_os_error(errno))),
            Some((Said::Unreachable { errno }, _)) => Err(Failure::unreachable_directory(outer, errno)),
            Some((Said::Made, None)) | None => Err(Failure::because("make the session's mounts", "its init ended first")),
        }
    }

    /// The program has ended.
    pub(super) fn leave(&self) {
        drop(say(self.channel.as_fd(), &Told::Leave, &[]));
    }

    /// Ends it, and waits until it has ended.
    pub(super) fn end(self) {
        self.kill();
        drop(pidfd::wait(self.pidfd()));
    }

    fn kill(&self) {
        drop(pidfd::send_signal(self.pidfd(), signal::KILL));
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the forked process does, for good.
fn run(channel: BorrowedFd<'_>) -> ! {
    let ended = ready(channel).and_then(|()| serve(channel));
    process::exit_now(i32::from(ended.is_err()))
}

/// Lets go of everything that is the supervisor's.
fn ready(channel: BorrowedFd<'_>) -> brevet_sys::Result<()> {
    process::die_with_parent(signal::KILL)?;
    process::close_all_but(&[channel])?;
    process::new_session()
}

/// Makes mounts for the namespace alone; gives the working directory as it is reached through them.
fn make(directory: BorrowedFd<'_>) -> Result<OwnedFd, Said> {
    mount::leave_namespace()?;
    let directory = reached_here(directory)?;
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

fn serve(channel: BorrowedFd<'_>) -> brevet_sys::Result<()> {
    let signals = signal::SignalFd::new(&[signal::CHILD])?;
    let mut leaving = false;
    loop {
        while pidfd::next_change()?.is_some() {}
        if leaving && !pidfd::has_children() {
            return Ok(());
        }
        let ready = poll::wait(&[(signals.as_fd(), Interest::READ), (channel, Interest::READ)], None)?;
        while signals.next().is_some() {}
        if !ready.get(1).is_some_and(|ready| ready.readable() || ready.hung_up()) {
            continue;
        }
        match hear::<Told>(channel) {
            Some((Told::Make, Some(directory))) => match make(directory.as_fd()) {
                Ok(inner) => drop(say(channel, &Said::Made, &[inner.as_fd()])),
                Err(said) => drop(say(channel, &said, &[])),
            },
            Some((Told::Leave, _)) => leaving = true,
            // A supervisor that is gone or speaks nonsense: this end is everybody's.
            Some((Told::Make, None)) | None => return Ok(()),
        }
    }
}

/// The status as the kernel gives it, eight bits.
pub(super) fn exit_status(status: i32) -> Exit {
    Exit::Status(u8::try_from(status & 0xff).unwrap_or(u8::MAX))
}
