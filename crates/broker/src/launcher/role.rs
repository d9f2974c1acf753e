//! The role itself: starts what the broker asks for, one after the other.

use super::{Ahead, CONTROL, Error, Role, start_self};
use brevet_sys::exec::Child;
use brevet_sys::fdpass::{self, Kind, PassError};
use brevet_sys::poll::{self, Interest};
use brevet_sys::process::Scheduling;
use brevet_sys::{pidfd, process, signal};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

struct Launcher<'a> {
    socket: OwnedFd,
    executable: File,
    ahead: Option<Ahead<'a>>,
}

/// The longest word that comes with a request.
const MOST_WORD: usize = 64;

/// The role's whole life.
#[must_use]
pub fn run(ahead: Option<Ahead<'_>>) -> ExitCode {
    match serve(ahead) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed("launcher", &error),
    }
}

fn serve(ahead: Option<Ahead<'_>>) -> Result<(), Error> {
    process::forbid_dumping()?;
    let socket = fdpass::inherited(CONTROL)?;
    // The very file that this process runs, also after an upgrade replaced it by name.
    let executable = File::open("/proc/self/exe").map_err(Error::Program)?;
    let children = signal::SignalFd::new(&[signal::CHILD])?;
    let launcher = Launcher { socket, executable, ahead };
    loop {
        let mut ready = poll::wait(&[(launcher.socket.as_fd(), Interest::READ), (children.as_fd(), Interest::READ)], None)?.into_iter();
        if ready.next().is_some_and(poll::Ready::readable) && !launcher.answer()? {
            return Ok(());
        }
        if ready.next().is_some_and(poll::Ready::readable) {
            while children.next().is_some() {}
            while pidfd::next_change()?.is_some() {}
        }
    }
}

impl Launcher<'_> {
    /// A role that runs, and our end of its socket. `word` is the session for which a supervisor waits.
    fn start(&self, role: Role, word: &[u8]) -> Result<(Child, OwnedFd), Error> {
        let (ours, theirs) = fdpass::pair(Kind::Stream)?;
        let ahead = self.ahead.zip(role.awaits());
        let words = ahead.map(|(ahead, containment)| {
            [ahead.service.as_bytes(), bytes(ahead.sessions), bytes(ahead.groups), word, containment.word().as_bytes()]
        });
        let words = words.as_ref().map_or(&[][..], |words| words.as_slice());
        let child = start_self(self.executable.as_fd(), role.name(), words, theirs.as_fd())?;
        if role.awaits().is_some() {
            // Where that cannot be, it is made beside whatever runs.
            drop(process::schedule(child.pid, Scheduling::Idle));
        }
        Ok((child, ours))
    }

    /// Answers one request; false when the broker is gone.
    fn answer(&self) -> Result<bool, Error> {
        let mut request = [0u8; MOST_WORD + 1];
        let (length, _) = match fdpass::receive(self.socket.as_fd(), &mut request, 0) {
            Ok(received) => received,
            Err(PassError::Receive(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let Some((byte, word)) = request.get(..length).and_then(<[u8]>::split_first) else { return Ok(false) };
        let started = Role::from_byte(*byte).ok_or(Error::Gone).and_then(|role| self.start(role, word));
        let sent = match &started {
            Ok((child, control)) => fdpass::send(self.socket.as_fd(), &reply(0, child.pid), &[child.pidfd.as_fd(), control.as_fd()]),
            Err(error) => fdpass::send(self.socket.as_fd(), &reply(errno_of(error), 0), &[]),
        };
        Ok(sent.is_ok())
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

fn reply(errno: i32, pid: i32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (errno.to_ne_bytes(), pid.to_ne_bytes());
    [a, b, c, d, e, f, g, h]
}

fn errno_of(error: &Error) -> i32 {
    const EINVAL: i32 = 22;
    match error {
        Error::System(error) => error.errno(),
        Error::Exec(error) => error.source.raw_os_error().unwrap_or(EINVAL),
        Error::Program(error) => error.raw_os_error().unwrap_or(EINVAL),
        Error::Gone | Error::Silent | Error::Refused(_) | Error::Pass(_) | Error::Random(_) | Error::Poisoned => EINVAL,
    }
    .max(1)
}
