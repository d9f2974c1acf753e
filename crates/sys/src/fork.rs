//! Copies of this process.

use crate::clone;
use crate::error::{Doing, Error, Result, check};
use crate::exec::Child;
use crate::pidfd;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Fork {
    /// We started this child.
    Parent(Child),
    /// We are the child.
    Child,
}

/// In a copy there is the thread that forked and no other: whatever another one was doing stays as it was for good.
fn alone(doing: &'static str) -> Result<()> {
    // A directory has two links and one for each below it, here one for each thread.
    if std::fs::metadata("/proc/self/task").doing("count our threads")?.nlink() == 3 {
        return Ok(());
    }
    Err(Error::other(doing, "the process has more than one thread"))
}

/// Forks. The caller must have exactly one thread, which is checked. What libraries have asked to be done at a fork is done.
///
/// # Errors
/// As the kernel says, or when there is another thread.
pub fn fork() -> Result<Fork> {
    const DOING: &str = "copy this process";
    alone(DOING)?;
    // SAFETY: there is one thread, so no lock is held by another in the copy.
    let pid = check(DOING, unsafe { libc::fork() })?;
    if pid == 0 {
        return Ok(Fork::Child);
    }
    // Nobody has reaped it: the pid is still its own.
    Ok(Fork::Parent(Child { pid, pidfd: pidfd::open(pid)? }))
}

/// Forks into a new pid namespace, and into a cgroup: the child is its pid 1.
/// The caller must have exactly one thread, which is checked.
///
/// # Errors
/// As the kernel says, or when there is another thread.
pub fn fork_into_pid_namespace(cgroup: Option<BorrowedFd<'_>>) -> Result<Fork> {
    const DOING: &str = "make a pid namespace";
    alone(DOING)?;
    let flags = u64::try_from(libc::CLONE_NEWPID).unwrap_or(0);
    // SAFETY: there is one thread, so no lock is held by another in the copy.
    let forked = unsafe { clone::fork_into(flags, cgroup.map(|fd| fd.as_raw_fd())) };
    match forked {
        Ok(Some((pid, pidfd))) => Ok(Fork::Parent(Child { pid, pidfd })),
        Ok(None) => Ok(Fork::Child),
        Err(errno) => Err(Error { doing: DOING, source: std::io::Error::from_raw_os_error(errno) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_another_thread_makes_no_copy() {
        // The test runner has threads of its own.
        for refused in [fork(), fork_into_pid_namespace(None)] {
            let refused = refused.unwrap_err();
            assert!(refused.source.to_string().contains("more than one thread"), "{refused}");
        }
    }
}
