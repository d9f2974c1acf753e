//! Users and groups as the computer sees them (NSS: files, LDAP, SSSD …). Loads whatever modules `nsswitch.conf` names and
//! may hang with them: only for the roles that may be killed.

use std::ffi::{CStr, CString};
use std::io;

/// A user account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name, as the directory writes it.
    pub name: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: Vec<u8>,
    /// Login shell, empty when none is named.
    pub shell: Vec<u8>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: Vec<u8>,
    /// Group id.
    pub gid: u32,
}

/// A look-up that gave no answer: not the same as an account that is not there.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The directory failed.
    #[error("the user directory did not answer")]
    Directory(#[source] io::Error),
    /// The entry is larger than a megabyte.
    #[error("the user directory's answer is too long")]
    TooLong,
    /// A name with a NUL byte.
    #[error("the name contains a NUL byte")]
    Name,
}

const MOST_BYTES: usize = 1 << 20;
const MOST_GROUPS: usize = 65_536;

/// Grows the buffer until the answer fits.
fn with_buffer<T>(mut ask: impl FnMut(&mut [libc::c_char]) -> Result<Option<T>, i32>) -> Result<Option<T>, LookupError> {
    let mut size = 4096;
    loop {
        let mut buffer = vec![0; size];
        match ask(&mut buffer) {
            Ok(answer) => return Ok(answer),
            Err(libc::ERANGE) if size < MOST_BYTES => size = size.saturating_mul(4),
            Err(libc::ERANGE) => return Err(LookupError::TooLong),
            Err(libc::EINTR) => {}
            // These are how an NSS module says "not there".
            Err(libc::ENOENT | libc::ESRCH) => return Ok(None),
            Err(errno) => return Err(LookupError::Directory(io::Error::from_raw_os_error(errno))),
        }
    }
}

fn text(pointer: *const libc::c_char) -> Vec<u8> {
    if pointer.is_null() {
        return Vec::new();
    }
    // SAFETY: NSS gives texts that end with NUL inside our buffer, which is alive here.
    unsafe { CStr::from_ptr(pointer) }.to_bytes().to_vec()
}

type UserCall<'a> = &'a dyn Fn(*mut libc::passwd, &mut [libc::c_char], *mut *mut libc::passwd) -> i32;

fn user(call: UserCall<'_>) -> Result<Option<User>, LookupError> {
    with_buffer(|buffer| {
        // SAFETY: an all-zero entry is valid for the call to fill.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        match call(&raw mut entry, buffer, &raw mut found) {
            0 if found.is_null() => Ok(None),
            0 => Ok(Some(User {
                name: text(entry.pw_name),
                uid: entry.pw_uid,
                gid: entry.pw_gid,
                home: text(entry.pw_dir),
                shell: text(entry.pw_shell),
            })),
            errno => Err(errno),
        }
    })
}

/// The user of this name.
///
/// # Errors
/// When the directory gave no answer.
pub fn user_by_name(name: &[u8]) -> Result<Option<User>, LookupError> {
    let name = CString::new(name).map_err(|_| LookupError::Name)?;
    // SAFETY: every pointer is valid for the length that is passed.
    user(&|entry, buffer, found| unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer.as_mut_ptr(), buffer.len(), found) })
}

/// The user of this id; the id that means "none" is nobody's.
///
/// # Errors
/// When the directory gave no answer.
pub fn user_by_uid(uid: u32) -> Result<Option<User>, LookupError> {
    if uid == u32::MAX {
        return Ok(None);
    }
    // SAFETY: every pointer is valid for the length that is passed.
    user(&|entry, buffer, found| unsafe { libc::getpwuid_r(uid, entry, buffer.as_mut_ptr(), buffer.len(), found) })
}

type GroupCall<'a> = &'a dyn Fn(*mut libc::group, &mut [libc::c_char], *mut *mut libc::group) -> i32;

fn group(call: GroupCall<'_>) -> Result<Option<Group>, LookupError> {
    with_buffer(|buffer| {
        // SAFETY: an all-zero entry is valid for the call to fill.
        let mut entry: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        match call(&raw mut entry, buffer, &raw mut found) {
            0 if found.is_null() => Ok(None),
            0 => Ok(Some(Group { name: text(entry.gr_name), gid: entry.gr_gid })),
            errno => Err(errno),
        }
    })
}

/// The group of this name.
///
/// # Errors
/// When the directory gave no answer.
pub fn group_by_name(name: &[u8]) -> Result<Option<Group>, LookupError> {
    let name = CString::new(name).map_err(|_| LookupError::Name)?;
    // SAFETY: every pointer is valid for the length that is passed.
    group(&|entry, buffer, found| unsafe { libc::getgrnam_r(name.as_ptr(), entry, buffer.as_mut_ptr(), buffer.len(), found) })
}

/// The group of this id.
///
/// # Errors
/// When the directory gave no answer.
pub fn group_by_gid(gid: u32) -> Result<Option<Group>, LookupError> {
    if gid == u32::MAX {
        return Ok(None);
    }
    // SAFETY: every pointer is valid for the length that is passed.
    group(&|entry, buffer, found| unsafe { libc::getgrgid_r(gid, entry, buffer.as_mut_ptr(), buffer.len(), found) })
}

/// The ids of every group of a user, the primary one among them, without repetition.
///
/// # Errors
/// When the list is longer than the kernel allows.
pub fn groups_of(name: &[u8], primary: u32) -> Result<Vec<u32>, LookupError> {
    let name = CString::new(name).map_err(|_| LookupError::Name)?;
    let mut room = 64usize;
    loop {
        let mut list = vec![0u32; room];
        let mut count = i32::try_from(room).unwrap_or(i32::MAX);
        // SAFETY: the list has `count` entries of room.
        let done = unsafe { libc::getgrouplist(name.as_ptr(), primary, list.as_mut_ptr(), &raw mut count) };
        let count = usize::try_from(count).unwrap_or(0);
        if done >= 0 {
            list.truncate(count);
            list.sort_unstable();
            list.dedup();
            return Ok(list);
        }
        if room >= MOST_GROUPS {
            return Err(LookupError::TooLong);
        }
        room = count.max(room.saturating_mul(4)).min(MOST_GROUPS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_and_nobody_is_invented() {
        let root = user_by_name(b"root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(user_by_uid(0).unwrap().unwrap(), root);
        assert!(user_by_name(b"no-such-user-here").unwrap().is_none());
        assert!(user_by_uid(u32::MAX).unwrap().is_none());
        assert!(user_by_name(b"ro\0ot").is_err());
        assert!(groups_of(b"root", 0).unwrap().contains(&0));
        assert_eq!(group_by_gid(0).unwrap().unwrap().name, b"root");
        assert_eq!(group_by_name(b"root").unwrap().unwrap().gid, 0);
    }
}
