//! Bytes with descriptors over unix sockets (`SCM_RIGHTS`), socket pairs, and sockets named below a directory descriptor.
//!
//! What arrives is close-on-exec from the first moment; control data that was cut is an error, and what had arrived is closed.

use crate::error::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// The most descriptors in one message.
pub const MOST: usize = 16;

/// Why a message did not pass.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The kernel refused to send.
    #[error("cannot send a message")]
    Send(#[source] io::Error),
    /// The kernel refused to receive.
    #[error("cannot receive a message")]
    Receive(#[source] io::Error),
    /// More descriptors or bytes than there was room for.
    #[error("a message or its descriptors were cut")]
    Cut,
    /// More than `MOST` descriptors to send.
    #[error("too many descriptors for one message")]
    TooMany,
}

// Room for MOST descriptors and a header, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; 128]);

fn control_length(count: usize) -> usize {
    let bytes = u32::try_from(count.saturating_mul(size_of::<RawFd>())).unwrap_or(0);
    // SAFETY: arithmetic only.
    usize::try_from(unsafe { libc::CMSG_SPACE(bytes) }).unwrap_or(0)
}

/// Sends bytes and descriptors in one call; returns how many bytes went (all, on a seqpacket socket).
///
/// # Errors
/// What the kernel says (`WouldBlock` and `Interrupted` included), or too many descriptors.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<usize, PassError> {
    if descriptors.len() > MOST {
        return Err(PassError::TooMany);
    }
    let mut control = Control([0; 128]);
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: an all-zero header is valid; every pointer below lives until sendmsg returns, and control has room for MOST.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        if !descriptors.is_empty() {
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = control_length(descriptors.len());
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            let payload = u32::try_from(descriptors.len().saturating_mul(size_of::<RawFd>())).unwrap_or(0);
            (*header).cmsg_len = usize::try_from(libc::CMSG_LEN(payload)).unwrap_or(0);
            let data = libc::CMSG_DATA(header).cast::<RawFd>();
            for (index, descriptor) in descriptors.iter().enumerate() {
                data.add(index).write_unaligned(descriptor.as_raw_fd());
            }
        }
        libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)
    };
    usize::try_from(sent).map_err(|_| PassError::Send(io::Error::last_os_error()))
}

/// Receives up to the buffer's length with up to `most` descriptors; zero bytes is the end.
///
/// # Errors
/// What the kernel says, or a message that was cut.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], most: usize) -> Result<(usize, Vec<OwnedFd>), PassError> {
    let mut control = Control([0; 128]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut descriptors = Vec::new();
    // SAFETY: as in `send`; each descriptor that the kernel reports is fresh and ours alone.
    let (received, flags) = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control_length(most.min(MOST));
        let received = libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        if received >= 0 {
            let mut header = libc::CMSG_FIRSTHDR(&raw const message);
            while !header.is_null() {
                if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                    let data = libc::CMSG_DATA(header).cast::<RawFd>();
                    let bytes = (*header).cmsg_len.saturating_sub(usize::try_from(libc::CMSG_LEN(0)).unwrap_or(0));
                    for index in 0..bytes / size_of::<RawFd>() {
                        descriptors.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                    }
                }
                header = libc::CMSG_NXTHDR(&raw const message, header);
            }
        }
        (received, message.msg_flags)
    };
    let received = usize::try_from(received).map_err(|_| PassError::Receive(io::Error::last_os_error()))?;
    if flags & (libc::MSG_CTRUNC | libc::MSG_TRUNC) != 0 || descriptors.len() > most {
        return Err(PassError::Cut);
    }
    Ok((received, descriptors))
}

/// Sends what fits now, whatever mode the socket is in; `None` when nothing does.
///
/// # Errors
/// When the other side is gone.
pub fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Option<usize>> {
    // SAFETY: the buffer is valid for its length.
    let sent = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    now(sent)
}

