//! Which of the caller's descriptors may become the program's own (DESIGN section 10).
//!
//! Never a terminal: what is typed into the caller's terminal by another user's process is executed by the caller's shell
//! (`TIOCSTI`). Never a directory: it would be a way out of the session's mount namespace.

use brevet_sys::{open, pty};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// File systems whose files act when they are written, from `linux/magic.h`: proc, sysfs, cgroup, cgroup2, FUSE, debugfs,
/// tracefs, securityfs, configfs, bpf, efivarfs.
const ACTING: [i64; 11] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x6573_5546,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x6265_6570,
    0xcafe_4a11,
    0xde5e_81e4,
];

/// `/dev/null`, major 1, minor 3.
const NULL_DEVICE: u64 = 0x103;

/// Why a descriptor is not passed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    /// A terminal; the session gets its own in its place.
    #[error("a terminal is never passed through")]
    Terminal,
    /// A file on proc, sys, a cgroup, FUSE and the like.
    #[error("a file on a file system that acts when it is written is not passed through")]
    ActingFile,
    /// A directory, a device other than `/dev/null`, or what the kernel does not say.
    #[error("only pipes, sockets, regular files and /dev/null are passed through")]
    Kind,
}

/// Whether somebody else reads what goes there, who may be using the person's terminal meanwhile (`| less`).
/// The client decides by the same rule whether it takes the terminal at once.
#[must_use]
pub fn leads_elsewhere(descriptor: BorrowedFd<'_>) -> bool {
    open::metadata(descriptor).is_ok_and(|facts| facts.file_type().is_fifo() || facts.file_type().is_socket())
}

/// Whether this descriptor may be passed through.
///
/// # Errors
/// The reason why not.
pub fn check(descriptor: BorrowedFd<'_>) -> Result<(), NotPassed> {
    if pty::is_terminal(descriptor) {
        return Err(NotPassed::Terminal);
    }
    let facts = open::metadata(descriptor).map_err(|_| NotPassed::Kind)?;
    let kind = facts.file_type();
    if kind.is_fifo() || kind.is_socket() || (kind.is_char_device() && facts.rdev() == NULL_DEVICE) {
        return Ok(());
    }
    if !kind.is_file() {
        return Err(NotPassed::Kind);
    }
    let mount = open::mount_of(descriptor).map_err(|_| NotPassed::Kind)?;
    if ACTING.contains(&mount.magic) { Err(NotPassed::ActingFile) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn pipes_sockets_files_and_the_null_device_pass_and_nothing_else() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (socket, _other) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let null = File::open("/dev/null").unwrap();
        for passes in [reader.as_fd(), writer.as_fd(), socket.as_fd(), file.as_fd(), null.as_fd()] {
            assert_eq!(check(passes), Ok(()));
        }
        let pty = pty::open().unwrap();
        assert_eq!(check(pty.slave.as_fd()), Err(NotPassed::Terminal));
        assert_eq!(check(pty.master.as_fd()), Err(NotPassed::Terminal));
        for (path, why) in [
            ("/proc/self/status", NotPassed::ActingFile),
            ("/sys/kernel/uevent_seqnum", NotPassed::ActingFile),
            ("/tmp", NotPassed::Kind),
            ("/dev/zero", NotPassed::Kind),
        ] {
            assert_eq!(check(File::open(path).unwrap().as_fd()), Err(why), "{path}");
        }
    }
}
