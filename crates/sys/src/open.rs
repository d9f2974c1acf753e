//! Opening files without being led astray: no magic links, no symbolic links unless asked, one component at a time;
//! and sealed copies in memory.

use crate::error::{Doing, Error, Result, check, check_long};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// `RESOLVE_NO_MAGICLINKS` of `linux/openat2.h`.
pub const NO_MAGICLINKS: u64 = 0x02;
/// `RESOLVE_NO_SYMLINKS`.
pub const NO_SYMLINKS: u64 = 0x04;
/// `RESOLVE_BENEATH`.
pub const BENEATH: u64 = 0x08;

/// Anything as a place only.
pub const PLACE: i32 = libc::O_PATH;
/// A directory as a place only (`O_PATH | O_DIRECTORY`).
pub const DIRECTORY: i32 = libc::O_PATH | libc::O_DIRECTORY;

/// `struct open_how` of `linux/openat2.h`.
#[repr(C)]
struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}

fn c_text(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| Error::other("open a file", "the name contains a NUL byte"))
}

/// `openat2`; `O_CLOEXEC` is added. `at` is the working directory when `None`.
///
/// # Errors
/// As the kernel says; `ELOOP` for a link that was not allowed, `EXDEV` for a way out of `BENEATH`.
pub fn openat2(at: Option<BorrowedFd<'_>>, path: &OsStr, flags: i32, resolve: u64) -> Result<OwnedFd> {
    let path = c_text(path)?;
    let how = How { flags: u64::try_from(flags | libc::O_CLOEXEC).unwrap_or(0), mode: 0, resolve };
    let at = at.map_or(libc::AT_FDCWD, |fd| fd.as_raw_fd());
    // SAFETY: the path ends with NUL and `how` has the size that is passed.
    let fd = unsafe { libc::syscall(libc::SYS_openat2, at, path.as_ptr(), &raw const how, size_of::<How>()) };
    let fd = check_long("open a file", fd)?;
    // SAFETY: a fresh descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap_or(-1)) })
}

/// One name in an open directory as a place only (`O_PATH`), never following a link: a link itself is opened.
///
/// # Errors
/// As the kernel says; a name with a slash, or empty, `.` or `..`, is refused.
pub fn component(parent: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    if name.is_empty() || name == "." || name == ".." || name.as_bytes().contains(&b'/') {
        return Err(Error::other("open a path's component", "not a single name"));
    }
    openat2(Some(parent), name, libc::O_PATH | libc::O_NOFOLLOW, NO_MAGICLINKS | BENEATH)
}

/// One directory in an open directory as a place only, refusing links.
///
/// # Errors
/// As the kernel says; `ENOTDIR` or `ELOOP` when it is something else.
pub fn open_dir_nofollow(parent: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    openat2(Some(parent), name, libc::O_PATH | libc::O_NOFOLLOW | libc::O_DIRECTORY, NO_MAGICLINKS | NO_SYMLINKS | BENEATH)
}

/// The root directory as a place.
///
/// # Errors
/// As the kernel says.
pub fn root() -> Result<OwnedFd> {
    openat2(None, OsStr::new("/"), libc::O_PATH | libc::O_DIRECTORY, 0)
}

/// Opens for reading what a descriptor (also an `O_PATH` one) already means: the same object, whatever names say now.
///
/// # Errors
/// As the kernel says.
pub fn reopen_read(place: BorrowedFd<'_>) -> Result<File> {
    File::options().read(true).open(format!("/proc/self/fd/{}", place.as_raw_fd())).doing("open a file for reading")
}