/// Receives what is there now, whatever mode the socket is in; `None` when nothing is, zero at the end.
/// Descriptors that come with it are closed by the kernel.
///
/// # Errors
/// When the connection failed.
pub fn receive_now(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    // SAFETY: the buffer is valid for its length.
    let received = unsafe { libc::recv(socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
    now(received)
}

/// Waits until there is something, and takes away as many of these bytes as it begins with; so many.
///
/// # Errors
/// When the connection failed.
pub fn leading(socket: BorrowedFd<'_>, byte: u8) -> io::Result<usize> {
    let mut seen = [0u8; 64];
    loop {
        // SAFETY: the buffer is valid for its length.
        let there = unsafe { libc::recv(socket.as_raw_fd(), seen.as_mut_ptr().cast(), seen.len(), libc::MSG_PEEK) };
        let Ok(there) = usize::try_from(there) else {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        };
        let same = seen.iter().take(there).take_while(|seen| **seen == byte).count();
        if same == 0 {
            return Ok(0);
        }
        // SAFETY: as above; so many are there, and nobody else takes them.
        let taken = unsafe { libc::recv(socket.as_raw_fd(), seen.as_mut_ptr().cast(), same, libc::MSG_DONTWAIT) };
        return usize::try_from(taken).map_err(|_| io::Error::last_os_error());
    }
}

fn now(count: isize) -> io::Result<Option<usize>> {
    if let Ok(count) = usize::try_from(count) {
        return Ok(Some(count));
    }
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
        _ => Err(error),
    }
}

/// Which kind of unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A byte stream.
    Stream,
    /// Whole messages, in order.
    Seqpacket,
}

/// Two connected sockets.
///
/// # Errors
/// When the kernel makes none.
pub fn pair(kind: Kind) -> crate::Result<(OwnedFd, OwnedFd)> {
    let kind = match kind {
        Kind::Stream => libc::SOCK_STREAM,
        Kind::Seqpacket => libc::SOCK_SEQPACKET,
    };
    let mut ends = MaybeUninit::<[RawFd; 2]>::uninit();
    // SAFETY: room for two descriptors; both are fresh where the call succeeds.
    unsafe {
        check("make a socket pair", libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr().cast()))?;
        let [one, other] = ends.assume_init();
        Ok((OwnedFd::from_raw_fd(one), OwnedFd::from_raw_fd(other)))
    }
}

/// Takes over a descriptor that whoever started us put at a fixed number, and marks it close-on-exec.
///
/// # Errors
/// When nothing is open there.
pub fn inherited(number: RawFd) -> crate::Result<OwnedFd> {
    // SAFETY: plain call with integers.
    check("find an inherited descriptor", unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and by the roles' convention nobody else in this process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A listening socket `name` in an open directory, whatever the length of the directory's path.
///
/// # Errors
/// As `bind` and `listen`.
pub fn listen_in(directory: BorrowedFd<'_>, name: &str) -> io::Result<std::os::unix::net::UnixListener> {
    std::os::unix::net::UnixListener::bind(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))
}

/// Connects to the socket `name` in an open directory.
///
/// # Errors
/// As `connect`.
pub fn connect_in(directory: BorrowedFd<'_>, name: &str) -> io::Result<UnixStream> {
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn descriptors_arrive_close_on_exec_and_work() {
        let (one, other) = pair(Kind::Seqpacket).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        assert_eq!(send(one.as_fd(), b"hello", &[writer.as_fd()]).unwrap(), 5);
        drop(writer);
        let mut buffer = [0; 16];
        let (length, descriptors) = receive(other.as_fd(), &mut buffer, 1).unwrap();
        assert_eq!(&buffer[..length], b"hello");
        let got = descriptors.into_iter().next().unwrap();
        // SAFETY: plain call.
        assert_eq!(unsafe { libc::fcntl(got.as_raw_fd(), libc::F_GETFD) } & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        std::fs::File::from(got).write_all(b"x").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }

    #[test]
    fn bytes_that_lead_are_taken_and_what_follows_stays() {
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let leading = |said: &[u8]| {
            assert_eq!(send_now(one.as_fd(), said).unwrap(), Some(said.len()));
            super::leading(other.as_fd(), 0xff).unwrap()
        };
        assert_eq!(leading(&[0xff]), 1);
        assert_eq!(leading(&[0xff, 0xff, 0, 0xff]), 2);
        assert_eq!(super::leading(other.as_fd(), 0xff).unwrap(), 0);
        let mut rest = [0; 8];
        assert_eq!(receive_now(other.as_fd(), &mut rest).unwrap(), Some(2));
        assert_eq!(rest[..2], [0, 0xff]);
        // More than are taken at once.
        assert_eq!(leading(&[0xff; 100]) + super::leading(other.as_fd(), 0xff).unwrap(), 100);
        drop(one);
        assert_eq!(super::leading(other.as_fd(), 0xff).unwrap(), 0, "the end is for whoever reads next");
    }

    #[test]
    fn more_descriptors_than_wanted_are_an_error_and_are_closed() {
        let (one, other) = pair(Kind::Stream).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        send(one.as_fd(), b"x", &[writer.as_fd(), writer.as_fd(), writer.as_fd()]).unwrap();
        drop(writer);
        assert!(matches!(receive(other.as_fd(), &mut [0; 8], 1), Err(PassError::Cut)));
        // The end of file comes only when every copy of the write end is closed.
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    }
}
