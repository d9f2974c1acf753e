//! Processes by descriptor: a pidfd never means another process, however pids are reused.

use crate::error::{Error, Result, check_long};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// How a process ended or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It returned this status.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// A signal stopped it.
    Stopped(i32),
    /// It goes on.
    Continued,
}

/// A pidfd for a process that exists now.
///
/// # Errors
/// `ESRCH` when there is none.
pub fn open(pid: i32) -> Result<OwnedFd> {
    // SAFETY: plain call with integers.
    let fd = check_long("open a process", unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: a fresh descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap_or(-1)) })
}

/// Sends a signal.
///
/// # Errors
/// `ESRCH` when the process is gone.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    // SAFETY: no siginfo is passed.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0) };
    check_long("signal a process", sent).map(drop)
}

/// Whether the process still runs (it may be a zombie of another parent, which counts as gone).
#[must_use]
pub fn is_alive(pidfd: BorrowedFd<'_>) -> bool {
    crate::poll::wait(&[(pidfd, crate::poll::Interest::READ)], Some(0)).is_ok_and(|ready| ready.iter().all(|r| r.is_empty()))
}

/// Waits for a child to end; interrupted waits go on.
///
/// # Errors
/// When it is not our child.
pub fn wait(pidfd: BorrowedFd<'_>) -> Result<Change> {
    loop {
        // SAFETY: an all-zero siginfo is a valid value for the call to fill.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` is valid; the descriptor lives as long as the borrow.
        let waited =
            unsafe { libc::waitid(libc::P_PIDFD, u32::try_from(pidfd.as_raw_fd()).unwrap_or(u32::MAX), &raw mut info, libc::WEXITED) };
        if waited == 0 {
            // SAFETY: waitid filled the child fields.
            let status = unsafe { info.si_status() };
            return Ok(if info.si_code == libc::CLD_EXITED { Change::Exited(status) } else { Change::Killed(status) });
        }
        let source = io::Error::last_os_error();
        if source.kind() != io::ErrorKind::Interrupted {
            return Err(Error { doing: "wait for a process", source });
        }
    }
}

/// The next child that changed, with its pid; `None` when no child has, or there are no children.
///
/// # Errors
/// When the kernel refuses for another reason.
pub fn next_change() -> Result<Option<(i32, Change)>> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED) };
    if pid < 0 {
        let source = io::Error::last_os_error();
        if source.raw_os_error() == Some(libc::ECHILD) {
            return Ok(None);
        }
        return Err(Error { doing: "wait for children", source });
    }
    if pid == 0 {
        return Ok(None);
    }
    let change = if libc::WIFEXITED(status) {
        Change::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        Change::Killed(libc::WTERMSIG(status))
    } else if libc::WIFSTOPPED(status) {
        Change::Stopped(libc::WSTOPSIG(status))
    } else {
        Change::Continued
    };
    Ok(Some((pid, change)))
}

/// Whether we have a child left that is not reaped.
#[must_use]
pub fn has_children() -> bool {
    // SAFETY: an all-zero siginfo is a valid value for the call to fill.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid; WNOWAIT leaves every child as it is.
    let waited = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) };
    waited == 0
}
