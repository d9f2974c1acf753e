//! Pseudo-terminals, window sizes and raw mode.
//!
//! No terminal is ever opened by a path from outside: the slave comes from the master (`TIOCGPTPEER`).

use crate::error::{Result, check};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Both ends of a new pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// Our end.
    pub master: OwnedFd,
    /// The program's end.
    pub slave: OwnedFd,
}

/// A window's size in characters and pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Width in pixels, 0 for unknown.
    pub width: u16,
    /// Height in pixels, 0 for unknown.
    pub height: u16,
}

/// Opens a pseudo-terminal; both ends are close-on-exec and neither becomes a controlling terminal. The master does not block.
///
/// # Errors
/// As the kernel says.
pub fn open() -> Result<Pty> {
    // SAFETY: plain calls; each descriptor is checked, fresh and owned at once.
    unsafe {
        let master = check("open a pseudo-terminal", libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC))?;
        let master = OwnedFd::from_raw_fd(master);
        check("grant a pseudo-terminal", libc::grantpt(master.as_raw_fd()))?;
        check("unlock a pseudo-terminal", libc::unlockpt(master.as_raw_fd()))?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        let slave = check("open a pseudo-terminal's other end", libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags))?;
        let slave = OwnedFd::from_raw_fd(slave);
        set_nonblocking(master.as_fd(), true)?;
        Ok(Pty { master, slave })
    }
}

/// Gives the slave to the user whom the program runs as.
///
/// # Errors
/// As the kernel says.
pub fn set_owner(slave: BorrowedFd<'_>, uid: u32) -> Result<()> {
    // SAFETY: plain call with integers; gid -1 keeps the group.
    check("give a terminal to its user", unsafe { libc::fchown(slave.as_raw_fd(), uid, u32::MAX) }).map(drop)
}

/// Makes the terminal the controlling one of this session, which has none.
///
/// # Errors
/// When we do not lead a session or it has one.
pub fn make_controlling(slave: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: plain ioctl with an integer.
    check("take a controlling terminal", unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}

/// Whether a descriptor is a terminal.
#[must_use]
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: plain call.
    unsafe { libc::isatty(fd.as_raw_fd()) == 1 }
}

/// # Errors
/// When it is not a terminal.
pub fn window_size(fd: BorrowedFd<'_>) -> Result<WindowSize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: `size` is valid for writing.
    check("read the window size", unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    Ok(WindowSize { rows: size.ws_row, columns: size.ws_col, width: size.ws_xpixel, height: size.ws_ypixel })
}

/// Sets the size; the kernel tells the foreground group (`SIGWINCH`).
///
/// # Errors
/// When it is not a terminal.
pub fn set_window_size(fd: BorrowedFd<'_>, size: WindowSize) -> Result<()> {
    let size = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: size.width, ws_ypixel: size.height };
    // SAFETY: `size` is valid for reading.
    check("set the window size", unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }).map(drop)
}

/// The terminal's foreground process group. Asked of a master, it is the slave's.
///
/// # Errors
/// When it is not a terminal, or (asked of a slave) not ours.
pub fn foreground(fd: BorrowedFd<'_>) -> Result<i32> {
    let mut group: libc::pid_t = 0;
    // SAFETY: `group` is valid for writing.
    check("read the foreground group", unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGPGRP, &raw mut group) })?;
    Ok(group)
}

/// Puts a process group of our session into the terminal's foreground. A background caller must block `SIGTTOU`.
///
/// # Errors
/// When it is not our controlling terminal or the group is not of our session.
pub fn set_foreground(fd: BorrowedFd<'_>, group: i32) -> Result<()> {
    // SAFETY: `group` is valid for reading.
    check("set the foreground group", unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCSPGRP, &raw const group) }).map(drop)
}

/// # Errors
/// As the kernel says.
pub fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> Result<()> {
    // SAFETY: plain calls with integers.
    unsafe {
        let flags = check("read a descriptor's flags", libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        let flags = if on { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
        check("set a descriptor's flags", libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags)).map(drop)
    }
}

/// How a terminal treats what is typed.
#[derive(Clone, Copy)]
pub struct Mode(libc::termios);

impl std::fmt::Debug for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mode").field("echo", &(self.0.c_lflag & libc::ECHO != 0)).finish_non_exhaustive()
    }
}

impl Mode {
    /// The terminal's present mode.
    ///
    /// # Errors
    /// When it is not a terminal.
    pub fn of(fd: BorrowedFd<'_>) -> Result<Self> {
        // SAFETY: an all-zero value is valid for the call to fill.
        let mut mode: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: `mode` is valid for writing.
        check("read the terminal's mode", unsafe { libc::tcgetattr(fd.as_raw_fd(), &raw mut mode) })?;
        Ok(Self(mode))
    }

