//! What an unprivileged client needs beside `pty`: whose socket it is, and its own job control.
//!
//! Nothing here needs a right, and nothing here is used by the parts that have one.

use crate::error::{Result, check};
use std::os::fd::{AsRawFd, BorrowedFd};

/// The uid of whoever listens on a connected unix socket, as the kernel recorded it. Works also when that process has
/// handed the socket on and ended, and from inside another pid namespace: for a client, `peer::Peer` asks too much.
///
/// # Errors
/// As the kernel says.
pub fn peer_uid(socket: BorrowedFd<'_>) -> Result<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    // SAFETY: `credentials` has `length` writable bytes.
    check("read the peer's credentials", unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut credentials).cast(), &raw mut length)
    })?;
    Ok(credentials.uid)
}

/// Whether a descriptor is the controlling terminal of our session.
#[must_use]
pub fn is_controlling(terminal: BorrowedFd<'_>) -> bool {
    // SAFETY: plain calls; 0 means ourselves.
    unsafe {
        let session = libc::tcgetsid(terminal.as_raw_fd());
        session > 0 && session == libc::getsid(0)
    }
}

/// Whether our process group may change and read this terminal now. A terminal that controls nobody's session here
/// has no foreground: it counts as ours.
#[must_use]
pub fn in_foreground(terminal: BorrowedFd<'_>) -> bool {
    // SAFETY: plain calls.
    unsafe {
        let group = libc::tcgetpgrp(terminal.as_raw_fd());
        group < 0 || group == libc::getpgrp()
    }
}

/// Sends a stopping signal to our whole process group, as the terminal's driver would for Ctrl-Z, and returns when we go on.
/// The signal may be blocked (for a `SignalFd`) and is blocked again afterwards. Where nobody could wake us (an orphaned group),
/// the kernel drops the signal and this returns at once.
///
/// # Errors
/// As the kernel says.
pub fn stop_own_group(signal: i32) -> Result<()> {
    stop(0, signal)
}

/// The same for this process alone.
///
/// # Errors
/// As the kernel says.
pub fn stop_self(signal: i32) -> Result<()> {
    stop(crate::process::own_pid(), signal)
}

/// `whom` as for `kill`; we are one of them.
fn stop(whom: libc::pid_t, signal: i32) -> Result<()> {
    // SAFETY: the sets are initialised before use; plain calls otherwise.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        check("stop this process", libc::kill(whom, signal))?;
        // We stop inside this call, when the pending signal is let through.
        check("unblock a signal", libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, &raw mut before))?;
        check("block a signal", libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_of_our_own_is_ours() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(peer_uid(one.as_fd()).unwrap(), crate::process::effective_uid());
    }

    #[test]
    fn a_fresh_terminal_controls_nobody() {
        let pty = crate::pty::open().unwrap();
        assert!(!is_controlling(pty.slave.as_fd()));
        assert!(in_foreground(pty.slave.as_fd()));
    }
}
