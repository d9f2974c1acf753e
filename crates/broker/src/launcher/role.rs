//! The role itself: starts what the broker asks for, one after the other.

use super::{Ahead, CONTROL, Error, Role, line, start_self};
use brevet_sys::exec::Child;
use brevet_sys::fdpass::{self, Kind};
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
            // Without words it would be an ordinary supervisor.
            (None, None) if role == Role::Template => return Err(Error::Unknown),
            _ => Vec::new(),
        };
        let child = start_self(self.executable.as_fd(), role.name(), &words, theirs.as_fd())?;
        let scheduling = match role {
            Role::Waiting | Role::WaitingApart => Scheduling::Idle,
            // Somebody waits for each of its answers.
            Role::Template => Scheduling::Patient,
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
        let Some(request) = line::next_request(self.socket.as_fd())? else { return Ok(false) };
        let started = request.role.ok_or(Error::Unknown).and_then(|role| self.start(role, &request.word));
        Ok(request.answer(self.socket.as_fd(), &started))
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
