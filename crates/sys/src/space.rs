//! Room on a file system: `statvfs(3)`.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::error::{Error, Result, check};

/// Bytes of the file system of a path: all of them, and those that we may still use: root has the reserve too, so that no user can
/// take from it what is left by filling the rest.
///
/// # Errors
/// When the path is not there or the file system does not say.
pub fn of(path: &Path) -> Result<(u64, u64)> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::other("ask for room", "the name contains a NUL byte"))?;
    let mut found = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with NUL; `found` is valid for the call to fill.
    check("ask for room", unsafe { libc::statvfs(name.as_ptr(), found.as_mut_ptr()) })?;
    // SAFETY: zeroed before and filled by the call that succeeded; every bit pattern is a value of its integers.
    let found = unsafe { found.assume_init() };
    let free = if crate::process::effective_uid() == 0 { found.f_bfree } else { found.f_bavail };
    Ok((found.f_blocks.saturating_mul(found.f_frsize), free.saturating_mul(found.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_no_more_room_than_it_has_and_what_is_not_there_has_none() {
        let (total, available) = of(Path::new("/")).unwrap();
        assert!(total > 0 && available <= total);
        assert!(of(Path::new("/no/such/directory")).is_err());
    }
}
