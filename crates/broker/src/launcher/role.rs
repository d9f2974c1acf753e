//! The role itself: starts what the broker asks for, one after the other. How it is asked and answers is the template's way too.

use super::{Ahead, CONTROL, Error, Role, start_self};
use brevet_sys::exec::Child;
use brevet_sys::fdpass::{self, Kind, PassError};
use brevet_sys::poll::{self, Interest};
use brevet_sys::process::Scheduling;
use brevet_sys::{pidfd, process, signal};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
    // Copies of a template that is gone are ours to reap.
    process::become_subreaper()?;
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
        let (ours, theirs) = fdpass::pair(if role == Role::Template { Kind::Seqpacket } else { Kind::Stream })?;
        let ahead = self.ahead.map(|ahead| [ahead.service.as_bytes(), bytes(ahead.sessions), bytes(ahead.groups)]);
        let words = match (role.awaits(), ahead) {
            (Some(containment), Some(ahead)) => [&ahead[..], &[word, containment.word().as_bytes()]].concat(),
            (None, Some(ahead)) if role == Role::Template => ahead.to_vec(),
            // It would be a supervisor, and wait for its only session.
            (None, None) if role == Role::Template => return Err(Error::Gone),
            _ => Vec::new(),
        };
        let child = start_self(self.executable.as_fd(), role.name(), &words, theirs.as_fd())?;
        let scheduling = match role {
            Role::Waiting | Role::WaitingApart | Role::Template => Scheduling::Idle,
            Role::Supervisor | Role::Authn | Role::Names => Scheduling::Normal,
        };
        if scheduling != Scheduling::Normal {
            // Where that cannot be, it runs beside whatever else does.
            drop(process::schedule(child.pid, scheduling));
        }
        Ok((child, ours))
    }

    /// Answers one request; false when the broker is gone.
    fn answer(&self) -> Result<bool, Error> {
        let Some(Request { role, word }) = next_request(self.socket.as_fd())? else { return Ok(false) };
        let started = role.ok_or(Error::Gone).and_then(|role| self.start(role, &word));
        Ok(reply_with(self.socket.as_fd(), &started))
    }
}

/// What is asked for.
pub(crate) struct Request {
    /// None where there is no such role.
    pub(crate) role: Option<Role>,
    /// The session for which a supervisor is to wait.
    pub(crate) word: Vec<u8>,
}

/// The next one; none when nobody is there any more.
///
/// # Errors
/// As the kernel says.
pub(crate) fn next_request(socket: BorrowedFd<'_>) -> Result<Option<Request>, Error> {
    let mut request = [0u8; MOST_WORD + 1];
    let length = match fdpass::receive(socket, &mut request, 0) {
        Ok((length, _)) => length,
        Err(PassError::Receive(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    let request = request.get(..length).and_then(<[u8]>::split_first);
    Ok(request.map(|(byte, word)| Request { role: Role::from_byte(*byte), word: word.to_vec() }))
}

/// Answers; false when nobody is there any more.
pub(crate) fn reply_with(socket: BorrowedFd<'_>, started: &Result<(Child, OwnedFd), Error>) -> bool {
    let sent = match started {
        Ok((child, control)) => fdpass::send(socket, &reply(0, child.pid), &[child.pidfd.as_fd(), control.as_fd()]),
        Err(error) => fdpass::send(socket, &reply(errno_of(error), 0), &[]),
    };
    sent.is_ok()
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
