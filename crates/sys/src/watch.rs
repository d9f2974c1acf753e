//! Noticing that something in a directory changed: inotify, not recursive.
//!
//! It says that something changed, never what: whoever asks looks again.

use crate::error::{Result, check};
use crate::poll::{self, Interest};
use std::ffi::CString;
use std::os::fd::{AsFd as _, AsRawFd, FromRawFd, OwnedFd};
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

    /// Whether anything changed since it was made. A watch that cannot be asked counts as changed.
    ///
    /// WHY nothing is read: copies of this process have the same watch, and each must see it.
    #[must_use]
    pub fn changed(&self) -> bool {
        poll::wait(&[(self.0.as_fd(), Interest::READ)], Some(0)).map_or(true, |ready| ready.iter().any(|ready| !ready.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_noticed_and_stays_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("entry");
        let notices = |change: &dyn Fn()| {
            let watch = Watch::new(&[directory.path()]).unwrap();
            assert!(!watch.changed());
            change();
            assert!(watch.changed() && watch.changed());
        };
        notices(&|| std::fs::write(&path, "x").unwrap());
        notices(&|| {
            std::fs::write(directory.path().join(".new"), "y").unwrap();
            std::fs::rename(directory.path().join(".new"), &path).unwrap();
        });
        notices(&|| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap());
        notices(&|| std::fs::remove_file(&path).unwrap());
        assert!(Watch::new(&[&path]).is_err(), "what is not there cannot be watched");
    }
}