/// What a link that was opened by `component` points to.
///
/// # Errors
/// As the kernel says; longer than `PATH_MAX` is refused.
pub fn link_target(link: BorrowedFd<'_>) -> Result<OsString> {
    let mut buffer = vec![0u8; 4096];
    // SAFETY: an empty path names the descriptor itself; the buffer has the length that is passed.
    let length = unsafe { libc::readlinkat(link.as_raw_fd(), c"".as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let length = usize::try_from(length).map_err(|_| Error::last("read a link"))?;
    if length == buffer.len() {
        return Err(Error::other("read a link", "longer than a path may be"));
    }
    buffer.truncate(length);
    Ok(OsString::from_vec(buffer))
}

/// `fstat`, as the standard library gives it, also for an `O_PATH` descriptor.
///
/// # Errors
/// As the kernel says.
pub fn metadata(fd: BorrowedFd<'_>) -> Result<std::fs::Metadata> {
    // SAFETY: the descriptor is open while it is borrowed, and this view of it is never dropped, so that it is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd.as_raw_fd()) });
    file.metadata().doing("read a file's facts")
}

/// How a descriptor was opened: what its holder may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// For reading.
    pub reads: bool,
    /// For writing.
    pub writes: bool,
}

/// How a descriptor was opened; neither for reading nor for writing when it is a place only (`O_PATH`).
///
/// # Errors
/// As the kernel says.
pub fn opened(fd: BorrowedFd<'_>) -> Result<Opened> {
    // SAFETY: plain call with integers.
    let flags = check("read a descriptor's flags", unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    if flags & libc::O_PATH != 0 {
        return Ok(Opened { reads: false, writes: false });
    }
    let mode = flags & libc::O_ACCMODE;
    Ok(Opened { reads: mode == libc::O_RDONLY || mode == libc::O_RDWR, writes: mode == libc::O_WRONLY || mode == libc::O_RDWR })
}

/// The type of the file system under a descriptor, as in `linux/magic.h`.
///
/// # Errors
/// As the kernel says.
pub fn file_system_of(fd: BorrowedFd<'_>) -> Result<i64> {
    // SAFETY: an all-zero value is valid for the call to fill.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: `found` is valid for writing.
    check("read a file system's facts", unsafe { libc::fstatfs(fd.as_raw_fd(), &raw mut found) })?;
    #[expect(clippy::useless_conversion, reason = "the field's width differs between architectures")]
    Ok(i64::from(found.f_type))
}

/// The id of the mount that a descriptor was reached through, as in the first field of `mountinfo`.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn mount_id(fd: BorrowedFd<'_>) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).doing("read a mount id")?;
    text.lines()
        .find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
        .ok_or_else(|| Error::other("read a mount id", "the kernel does not say"))
}

/// The path that a descriptor has now, as the kernel shows it (with ` (deleted)` where it has none).
///
/// # Errors
/// When `/proc` cannot be read.
pub fn fd_path(fd: BorrowedFd<'_>) -> Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).doing("read a descriptor's path")
}

/// Whether a POSIX access list goes beyond the mode. Works on `O_PATH` descriptors too.
///
/// # Errors
/// As the kernel says; a file system without access lists has none.
pub fn has_access_list(fd: BorrowedFd<'_>) -> Result<bool> {
    has_attribute(fd, c"system.posix_acl_access")
}

/// The longest access list that is read.
const MOST_LIST: usize = 64 * 1024;

/// A POSIX access list that goes beyond the mode, in the kernel's form (`linux/posix_acl_xattr.h`). Works on `O_PATH` descriptors too.
///
/// # Errors
/// As the kernel says; a file system without access lists has none.
pub fn access_list(fd: BorrowedFd<'_>) -> Result<Option<Vec<u8>>> {
    if !has_access_list(fd)? {
        return Ok(None);
    }
    let path = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(|_| Error::other("read an access list", "NUL"))?;
    let mut list = vec![0u8; MOST_LIST];
    // SAFETY: both texts end with NUL; the buffer is valid for its length.
    let length = unsafe { libc::getxattr(path.as_ptr(), c"system.posix_acl_access".as_ptr(), list.as_mut_ptr().cast(), list.len()) };
    if let Ok(length) = usize::try_from(length) {
        list.truncate(length);
        return Ok(Some(list));
    }
    let error = Error::last("read an access list");
    if matches!(error.errno(), libc::ENODATA | libc::EOPNOTSUPP) { Ok(None) } else { Err(error) }
}

/// Whether a directory gives what is made in it an access list.
///
/// # Errors
/// As `has_access_list`.
pub fn has_default_access_list(fd: BorrowedFd<'_>) -> Result<bool> {
    has_attribute(fd, c"system.posix_acl_default")
}

fn has_attribute(fd: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    let path = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(|_| Error::other("read an access list", "NUL"))?;
    // SAFETY: both texts end with NUL; size zero asks for the length only.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0) };
    if length >= 0 {
        return Ok(true);
    }
    let error = Error::last("read an access list");
    if matches!(error.errno(), libc::ENODATA | libc::EOPNOTSUPP) { Ok(false) } else { Err(error) }
}

/// A copy of a file's content in memory that nobody can change: sealed against writing, growing, shrinking and unsealing.
/// It reads from the file's beginning and leaves the file's position after the content.
///
/// # Errors
/// When the file is longer than `most` bytes, or as the kernel says.
pub fn sealed_copy(name: &CStr, file: &mut File, most: u64) -> Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with NUL.
    let mut fd = unsafe { libc::memfd_create(name.as_ptr(), flags | libc::MFD_EXEC) };
    if fd < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
        // SAFETY: the same, for kernels before 6.3, which do not know MFD_EXEC.
        fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    }
    let fd = check("make a file in memory", fd)?;
    // SAFETY: a fresh descriptor that nothing else owns.
    let mut copy = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.rewind().doing("read the file to copy")?;
    let copied = std::io::copy(&mut file.take(most.saturating_add(1)), &mut copy).doing("copy a file into memory")?;
    if copied > most {
        return Err(Error::other("copy a file into memory", "it is too long"));
    }
    copy.flush().doing("copy a file into memory")?;
    // SAFETY: plain calls with integers.
    unsafe {
        check("make a copy executable", libc::fchmod(copy.as_raw_fd(), 0o555))?;
        let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
        check("seal a copy", libc::fcntl(copy.as_raw_fd(), libc::F_ADD_SEALS, seals))?;
    }
    copy.rewind().doing("copy a file into memory")?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_link_is_opened_as_itself_and_never_followed() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", directory.path().join("link")).unwrap();
        let at = File::open(directory.path()).unwrap();
        let link = component(at.as_fd(), OsStr::new("link")).unwrap();
        assert_eq!(link_target(link.as_fd()).unwrap(), "real");
        assert!(open_dir_nofollow(at.as_fd(), OsStr::new("link")).is_err());
        assert!(open_dir_nofollow(at.as_fd(), OsStr::new("real")).is_ok());
        for name in ["..", ".", "", "a/b"] {
            assert!(component(at.as_fd(), OsStr::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_magic_link_is_refused() {
        let error = openat2(None, OsStr::new("/proc/self/exe"), libc::O_RDONLY, NO_MAGICLINKS).unwrap_err();
        assert_eq!(error.errno(), libc::ELOOP);
    }

    #[test]
    fn a_sealed_copy_cannot_be_written_and_keeps_its_content() {
        let mut original = tempfile::tempfile().unwrap();
        original.write_all(b"content").unwrap();
        let mut copy = sealed_copy(c"test", &mut original, 100).unwrap();
        assert!(copy.write_all(b"other").is_err());
        assert!(copy.set_len(1).is_err());
        let mut text = String::new();
        copy.rewind().unwrap();
        copy.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
        assert!(sealed_copy(c"test", &mut original, 3).is_err());
    }

    #[test]
    fn how_a_descriptor_was_opened_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let how = |options: &File| opened(options.as_fd()).map(|how| (how.reads, how.writes)).unwrap();
        assert_eq!(how(&File::open(file.path()).unwrap()), (true, false));
        assert_eq!(how(&File::options().append(true).open(file.path()).unwrap()), (false, true));
        assert_eq!(how(file.as_file()), (true, true));
        assert_eq!(opened(root().unwrap().as_fd()).unwrap(), Opened { reads: false, writes: false });
    }

    #[test]
    fn facts_come_from_the_descriptor() {
        let place = root().unwrap();
        assert!(metadata(place.as_fd()).unwrap().is_dir());
        assert_eq!(fd_path(place.as_fd()).unwrap().as_os_str(), "/");
        assert!(mount_id(place.as_fd()).unwrap() > 0);
        assert!(!has_access_list(place.as_fd()).unwrap());
        assert_ne!(file_system_of(place.as_fd()).unwrap(), 0);
    }
}
