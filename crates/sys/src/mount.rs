//! Mounts and namespaces of the process that calls, for a session's own `/proc`.

use crate::clone;
use crate::error::{Doing, Error, Result, check};
use crate::exec::Child;
use std::ffi::{CString, OsStr, OsString};
use std::io::Read as _;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt as _;

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Fork {
    /// We started this child.
    Parent(Child),
    /// We are the child.
    Child,
}

/// Forks into a new pid namespace, and into a cgroup: the child is its pid 1.
/// The caller must have exactly one thread, which is checked.
///
/// # Errors
/// As the kernel says, or when there is another thread.
pub fn fork_into_pid_namespace(cgroup: Option<BorrowedFd<'_>>) -> Result<Fork> {
    // A directory has two links and one for each below it, here one for each thread.
    let links = std::fs::metadata("/proc/self/task").doing("count our threads")?.nlink();
    if links != 3 {
        return Err(Error::other("make a pid namespace", "the process has more than one thread"));
    }
    let flags = u64::try_from(libc::CLONE_NEWPID).unwrap_or(0);
    // SAFETY: there is one thread, so no lock is held by another in the copy.
    let forked = unsafe { clone::fork_into(flags, cgroup.map(|fd| fd.as_raw_fd())) };
    match forked {
        Ok(Some((pid, pidfd))) => Ok(Fork::Parent(Child { pid, pidfd })),
        Ok(None) => Ok(Fork::Child),
        Err(errno) => Err(Error { doing: "make a pid namespace", source: std::io::Error::from_raw_os_error(errno) }),
    }
}

/// Which mount namespace we are in, as a number that no other one has meanwhile.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn own_namespace() -> Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/mnt").doing("look at our mount namespace")?.ino())
}

/// Goes on in a mount namespace of its own: nothing that is mounted or unmounted from here on reaches another one.
///
/// # Errors
/// As the kernel says.
pub fn leave_namespace() -> Result<()> {
    // SAFETY: plain call with an integer.
    check("make a mount namespace", unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    // SAFETY: every text ends with NUL, unused ones are null.
    let done = unsafe { libc::mount(std::ptr::null(), c"/".as_ptr(), std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE, std::ptr::null()) };
    check("make mounts private", done).map(drop)
}

fn c_text(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| Error::other("name a mount", "the path contains a NUL byte"))
}

/// Mounts the present pid namespace's `/proc` at a directory.
///
/// # Errors
/// As the kernel says.
pub fn mount_proc(place: &OsStr) -> Result<()> {
    let place = c_text(place)?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: every text ends with NUL; no data is passed.
    let done = unsafe { libc::mount(c"proc".as_ptr(), place.as_ptr(), c"proc".as_ptr(), flags, std::ptr::null()) };
    check("mount /proc", done).map(drop)
}

/// Detaches what is mounted at a path, with everything below it, without following a last link.
///
/// # Errors
/// As the kernel says.
pub fn unmount(place: &OsStr) -> Result<()> {
    let place = c_text(place)?;
    // SAFETY: the text ends with NUL.
    check("unmount", unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) }).map(drop)
}

/// The places at which a `proc` file system is mounted, in `mountinfo`'s order (what covers comes later).
///
/// # Errors
/// When `/proc` cannot be read.
pub fn proc_mounts() -> Result<Vec<OsString>> {
    // WHY room at once: each read of a list that has no length costs as much as the whole of it.
    let mut text = Vec::with_capacity(64 << 10);
    let read = std::fs::File::open("/proc/self/mountinfo").and_then(|mut file| file.read_to_end(&mut text));
    read.map(|_| mounts_of_type(&text, b"proc")).doing("read the list of mounts")
}

fn mounts_of_type(mountinfo: &[u8], kind: &[u8]) -> Vec<OsString> {
    let lines = mountinfo.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            let separator = fields.iter().position(|field| *field == b"-")?;
            let found = *fields.get(separator.checked_add(1)?)?;
            (found == kind).then(|| unescape(fields.get(4).copied().unwrap_or_default()))
        })
        .collect()
}

/// `mountinfo` writes blank, tab, newline and backslash as three octal digits.
fn unescape(field: &[u8]) -> OsString {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten().and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                text.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                text.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_another_thread_makes_no_pid_namespace() {
        // The test runner has threads of its own.
        let refused = fork_into_pid_namespace(None).unwrap_err();
        assert!(
            refused.to_string().contains("make a pid namespace") && refused.source.to_string().contains("more than one thread"),
            "{refused}"
        );
    }

    #[test]
    fn proc_mounts_are_found_with_optional_fields_and_odd_names() {
        let info = b"22 27 0:21 / /proc rw - proc proc rw\n23 27 0:2 / /a\\040b rw shared:4 master:1 - proc none rw\n24 27 0:3 / /proc-not rw - ext4 proc rw\n";
        assert_eq!(mounts_of_type(info, b"proc"), ["/proc", "/a b"]);
        assert!(proc_mounts().unwrap().contains(&OsString::from("/proc")));
    }
}
