//! The template: a supervisor with the PAM service's modules loaded that never has a session. It copies itself for each session that is
//! to be waited for, which costs a fraction of executing another one and loading them again.
//!
//! INVARIANT: it learns nothing of any session but its id, and a process that has a session is never copied.

use super::ahead::Ahead;
use super::pam_session::Loaded;
use super::{Error, meet};
use crate::launcher::{self, Awaited, next_request};
use brevet_sys::fdpass::{self, Kind};
use brevet_sys::fork::{self, Fork};
use brevet_sys::memory::Writable;
use brevet_sys::pidfd::{self, Change};
use brevet_sys::poll::{self, Interest};
use brevet_sys::process::{self, Scheduling};
use brevet_sys::signal;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

/// A copy of this process, and the socket of each side.
fn copy() -> Result<(Fork, OwnedFd), launcher::Error> {
    let (ours, theirs) = fdpass::pair(Kind::Stream)?;
    Ok(match fork::fork()? {
        Fork::Parent(child) => (Fork::Parent(child), ours),
        Fork::Child => (Fork::Child, theirs),
    })
}

/// What each copy needs, loaded; none where a module keeps a descriptor of its own (a connection to a daemon), which sessions of
/// different people would share.
fn load(service: &str) -> brevet_sys::Result<(Option<Loaded>, Writable)> {
    let before = process::descriptors()?;
    let loaded = Loaded::load(service);
    let alone = process::descriptors()? == before + usize::from(loaded.is_some());
    Ok((loaded.filter(|_| alone), Writable::own()?))
}

/// The role's whole life, or a copy's.
pub(super) fn serve(ahead: launcher::Ahead<'_>) -> Result<(), Error> {
    process::forbid_dumping()?;
    process::default_limits()?;
    let socket = fdpass::inherited(launcher::CONTROL)?;
    let children = signal::SignalFd::new(&[signal::CHILD])?;
    let (mut loaded, mut writable) = load(ahead.service)?;
    loop {
        let ready = poll::wait(&[(socket.as_fd(), Interest::READ), (children.as_fd(), Interest::READ)], None)?;
        while children.next().is_some() {}
        while let Some((_, change)) = pidfd::next_change()? {
            // WHY: where in memory everything is, the next copy would have in common with one that somebody made crash.
            if matches!(change, Change::Killed(_)) {
                return Ok(());
            }
        }
        if ready.first().is_none_or(|ready| ready.is_empty()) {
            continue;
        }
        let Ok(Some(request)) = next_request(socket.as_fd()) else { return Ok(()) };
        if !loaded.as_ref().is_some_and(Loaded::holds) {
            drop(loaded.take());
            (loaded, writable) = load(ahead.service)?;
        }
        // Without anything loaded a copy is of no use.
        if loaded.is_none() {
            return Ok(());
        }
        let wanted = request.role.and_then(launcher::Role::awaits).zip(String::from_utf8(request.word.clone()).ok());
        let copied = wanted.ok_or(launcher::Error::Unknown).and_then(|wanted| Ok((copy()?, wanted)));
        let answer = match copied {
            Ok(((Fork::Child, control), (containment, session))) => {
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
            Ok(((Fork::Parent(child), control), _)) => {
                // As one that the launcher makes; before anybody knows of it, and gives it a session.
                drop(process::schedule(child.pid, Scheduling::Idle));
                Ok((child, control))
            }
            Err(error) => Err(error),
        };
        if !request.answer(socket.as_fd(), &answer) {
            return Ok(());
        }
    }
}