    /// Whether it hands over whole lines and echoes them: the mode that a shell leaves a program in.
    #[must_use]
    pub fn is_line_by_line(&self) -> bool {
        self.0.c_lflag & (libc::ICANON | libc::ECHO) == libc::ICANON | libc::ECHO
    }

    /// The character that ends the input (Ctrl-D as a rule), while lines are read and one is set.
    #[must_use]
    pub fn end_of_input(&self) -> Option<u8> {
        let key = self.0.c_cc.get(libc::VEOF).copied().filter(|key| *key != libc::_POSIX_VDISABLE);
        key.filter(|_| self.0.c_lflag & libc::ICANON != 0)
    }

    /// Byte by byte, no echo, no signals, output untouched.
    #[must_use]
    pub fn raw(mut self) -> Self {
        // SAFETY: changes the fields of a valid value.
        unsafe { libc::cfmakeraw(&raw mut self.0) };
        self
    }

    /// Lines as before, without echo.
    #[must_use]
    pub fn without_echo(mut self) -> Self {
        self.0.c_lflag &= !(libc::ECHO | libc::ECHOE | libc::ECHOK | libc::ECHONL);
        self
    }

    /// Sets this mode; what was typed and not read is thrown away (`TCSAFLUSH`), so that it reaches nobody else.
    ///
    /// # Errors
    /// When it is not a terminal.
    pub fn apply(&self, fd: BorrowedFd<'_>) -> Result<()> {
        // SAFETY: the mode is valid for reading.
        check("set the terminal's mode", unsafe { libc::tcsetattr(fd.as_raw_fd(), libc::TCSAFLUSH, &raw const self.0) }).map(drop)
    }
}

/// A changed mode that ends with this value: whichever way the scope is left, the old mode comes back with `TCSAFLUSH`.
#[derive(Debug)]
pub struct ModeGuard {
    terminal: OwnedFd,
    before: Mode,
}

impl ModeGuard {
    /// Raw until dropped.
    ///
    /// # Errors
    /// When it is not a terminal.
    pub fn raw(terminal: BorrowedFd<'_>) -> Result<Self> {
        Self::with(terminal, Mode::raw)
    }

    /// Without echo until dropped.
    ///
    /// # Errors
    /// When it is not a terminal.
    pub fn without_echo(terminal: BorrowedFd<'_>) -> Result<Self> {
        Self::with(terminal, Mode::without_echo)
    }

    fn with(terminal: BorrowedFd<'_>, change: impl Fn(Mode) -> Mode) -> Result<Self> {
        let before = Mode::of(terminal)?;
        let terminal = terminal.try_clone_to_owned().map_err(|source| crate::Error { doing: "keep the terminal", source })?;
        let guard = Self { terminal, before };
        change(before).apply(guard.terminal.as_fd())?;
        Ok(guard)
    }

    /// Back to the old mode for a while (the program was stopped); `resume` goes on.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn suspend(&self) -> Result<()> {
        self.before.apply(self.terminal.as_fd())
    }

    /// Raw again after `suspend`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resume_raw(&self) -> Result<()> {
        self.before.raw().apply(self.terminal.as_fd())
    }
}

impl Drop for ModeGuard {
    fn drop(&mut self) {
        // A terminal that is gone has no mode to restore.
        drop(self.before.apply(self.terminal.as_fd()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_mode_ends_with_its_guard_and_drops_what_was_typed() {
        let pty = open().unwrap();
        let echo = |fd: &OwnedFd| Mode::of(fd.as_fd()).unwrap().0.c_lflag & libc::ECHO != 0;
        assert!(echo(&pty.slave));
        {
            let _raw = ModeGuard::raw(pty.slave.as_fd()).unwrap();
            assert!(!echo(&pty.slave));
            // SAFETY: a valid buffer.
            unsafe { libc::write(pty.master.as_raw_fd(), b"secret\n".as_ptr().cast(), 7) };
            // The kernel hands input over in its own time: it must have arrived before the guard can flush it.
            assert!(crate::poll::wait(&[(pty.slave.as_fd(), crate::poll::Interest::READ)], Some(2000)).unwrap()[0].readable());
        }
        assert!(echo(&pty.slave));
        set_nonblocking(pty.slave.as_fd(), true).unwrap();
        let mut buffer = [0u8; 8];
        // SAFETY: a valid buffer.
        assert_eq!(unsafe { libc::read(pty.slave.as_raw_fd(), buffer.as_mut_ptr().cast(), 8) }, -1);
    }

    #[test]
    fn a_window_size_reads_back() {
        let pty = open().unwrap();
        let size = WindowSize { rows: 50, columns: 132, width: 0, height: 0 };
        set_window_size(pty.master.as_fd(), size).unwrap();
        assert_eq!(window_size(pty.slave.as_fd()).unwrap(), size);
        assert!(is_terminal(pty.slave.as_fd()));
    }
}
