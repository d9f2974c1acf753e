//! Noticing that something in a directory changed: inotify, not recursive.
//!
//! It says that something changed, never what: whoever asks looks again.

use crate::error::{Result, check};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Watches directories.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Watches directories for entries that are made, written, renamed, removed or given other attributes, and for the end of
    /// the directory itself.
    ///
    /// # Errors
    /// When one of them is missing, or there are too many watches.
    pub fn new(directories: &[&Path]) -> Result<Self> {
        // SAFETY: plain call with an integer.
        let fd = check("watch directories", unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })?;
        // SAFETY: a fresh descriptor that nothing else owns.
        let watch = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        let changes = libc::IN_CREATE
            | libc::IN_MODIFY
            | libc::IN_ATTRIB
            | libc::IN_MOVED_FROM
            | libc::IN_MOVED_TO
            | libc::IN_DELETE
            | libc::IN_DELETE_SELF
            | libc::IN_MOVE_SELF
            | libc::IN_ONLYDIR;
        for directory in directories {
            let path = CString::new(directory.as_os_str().as_bytes())
                .map_err(|_| crate::Error::other("watch directories", "the name contains a NUL byte"))?;
            // SAFETY: the path ends with NUL.
            check("watch directories", unsafe { libc::inotify_add_watch(watch.0.as_raw_fd(), path.as_ptr(), changes) })?;
        }
        Ok(watch)
    }

    /// Whether anything changed since the last call. A watch that cannot be read counts as changed.
    #[must_use]
    pub fn changed(&self) -> bool {
        let mut buffer = [0u8; 4096];
        let mut changed = false;
        loop {
            // SAFETY: `buffer` has the length that is passed.
            let read = unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            if read <= 0 {
                let quiet = read < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock;
                return changed || !quiet;
            }
            changed = true;
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_noticed_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("entry");
        let watch = Watch::new(&[directory.path()]).unwrap();
        assert!(!watch.changed());
        std::fs::write(&path, "x").unwrap();
        assert!(watch.changed() && !watch.changed());
        std::fs::write(directory.path().join(".new"), "y").unwrap();
        std::fs::rename(directory.path().join(".new"), &path).unwrap();
        assert!(watch.changed() && !watch.changed());
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert!(watch.changed() && !watch.changed());
        std::fs::remove_file(&path).unwrap();
        assert!(watch.changed() && !watch.changed());
        assert!(Watch::new(&[&path]).is_err(), "what is not there cannot be watched");
    }
}
