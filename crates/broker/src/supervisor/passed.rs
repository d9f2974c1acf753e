//! Which of the caller's descriptors may become the program's own (DESIGN section 10).
//!
//! Never a terminal: what is typed into the caller's terminal by another user's process is executed by the caller's shell
//! (`TIOCSTI`). Never a directory or a namespace: it would be a way out of the session's mount namespace. Never a file that
//! its holder cannot read as input, or write as output: a program that opens `/dev/stdin` or `/dev/stderr` by name opens the
//! file anew, with its own rights.

use brevet_sys::{open, pty};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// File systems whose files act when they are written or held, from `linux/magic.h`: proc, sysfs, cgroup, cgroup2, FUSE,
/// debugfs, tracefs, securityfs, configfs, bpf, efivarfs, namespaces, processes (pidfds), anonymous inodes, secret memory,
/// binfmt_misc, FUSE's control, SELinux, Smack, AppArmor, pstore.
const ACTING: [i64; 21] = [
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
    0x6e73_6673,
    0x5049_4446,
    0x0904_1934,
    0x5345_434d,
    0x4249_4e4d,
    0x6573_5543,
    0xf97c_ff8c,
    0x4341_5d53,
    0x5a3c_69f0,
    0x6165_676c,
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
    /// A place only, input that cannot be read, or output that cannot be written.
    #[error("it must be open for reading as input, for writing as output")]
    Direction,
    /// A directory, a device other than `/dev/null`, or what the kernel does not say.
    #[error("only pipes, sockets, regular files and /dev/null are passed through")]
    Kind,
}

/// Whether somebody else reads what goes there or writes what comes from there, who may be using the person's terminal
/// meanwhile (`| less`).
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
    let opened = open::opened(descriptor).map_err(|_| NotPassed::Kind)?;
    if !opened.reads && !opened.writes {
        return Err(NotPassed::Direction);
    }
    let facts = open::metadata(descriptor).map_err(|_| NotPassed::Kind)?;
    let kind = facts.file_type();
    if kind.is_fifo() || kind.is_socket() || (kind.is_char_device() && facts.rdev() == NULL_DEVICE) {
        return Ok(());
    }
    if !kind.is_file() {
        return Err(NotPassed::Kind);
    }
    let file_system = open::file_system_of(descriptor).map_err(|_| NotPassed::Kind)?;
    if ACTING.contains(&file_system) { Err(NotPassed::ActingFile) } else { Ok(()) }
}

/// Whether this descriptor may become the one of this number, 0, 1 or 2.
///
/// # Errors
/// The reason why not.
pub fn check_as(number: usize, descriptor: BorrowedFd<'_>) -> Result<(), NotPassed> {
    check(descriptor)?;
    let kind = open::metadata(descriptor).map_err(|_| NotPassed::Kind)?.file_type();
    // What has no name that could be opened anew, and the null device, go either way: `nohup` makes its input unreadable.
    if !kind.is_file() && !kind.is_fifo() {
        return Ok(());
    }
    let opened = open::opened(descriptor).map_err(|_| NotPassed::Kind)?;
    if if number == 0 { opened.reads } else { opened.writes } { Ok(()) } else { Err(NotPassed::Direction) }
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
            ("/proc/self/ns/mnt", NotPassed::ActingFile),
        ] {
            assert_eq!(check(File::open(path).unwrap().as_fd()), Err(why), "{path}");
        }
    }

    #[test]
    fn input_must_be_readable_and_output_writable_because_both_can_be_opened_anew() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let read = File::open(named.path()).unwrap();
        let write = File::options().append(true).open(named.path()).unwrap();
        assert_eq!((check_as(0, read.as_fd()), check_as(0, write.as_fd())), (Ok(()), Err(NotPassed::Direction)));
        for number in [1, 2] {
            assert_eq!((check_as(number, read.as_fd()), check_as(number, write.as_fd())), (Err(NotPassed::Direction), Ok(())));
        }
        let place = open::openat2(None, named.path().as_os_str(), open::PLACE, 0).unwrap();
        assert_eq!(check(place.as_fd()), Err(NotPassed::Direction));
        let null = File::options().write(true).open("/dev/null").unwrap();
        assert_eq!(check_as(0, null.as_fd()), Ok(()));
    }
}
