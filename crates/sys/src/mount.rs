//! Mounts and namespaces of the process that calls, for a session's own `/proc`.

use crate::error::{Doing, Error, Result, check};
use std::ffi::{CString, OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt as _;

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
    fn proc_mounts_are_found_with_optional_fields_and_odd_names() {
        let info = b"22 27 0:21 / /proc rw - proc proc rw\n23 27 0:2 / /a\\040b rw shared:4 master:1 - proc none rw\n24 27 0:3 / /proc-not rw - ext4 proc rw\n";
        assert_eq!(mounts_of_type(info, b"proc"), ["/proc", "/a b"]);
        assert!(proc_mounts().unwrap().contains(&OsString::from("/proc")));
    }
}
