//! Namespaces of another process, for a program that begins in them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The pid and mount namespaces of another process.
///
/// WHY with our own: what we fork later must not begin in theirs, so we take ours back.
#[derive(Debug, Clone, Copy)]
pub struct Namespaces<'a> {
    /// The pidfd of their pid 1.
    pub init: BorrowedFd<'a>,
    /// Our own pidfd.
    pub own: BorrowedFd<'a>,
}

impl Namespaces<'_> {
    /// Runs `start` with its children beginning in that pid namespace.
    pub(crate) fn with_children_in<T>(self, start: impl FnOnce() -> T) -> io::Result<T> {
        enter(self.init, libc::CLONE_NEWPID)?;
        let started = start();
        // WHY so hard: every process that we start from here on would begin in there.
        if enter(self.own, libc::CLONE_NEWPID).is_err() {
            std::process::abort();
        }
        Ok(started)
    }

    /// Goes on in that mount namespace, at its root. Makes one system call and allocates nothing.
    pub(crate) fn enter_mounts(self) -> io::Result<()> {
        enter(self.init, libc::CLONE_NEWNS)
    }
}

fn enter(pidfd: BorrowedFd<'_>, which: libc::c_int) -> io::Result<()> {
    // SAFETY: plain call with a descriptor that lives as long as the borrow.
    if unsafe { libc::setns(pidfd.as_raw_fd(), which) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
