//! Clocks: the only place that asks what time it is.

use crate::error::{Doing, Result, check};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill. Both clocks exist on every kernel we support.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now
}

/// Wall time in Unix milliseconds. Anyone with `SYS_TIME` may set it.
#[must_use]
pub fn realtime_ms() -> i64 {
    let now = read(libc::CLOCK_REALTIME);
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

/// Milliseconds since boot, suspend included (`CLOCK_BOOTTIME`). Nobody sets it.
#[must_use]
pub fn boottime_ms() -> u64 {
    let now = read(libc::CLOCK_BOOTTIME);
    u64::try_from(now.tv_sec).unwrap_or(0).saturating_mul(1000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// The kernel's random id of this boot.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn boot_id() -> Result<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).doing("read the boot id")
}

/// A timer on `CLOCK_BOOTTIME`, readable in a poll when due.
#[derive(Debug)]
pub struct Timer(OwnedFd);

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// When the kernel makes none.
    pub fn new() -> Result<Self> {
        // SAFETY: plain call; the descriptor is checked and ours.
        let fd = check("make a timer", unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) })?;
        // SAFETY: a fresh descriptor that nothing else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Due at this moment of `boottime_ms`; a past moment is due at once, `None` never.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set(&self, at_ms: Option<u64>) -> Result<()> {
        // A zero value would disarm.
        let at = at_ms.map_or(0, |ms| ms.max(1));
        let value = libc::timespec {
            tv_sec: i64::try_from(at / 1000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(at % 1000).unwrap_or(0).saturating_mul(1_000_000),
        };
        let when = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: `when` is valid for reading; no old value is asked for.
        let set = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &raw const when, std::ptr::null_mut()) };
        check("set a timer", set).map(drop)
    }

    /// Takes the readiness away once seen.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the buffer has the eight bytes that a timer gives; not ready (EAGAIN) changes nothing.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Readable in a poll once somebody has set the wall clock (`TFD_TIMER_CANCEL_ON_SET`, timerfd_create(2)).
#[derive(Debug)]
pub struct Changes(OwnedFd);

impl Changes {
    /// Watches from now on.
    ///
    /// # Errors
    /// When the kernel makes no timer.
    pub fn new() -> Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: plain call; the descriptor is checked and ours.
        let fd = check("watch the wall clock", unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, flags) })?;
        // SAFETY: a fresh descriptor that nothing else owns.
        let watched = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        watched.arm()?;
        Ok(watched)
    }

    /// For a moment that never comes: only a change of the clock makes it readable.
    fn arm(&self) -> Result<()> {
        let never = libc::timespec { tv_sec: i64::MAX / 1_000_000_000, tv_nsec: 0 };
        let when = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: never };
        let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
        // SAFETY: `when` is valid for reading; no old value is asked for.
        let set = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), flags, &raw const when, std::ptr::null_mut()) };
        check("watch the wall clock", set).map(drop)
    }

    /// Takes the readiness away once seen.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the buffer has the eight bytes that a timer gives. A change gives `ECANCELED` and the timer goes on.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::{self, Interest};

    /// The clock of the computer that tests run on is left alone: that a change wakes is the kernel's promise, not seen here.
    #[test]
    fn the_kernel_watches_the_wall_clock_and_says_nothing_while_nobody_sets_it() {
        let changes = Changes::new().unwrap();
        assert!(poll::wait(&[(changes.as_fd(), Interest::READ)], Some(0)).unwrap().first().unwrap().is_empty());
        changes.clear();
        assert!(poll::wait(&[(changes.as_fd(), Interest::READ)], Some(0)).unwrap().first().unwrap().is_empty());
    }

    #[test]
    fn a_past_moment_is_due_at_once_and_an_unset_timer_never() {
        let timer = Timer::new().unwrap();
        assert!(poll::wait(&[(timer.as_fd(), Interest::READ)], Some(0)).unwrap().first().unwrap().is_empty());
        timer.set(Some(boottime_ms().saturating_sub(5))).unwrap();
        assert!(poll::wait(&[(timer.as_fd(), Interest::READ)], Some(2000)).unwrap().first().unwrap().readable());
        timer.clear();
        assert!(poll::wait(&[(timer.as_fd(), Interest::READ)], Some(0)).unwrap().first().unwrap().is_empty());
        assert_eq!(boot_id().unwrap().len(), 36);
        assert!(realtime_ms() > 1_600_000_000_000);
    }
}
