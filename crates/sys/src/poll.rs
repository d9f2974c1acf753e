//! `poll(2)` over borrowed descriptors.

use crate::error::{Error, Result};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest(i16);

impl Interest {
    /// Only errors and hang-ups.
    pub const NONE: Self = Self(0);
    /// Bytes, a connection or an end of file.
    pub const READ: Self = Self(libc::POLLIN);
    /// Room to write.
    pub const WRITE: Self = Self(libc::POLLOUT);
    /// An event of a cgroup file.
    pub const EVENT: Self = Self(libc::POLLPRI);

    /// Either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This interest when it holds, else none.
    #[must_use]
    pub const fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::NONE }
    }
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready(i16);

impl Ready {
    /// A read gives something: bytes, an end of file or an error.
    #[must_use]
    pub const fn readable(self) -> bool {
        self.0 & (libc::POLLIN | libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0
    }
    /// A write takes something or fails.
    #[must_use]
    pub const fn writable(self) -> bool {
        self.0 & (libc::POLLOUT | libc::POLLERR | libc::POLLNVAL) != 0
    }
    /// The other side has closed, or the descriptor is broken.
    #[must_use]
    pub const fn hung_up(self) -> bool {
        self.0 & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0
    }
    /// A cgroup file changed.
    #[must_use]
    pub const fn event(self) -> bool {
        self.0 & libc::POLLPRI != 0
    }
    /// Nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Looks for so long whether a descriptor is readable, without going to sleep and giving way to whoever wants the processor: for
/// what is on its way, where being woken would take longer than what is waited for. Then it is to be waited for after all.
pub fn look(descriptor: BorrowedFd<'_>, longest: Duration) {
    let begun = Instant::now();
    let mut list = libc::pollfd { fd: descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    while unsafe { libc::poll(&raw mut list, 1, 0) } == 0 && begun.elapsed() < longest {
        std::thread::yield_now();
    }
}

/// Waits until one descriptor is ready or the time is over (`None`: for ever); answers in the same order.
/// An interrupting signal counts as the time being over.
///
/// # Errors
/// When the kernel refuses.
pub fn wait(descriptors: &[(BorrowedFd<'_>, Interest)], timeout_ms: Option<u64>) -> Result<Vec<Ready>> {
    let mut list: Vec<libc::pollfd> =
        descriptors.iter().map(|(fd, interest)| libc::pollfd { fd: fd.as_raw_fd(), events: interest.0, revents: 0 }).collect();
    let timeout = timeout_ms.map_or(-1, |ms| i32::try_from(ms).unwrap_or(i32::MAX));
    let count = libc::nfds_t::try_from(list.len()).unwrap_or(0);
    // SAFETY: `list` has `count` valid entries.
    if unsafe { libc::poll(list.as_mut_ptr(), count, timeout) } < 0 {
        let source = io::Error::last_os_error();
        if source.kind() != io::ErrorKind::Interrupted {
            return Err(Error { doing: "wait for descriptors", source });
        }
        return Ok(vec![Ready(0); descriptors.len()]);
    }
    Ok(list.into_iter().map(|entry| Ready(entry.revents)).collect())
}
