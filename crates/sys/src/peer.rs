//! Who is at the other end of a unix socket: credentials and a pidfd from the kernel, facts from `/proc` checked against that pidfd.
//!
//! Nothing that the peer says enters here.

use crate::error::{Doing, Error, Result, check};
use crate::{pidfd, process};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// `SO_PEERPIDFD` of `asm-generic/socket.h`, kernel 6.5 and later.
const SO_PEERPIDFD: libc::c_int = 77;

/// A peer, as the kernel recorded it when it connected.
#[derive(Debug)]
pub struct Peer {
    /// Its user id, as seen from our user namespace.
    pub uid: u32,
    /// Its primary group id.
    pub gid: u32,
    /// Its pid, as seen from our pid namespace.
    pub pid: i32,
    /// The process itself.
    pub pidfd: OwnedFd,
}

/// The namespaces in which a process and we are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SameNamespaces {
    /// User namespace.
    pub user: bool,
    /// Mount namespace.
    pub mount: bool,
    /// Pid namespace.
    pub pid: bool,
}

/// What remembered authentication is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TerminalSession {
    /// The session's leader (the process itself when the leader is gone: then nothing is shared).
    pub leader: i32,
    /// When the leader started, in clock ticks since boot, so that a reused pid is another session.
    pub leader_started: u64,
    /// The controlling terminal's device number, 0 for none.
    pub terminal: u64,
}

impl Peer {
    /// The peer of a connected unix socket.
    ///
    /// # Errors
    /// Every failure; never a guess. A peer that has ended is an error.
    pub fn of(socket: BorrowedFd<'_>) -> Result<Self> {
        let mut credentials = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
        let mut length = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
        // SAFETY: `credentials` has `length` writable bytes.
        check("read the peer's credentials", unsafe {
            libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut credentials).cast(), &raw mut length)
        })?;
        if credentials.pid <= 0 || credentials.uid == u32::MAX || credentials.gid == u32::MAX {
            return Err(Error::other("read the peer's credentials", "the peer is outside our namespaces"));
        }
        let pidfd = match peer_pidfd(socket) {
            Ok(fd) => fd,
            Err(error) if error.errno() == libc::ENOPROTOOPT => checked_pidfd(&credentials)?,
            Err(error) => return Err(error),
        };
        let peer = Self { uid: credentials.uid, gid: credentials.gid, pid: credentials.pid, pidfd };
        peer.still("read the peer's credentials", ())?;
        Ok(peer)
    }

    /// Compares namespaces with ours.
    ///
    /// # Errors
    /// When `/proc` cannot be read or the peer ended meanwhile.
    pub fn same_namespaces(&self) -> Result<SameNamespaces> {
        let [user, mount, pid] = own_namespaces()?;
        let same = |kind: &str, ours: &Path| -> Result<bool> {
            let theirs = std::fs::read_link(format!("/proc/{}/ns/{kind}", self.pid)).doing("read the peer's namespaces")?;
            Ok(theirs == ours)
        };
        let found = SameNamespaces { user: same("user", user)?, mount: same("mnt", mount)?, pid: same("pid", pid)? };
        self.still("read the peer's namespaces", found)
    }

    /// Whether the peer's root directory is ours.
    ///
    /// # Errors
    /// When `/proc` cannot be read or the peer ended meanwhile.
    pub fn same_root(&self) -> Result<bool> {
        use std::os::unix::fs::MetadataExt;
        let theirs = std::fs::metadata(format!("/proc/{}/root/", self.pid)).doing("read the peer's root")?;
        let ours = std::fs::metadata("/").doing("read our root")?;
        self.still("read the peer's root", (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()))
    }

    /// Its terminal session.
    ///
    /// # Errors
    /// When `/proc` cannot be read or the peer ended meanwhile.
    pub fn terminal_session(&self) -> Result<TerminalSession> {
        let own = process::stat(self.pid)?;
        let found = match process::stat(own.session) {
            Ok(leader) => TerminalSession { leader: own.session, leader_started: leader.started, terminal: own.terminal },
            Err(_) => TerminalSession { leader: self.pid, leader_started: own.started, terminal: own.terminal },
        };
        self.still("read the peer's session", found)
    }

    /// Its parent's pid and executable; the path is `None` where the kernel has none. A fact about the parent *now*.
    ///
    /// # Errors
    /// When `/proc` cannot be read or the peer ended meanwhile.
    pub fn parent(&self) -> Result<(i32, Option<PathBuf>)> {
        let parent = process::stat(self.pid)?.parent;
        let path = std::fs::read_link(format!("/proc/{parent}/exe")).ok();
        let again = process::stat(self.pid)?.parent;
        let found = if again == parent { (parent, path) } else { (again, None) };
        self.still("read the peer's parent", found)
    }

    /// A value read through the pid, if the process that the pidfd means is still there: then the pid was its own.
    fn still<T>(&self, doing: &'static str, value: T) -> Result<T> {
        if pidfd::is_alive(self.pidfd.as_fd()) { Ok(value) } else { Err(Error::other(doing, "the peer has ended")) }
    }
}

/// Ours, user, mount and pid: read once, since no process of ours that compares them ever changes them.
fn own_namespaces() -> Result<&'static [PathBuf; 3]> {
    static OURS: OnceLock<[PathBuf; 3]> = OnceLock::new();
    if let Some(ours) = OURS.get() {
        return Ok(ours);
    }
    let read = |kind: &str| std::fs::read_link(format!("/proc/self/ns/{kind}")).doing("read our namespaces");
    let ours = [read("user")?, read("mnt")?, read("pid")?];
    Ok(OURS.get_or_init(|| ours))
}

fn peer_pidfd(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut fd: libc::c_int = -1;
    let mut length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    // SAFETY: `fd` has `length` writable bytes.
    check("read the peer's process", unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PEERPIDFD, (&raw mut fd).cast(), &raw mut length)
    })?;
    // SAFETY: the kernel made a fresh close-on-exec descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// For kernels before 6.5: a pidfd of the recorded pid, whose owner must still be the recorded uid.
fn checked_pidfd(credentials: &libc::ucred) -> Result<OwnedFd> {
    use std::os::unix::fs::MetadataExt;
    let fd = pidfd::open(credentials.pid)?;
    let owner = std::fs::metadata(format!("/proc/{}", credentials.pid)).doing("read the peer's process")?.uid();
    // A process that is not dumpable is shown as root's.
    if owner != credentials.uid && owner != 0 {
        return Err(Error::other("read the peer's process", "the pid belongs to somebody else by now"));
    }
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_peer_in_our_own_process_is_us() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(one.as_fd()).unwrap();
        assert_eq!(peer.pid, process::own_pid());
        assert_eq!(peer.uid, process::effective_uid());
        assert_eq!(peer.same_namespaces().unwrap(), SameNamespaces { user: true, mount: true, pid: true });
        assert!(peer.same_root().unwrap());
        assert!(peer.terminal_session().unwrap().leader_started > 0);
        assert!(peer.parent().unwrap().0 > 0);
    }
}
