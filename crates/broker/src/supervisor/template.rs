//! The template: a supervisor with the PAM service's modules loaded that never has a session. It copies itself for each session that is
//! to be waited for, which costs a fraction of executing another one and loading them again.
//!
//! INVARIANT: it learns nothing of any session but its id, and a process that has a session is never copied.

use super::ahead::Ahead;
use super::pam_session::Loaded;
use super::{Error, meet};
use crate::launcher::{self, Awaited, Request, next_request, reply_with};
use brevet_sys::exec::Child;
use brevet_sys::fdpass::{self, Kind};
use brevet_sys::fork::{self, Fork};
use brevet_sys::memory::Writable;
use brevet_sys::poll::{self, Interest};
use brevet_sys::{pidfd, process, signal};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

/// Which side of a copy this is.
enum Copied {
    Template(Child, OwnedFd),
    /// With its socket.
    Copy(OwnedFd),
}

fn copy() -> Result<Copied, launcher::Error> {
    let (ours, theirs) = fdpass::pair(Kind::Stream)?;
    Ok(match fork::fork()? {
        Fork::Parent(child) => Copied::Template(child, ours),
        Fork::Child => Copied::Copy(theirs),
    })
}

/// The role's whole life, or a copy's.
pub(super) fn serve(ahead: launcher::Ahead<'_>) -> Result<(), Error> {
    process::forbid_dumping()?;
    process::default_limits()?;
    let socket = fdpass::inherited(launcher::CONTROL)?;
    let children = signal::SignalFd::new(&[signal::CHILD])?;
    let mut loaded = Loaded::load(ahead.service);
    let mut writable = Writable::own()?;
    loop {
        let ready = poll::wait(&[(socket.as_fd(), Interest::READ), (children.as_fd(), Interest::READ)], None)?;
        while children.next().is_some() {}
        while pidfd::next_change()?.is_some() {}
        if ready.first().is_none_or(|ready| ready.is_empty()) {
            continue;
        }
        let Ok(Some(Request { role, word })) = next_request(socket.as_fd()) else { return Ok(()) };
        if !loaded.as_ref().is_some_and(Loaded::holds) {
            drop(loaded.take());
            loaded = Loaded::load(ahead.service);
            writable = Writable::own()?;
        }
        let wanted = role.and_then(launcher::Role::awaits).zip(String::from_utf8(word).ok());
        let copied = wanted.ok_or(launcher::Error::Gone).and_then(|wanted| Ok((copy()?, wanted)));
        let answer = match copied {
            Ok((Copied::Copy(control), (containment, session))) => {
                drop((socket, children));
                process::new_session()?;
                let awaited = Awaited { ahead, session: &session, containment };
                return meet(UnixStream::from(control), || {
                    let ahead = Ahead::with(loaded, awaited);
                    // WHY last: init, where there is one, is a copy of its own.
                    writable.make_own();
                    ahead
                });
            }
            Ok((Copied::Template(child, control), _)) => Ok((child, control)),
            Err(error) => Err(error),
        };
        if !reply_with(socket.as_fd(), &answer) {
            return Ok(());
        }
    }
}
