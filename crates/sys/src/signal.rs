//! Signals as a descriptor, and sending to processes and groups.

use crate::error::{Result, check};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Numbers of the signals that the roles use, the same on every architecture that we build for.
pub const HANG_UP: i32 = libc::SIGHUP;
/// From the keyboard.
pub const INTERRUPT: i32 = libc::SIGINT;
/// From the keyboard, with a core.
pub const QUIT: i32 = libc::SIGQUIT;
/// For programs to use.
pub const USER_1: i32 = libc::SIGUSR1;
/// For programs to use.
pub const USER_2: i32 = libc::SIGUSR2;
/// Please end.
pub const TERMINATE: i32 = libc::SIGTERM;
/// End.
pub const KILL: i32 = libc::SIGKILL;
/// Go on.
pub const CONTINUE: i32 = libc::SIGCONT;
/// A child changed.
pub const CHILD: i32 = libc::SIGCHLD;
/// Input wanted from the background.
pub const BACKGROUND_INPUT: i32 = libc::SIGTTIN;
/// Output from the background.
pub const BACKGROUND_OUTPUT: i32 = libc::SIGTTOU;
/// Stopped from the keyboard.
pub const TERMINAL_STOP: i32 = libc::SIGTSTP;
/// The window changed.
pub const WINDOW: i32 = libc::SIGWINCH;

/// Blocks the signals for this thread and makes them readable.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// # Errors
    /// When the kernel refuses.
    pub fn new(signals: &[i32]) -> Result<Self> {
        let set = set_of(signals);
        // SAFETY: `set` is initialised; no old set is asked for.
        check("block signals", unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) })?;
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd = check("make a signal descriptor", unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: a fresh descriptor that nothing else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next pending signal.
    #[must_use]
    pub fn next(&self) -> Option<i32> {
        // SAFETY: an all-zero value is valid for the kernel to overwrite.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: `info` has `size` writable bytes.
        let read = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size) };
        (usize::try_from(read) == Ok(size)).then(|| i32::try_from(info.ssi_signo).unwrap_or(0))
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: sigemptyset initialises whatever it is given; sigaddset is given an initialised set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

/// Ignores a signal in this process.
///
/// # Errors
/// When the signal cannot be ignored.
pub fn ignore(signal: i32) -> Result<()> {
    // SAFETY: SIG_IGN installs no code of ours.
    if unsafe { libc::signal(signal, libc::SIG_IGN) } == libc::SIG_ERR {
        return Err(crate::Error::last("ignore a signal"));
    }
    Ok(())
}

/// Whether this process ignores a signal, as below `nohup`.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero value is valid for the call to fill; nothing is installed.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

/// Gives a signal its default action in this process.
///
/// # Errors
/// When the kernel refuses.
pub fn default_action(signal: i32) -> Result<()> {
    // SAFETY: SIG_DFL installs no code of ours.
    if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
        return Err(crate::Error::last("reset a signal"));
    }
    Ok(())
}

/// Lets the signals through again in this thread.
///
/// # Errors
/// When the kernel refuses.
pub fn unblock(signals: &[i32]) -> Result<()> {
    let set = set_of(signals);
    // SAFETY: `set` is initialised; no old set is asked for.
    check("unblock signals", unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) }).map(drop)
}

/// Signals a process by pid: only for our own unreaped children, or pids just read from a cgroup or `/proc`.
///
/// # Errors
/// `ESRCH` when there is none; a pid below 2 is refused.
pub fn send(pid: i32, signal: i32) -> Result<()> {
    if pid < 2 {
        return Err(crate::Error::other("signal a process", "not the pid of a process of ours"));
    }
    // SAFETY: plain call with integers.
    check("signal a process", unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Signals a process group.
///
/// # Errors
/// `ESRCH` when there is none; a group below 2 is refused.
pub fn send_group(group: i32, signal: i32) -> Result<()> {
    if group < 2 {
        return Err(crate::Error::other("signal a process group", "not the id of a group of ours"));
    }
    // SAFETY: plain call with integers.
    check("signal a process group", unsafe { libc::kill(-group, signal) }).map(drop)
}
