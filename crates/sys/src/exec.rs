//! Starting a program from nothing: descriptors, session, identity and environment are all given, nothing is inherited.
//!
//! The fast path shares memory with the child until it has exec'd (`CLONE_VM | CLONE_VFORK`), so the child's half
//! allocates nothing and takes no lock: it makes system calls over data that was prepared before.

use crate::clone;
pub use crate::namespaces::Namespaces;
use crate::process::control;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Who the program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups, complete.
    pub groups: Vec<u32>,
}

/// Which session and process group the program begins in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// A session of its own, without terminal.
    New,
    /// A process group of its own in our session.
    Group,
    /// The same, in the foreground of the terminal that one of its descriptors (by number) is.
    Foreground(RawFd),
}

/// Everything about one start.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The open file that is executed.
    pub executable: BorrowedFd<'a>,
    /// Leave the executable open at the number after the last descriptor, for the interpreter of a script.
    pub keep_executable: bool,
    /// Its argument vector; at least one.
    pub arguments: &'a [CString],
    /// Its complete environment.
    pub environment: &'a [CString],
    /// Its descriptors 0, 1, 2, …
    pub descriptors: &'a [BorrowedFd<'a>],
    /// Its working directory; ours if none.
    pub directory: Option<BorrowedFd<'a>>,
    /// Its identity; ours if none.
    pub identity: Option<&'a Identity>,
    /// Its session.
    pub session: Session,
    /// Its umask; ours if none.
    pub umask: Option<u32>,
    /// The namespaces that it begins in; ours if none.
    pub namespaces: Option<Namespaces<'a>>,
    /// The cgroup directory that it is born in.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// The login uid that it, and what it starts, carries in the audit system.
    pub login_uid: Option<u32>,
    /// Sent to it when we end.
    pub death_signal: Option<i32>,
    /// Everything is made ready, and then this is waited for before it takes its identity and is executed.
    pub gate: Option<Gate<'a>>,
}

/// A word without which the program is not executed. Its receive time-out bounds the wait.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// The stream socket that it comes through. What follows the word stays in it.
    pub socket: BorrowedFd<'a>,
    /// Exactly these bytes.
    pub word: &'a [u8],
    /// A word that comes at this moment (milliseconds of `CLOCK_BOOTTIME`) or later is none.
    pub until_ms: u64,
}

impl Gate<'_> {
    /// The longest word.
    pub const LONGEST: usize = 64;
}

/// A started child.
#[derive(Debug)]
pub struct Child {
    /// Its pid, valid until reaped.
    pub pid: i32,
    /// Its descriptor.
    pub pidfd: OwnedFd,
}

/// The step of a start that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Step {
    /// `clone3`, also into the cgroup.
    Clone = 1,
    /// `setsid`, `setpgid`.
    Session,
    /// `TIOCSPGRP`.
    Foreground,
    /// `/proc/self/loginuid`.
    LoginUid,
    /// `setns`.
    Namespaces,
    /// `dup3`, `close_range`.
    Descriptors,
    /// `fchdir`.
    Directory,
    /// `/proc/self/oom_score_adj`.
    OomScore,
    /// `setgroups`.
    Groups,
    /// `setresgid`.
    Gid,
    /// `setresuid`.
    Uid,
    /// Reading the identity back showed another one.
    Identity,
    /// `PR_SET_PDEATHSIG`, or the parent was gone already.
    DeathSignal,
    /// Signal mask and dispositions.
    Signals,
    /// The word to execute did not come.
    Gate,
    /// `execveat`.
    Exec,
}

impl Step {
    /// The step as the end of a sentence that begins "cannot".
    #[must_use]
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Clone => "make a process in its cgroup",
            Self::Session => "make a session",
            Self::Foreground => "take the terminal's foreground",
            Self::LoginUid => "set the login uid",
            Self::Namespaces => "enter the session's namespaces",
            Self::Descriptors => "place the descriptors",
            Self::Directory => "enter the working directory",
            Self::OomScore => "reset the out-of-memory score",
            Self::Groups => "set the groups",
            Self::Gid => "set the group id",
            Self::Uid => "set the user id",
            Self::Identity => "confirm the identity",
            Self::DeathSignal => "bind the program's life to its supervisor",
            Self::Signals => "reset signals",
            Self::Gate => "hear that it may execute",
            Self::Exec => "execute the program",
        }
    }

    fn from_number(number: i32) -> Self {
        const ALL: [Step; 16] = [
            Step::Clone,
            Step::Session,
            Step::Foreground,
            Step::LoginUid,
            Step::Namespaces,
            Step::Descriptors,
            Step::Directory,
            Step::OomScore,
            Step::Groups,
            Step::Gid,
            Step::Uid,
            Step::Identity,
            Step::DeathSignal,
            Step::Signals,
            Step::Gate,
            Step::Exec,
        ];
        ALL.into_iter().find(|step| *step as i32 == number).unwrap_or(Self::Exec)
    }
}

/// The program was never executed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {}", step.doing())]
pub struct ExecError {
    /// What failed.
    pub step: Step,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl ExecError {
    fn new(step: Step, errno: i32) -> Self {
        Self { step, source: io::Error::from_raw_os_error(errno) }
    }
}

/// What the child reads, and where it leaves its failure.
struct Plan<'a> {
    program: &'a Program<'a>,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// Scratch for the descriptors' high copies, so that the child does not allocate.
    copies: Vec<RawFd>,
    groups_back: Vec<u32>,
    parent: i32,
    failed_step: i32,
    failed_errno: i32,
}

/// Starts the program and returns once it has been executed.
///
/// A child that was stopped by a signal before its exec holds us until it goes on; it has not run anything then.
///
/// # Errors
/// The step that failed; the child is reaped.
pub fn spawn(program: &Program<'_>) -> Result<Child, ExecError> {
    let mut plan = Plan::new(program)?;
    let blocked = block_all()?;
    let cgroup = program.cgroup.map(|fd| fd.as_raw_fd());
    // SAFETY: `child_entry` makes only system calls over the plan, which outlives it; signals are blocked.
    let mut start = || unsafe { clone::vfork_into(child_entry, (&raw mut plan).cast(), cgroup) };
    let started = match program.namespaces {
        Some(namespaces) => namespaces.with_children_in(start).map_err(|source| ExecError { step: Step::Namespaces, source }),
        None => Ok(start()),
    };
    restore(&blocked);
    let (pid, pidfd) = started?.map_err(|errno| ExecError::new(Step::Clone, errno))?;
    if plan.failed_step != 0 {
        let error = ExecError::new(Step::from_number(plan.failed_step), plan.failed_errno);
        drop(crate::pidfd::wait(std::os::fd::AsFd::as_fd(&pidfd)));
        return Err(error);
    }
    Ok(Child { pid, pidfd })
}

impl<'a> Plan<'a> {
    fn new(program: &'a Program<'a>) -> Result<Self, ExecError> {
        if program.arguments.is_empty() {
            return Err(ExecError::new(Step::Exec, libc::EINVAL));
        }
        if program.gate.is_some_and(|gate| gate.word.is_empty() || gate.word.len() > Gate::LONGEST) {
            return Err(ExecError::new(Step::Gate, libc::EINVAL));
        }
        let pointers = |list: &[CString]| list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        let groups = program.identity.map_or(0, |identity| identity.groups.len());
        Ok(Self {
            program,
            arguments: pointers(program.arguments),
            environment: pointers(program.environment),
            copies: vec![-1; program.descriptors.len()],
            groups_back: vec![0; groups.saturating_add(1)],
            parent: match program.namespaces {
                // As seen from a namespace in which we are not. That a dead parent leaves nothing there is its init's business.
                Some(_) => 0,
                // SAFETY: plain call.
                None => unsafe { libc::getpid() },
            },
            failed_step: 0,
            failed_errno: 0,
        })
    }
}

fn block_all() -> Result<libc::sigset_t, ExecError> {
    // SAFETY: both sets are valid for the calls to fill.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        if libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut old) != 0 {
            return Err(ExecError::new(Step::Signals, io::Error::last_os_error().raw_os_error().unwrap_or(0)));
        }
        Ok(old)
    }
}

fn restore(old: &libc::sigset_t) {
    // SAFETY: `old` came from the same call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, std::ptr::from_ref(old), std::ptr::null_mut()) };
}

extern "C" fn child_entry(plan: *mut libc::c_void) -> ! {
    // SAFETY: `spawn` passes its plan and is held until we exec or end.
    let plan = unsafe { &mut *plan.cast::<Plan<'_>>() };
    let step = match become_program(plan) {
        Ok(never) => match never {},
        Err(step) => step,
    };
    // SAFETY: reads this thread's errno, which the failed call left (shared with the held parent: a vfork child has its TLS).
    plan.failed_errno = unsafe { *libc::__errno_location() };
    plan.failed_step = step as i32;
    // SAFETY: ends this process without running any handler of the parent's.
    unsafe { libc::_exit(127) }
}

type Done<T> = Result<T, Step>;

fn ok(step: Step, value: i64) -> Done<i64> {
    if value < 0 { Err(step) } else { Ok(value) }
}

/// The child's whole way, in order. Each call is checked; the first failure names its step.
fn become_program(plan: &mut Plan<'_>) -> Done<std::convert::Infallible> {
    let program = plan.program;
    default_signals()?;
    if let Some(uid) = program.login_uid {
        set_login_uid(uid)?;
    }
    reset_oom_score()?;
    if let Some(namespaces) = program.namespaces {
        namespaces.enter_mounts().map_err(|_| Step::Namespaces)?;
    }
    let (executable, gate) = place_descriptors(plan)?;
    enter_session(program.session)?;
    if let Some(umask) = program.umask {
        // SAFETY: plain call that cannot fail.
        unsafe { libc::umask(umask) };
    }
    if let Some(Gate { word, until_ms, .. }) = program.gate {
        // Before the wait too: a parent that is killed meanwhile must not leave us waiting.
        bind_life(program.death_signal, plan.parent)?;
        hear(gate, word)?;
        in_time(until_ms)?;
    }
    if let Some(identity) = program.identity {
        take_identity(identity, &mut plan.groups_back)?;
    }
    bind_life(program.death_signal, plan.parent)?;
    empty_mask()?;
    // SAFETY: the vectors end with a null pointer and point to strings that live in the held parent.
    unsafe {
        libc::syscall(libc::SYS_execveat, executable, c"".as_ptr(), plan.arguments.as_ptr(), plan.environment.as_ptr(), libc::AT_EMPTY_PATH)
    };
    Err(Step::Exec)
}

/// The kernel's own `struct sigaction` for the default action, all zero on every architecture.
const DEFAULT_ACTION: [u64; 4] = [0; 4];

fn default_signals() -> Done<()> {
    for signal in 1..=64 {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue;
        }
        // SAFETY: the action is 32 zero bytes, at least what the kernel reads; raw so that libc's reserved signals are reset too.
        let set = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT_ACTION.as_ptr(), std::ptr::null_mut::<u8>(), 8usize) };
        ok(Step::Signals, set)?;
    }
    Ok(())
}

fn empty_mask() -> Done<()> {
    let none = 0u64;
    // SAFETY: `none` has the eight bytes that the kernel reads.
    let set = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const none, std::ptr::null_mut::<u64>(), 8usize) };
    ok(Step::Signals, set).map(drop)
}

fn enter_session(session: Session) -> Done<()> {
    // SAFETY: plain calls with integers; the terminal ioctl reads one int.
    unsafe {
        match session {
            Session::New => ok(Step::Session, i64::from(libc::setsid())).map(drop),
            Session::Group => ok(Step::Session, i64::from(libc::setpgid(0, 0))).map(drop),
            Session::Foreground(terminal) => {
                ok(Step::Session, i64::from(libc::setpgid(0, 0)))?;
                // SIGTTOU is blocked here, so that a background process may take the foreground.
                let group: libc::pid_t = libc::getpgid(0);
                ok(Step::Foreground, i64::from(libc::ioctl(terminal, libc::TIOCSPGRP, &raw const group))).map(drop)
            }
        }
    }
}

/// Writes a decimal number to a file of `/proc/self`. A file that is missing (no such kernel option) is no failure;
/// neither is `EPERM` for the login uid in a container without `AUDIT_CONTROL`: the audit pass is skipped then.
fn write_proc(path: &CStr, number: u32, step: Step) -> Done<()> {
    let mut digits = [0u8; 10];
    let mut rest = number;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    let text = digits.get(digits.len().saturating_sub(used)..).unwrap_or(&[]);
    // SAFETY: a valid path and buffer; the descriptor is closed here.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return if *libc::__errno_location() == libc::ENOENT { Ok(()) } else { Err(step) };
        }
        let written = libc::write(file, text.as_ptr().cast(), text.len());
        let errno = *libc::__errno_location();
        libc::close(file);
        if written < 0 && errno != libc::EPERM {
            *libc::__errno_location() = errno;
            return Err(step);
        }
    }
    Ok(())
}

fn set_login_uid(uid: u32) -> Done<()> {
    write_proc(c"/proc/self/loginuid", uid, Step::LoginUid)
}

/// Takes back a protection that the broker may have been started with. Raising the score needs no privilege.
fn reset_oom_score() -> Done<()> {
    let mut first = [0u8; 1];
    // SAFETY: a valid path and buffer; the descriptor is closed here.
    let read = unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return if *libc::__errno_location() == libc::ENOENT { Ok(()) } else { Err(Step::OomScore) };
        }
        let read = libc::read(file, first.as_mut_ptr().cast(), 1);
        libc::close(file);
        read
    };
    if read == 1 && first == *b"-" { write_proc(c"/proc/self/oom_score_adj", 0, Step::OomScore) } else { Ok(()) }
}

/// Waits for exactly these bytes.
fn hear(socket: RawFd, word: &[u8]) -> Done<()> {
    let mut heard = [0u8; Gate::LONGEST];
    // SAFETY: `word` is no longer than the buffer, which was checked before.
    let got = unsafe { libc::recv(socket, heard.as_mut_ptr().cast(), word.len(), libc::MSG_WAITALL) };
    ok(Step::Gate, i64::try_from(got).unwrap_or(-1))?;
    if usize::try_from(got) == Ok(word.len()) && heard.get(..word.len()) == Some(word) {
        return Ok(());
    }
    // SAFETY: this thread's errno.
    unsafe { *libc::__errno_location() = libc::ECANCELED };
    Err(Step::Gate)
}

/// Whether that moment is still to come.
fn in_time(until_ms: u64) -> Done<()> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing.
    ok(Step::Gate, i64::from(unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) }))?;
    let millis = u64::try_from(now.tv_sec)
        .unwrap_or(u64::MAX)
        .saturating_mul(1000)
        .saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000);
    if millis < until_ms {
        return Ok(());
    }
    // SAFETY: this thread's errno.
    unsafe { *libc::__errno_location() = libc::ETIME };
    Err(Step::Gate)
}

/// Puts each descriptor at its place and marks everything above close-on-exec; returns where the executable and the gate are.
fn place_descriptors(plan: &mut Plan<'_>) -> Done<(RawFd, RawFd)> {
    let program = plan.program;
    let count = RawFd::try_from(program.descriptors.len()).map_err(|_| Step::Descriptors)?;
    let floor = count.saturating_add(2).max(10);
    // Copies above every place first, so that no place is overwritten before it was read.
    for (copy, source) in plan.copies.iter_mut().zip(program.descriptors) {
        // SAFETY: plain call on a descriptor that we have.
        *copy = unsafe { libc::fcntl(source.as_raw_fd(), libc::F_DUPFD_CLOEXEC, floor) };
        ok(Step::Descriptors, i64::from(*copy))?;
    }
    // SAFETY: plain calls on descriptors that we have.
    unsafe {
        let mut executable = libc::fcntl(program.executable.as_raw_fd(), libc::F_DUPFD_CLOEXEC, floor);
        ok(Step::Descriptors, i64::from(executable))?;
        let mut gate = -1;
        if let Some(Gate { socket, .. }) = program.gate {
            gate = libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, floor);
            ok(Step::Descriptors, i64::from(gate))?;
        }
        if let Some(directory) = program.directory {
            ok(Step::Directory, i64::from(libc::fchdir(directory.as_raw_fd())))?;
        }
        let mut place = 0;
        for copy in &plan.copies {
            ok(Step::Descriptors, i64::from(libc::dup3(*copy, place, 0)))?;
            place += 1;
        }
        if program.keep_executable {
            ok(Step::Descriptors, i64::from(libc::dup3(executable, place, 0)))?;
            executable = place;
            place += 1;
        }
        let marked = libc::syscall(libc::SYS_close_range, place, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        ok(Step::Descriptors, marked)?;
        Ok((executable, gate))
    }
}

/// `PR_CAP_AMBIENT_CLEAR_ALL`.
const AMBIENT_CLEAR_ALL: libc::c_ulong = 4;

/// Groups, then gid, then uid, by raw system calls (libc's would signal other threads), each checked and all read back.
fn take_identity(identity: &Identity, back: &mut [u32]) -> Done<()> {
    let (uid, gid) = (identity.uid, identity.gid);
    if uid == u32::MAX || gid == u32::MAX {
        // SAFETY: this thread's errno.
        unsafe { *libc::__errno_location() = libc::EINVAL };
        return Err(Step::Identity);
    }
    // SAFETY: the lists are valid for their lengths; the rest are plain calls with integers.
    unsafe {
        ok(Step::Groups, libc::syscall(libc::SYS_setgroups, identity.groups.len(), identity.groups.as_ptr()))?;
        ok(Step::Gid, libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        ok(Step::Uid, libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
        ok(Step::Identity, i64::from(control(libc::PR_CAP_AMBIENT, AMBIENT_CLEAR_ALL)))?;
        let (mut real, mut effective, mut saved) = (0, 0, 0);
        ok(Step::Identity, i64::from(libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved)))?;
        let uids = [real, effective, saved] == [uid; 3];
        ok(Step::Identity, i64::from(libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved)))?;
        let gids = [real, effective, saved] == [gid; 3];
        let room = libc::c_int::try_from(back.len()).map_err(|_| Step::Identity)?;
        let count = ok(Step::Identity, i64::from(libc::getgroups(room, back.as_mut_ptr())))?;
        let same_groups = usize::try_from(count) == Ok(identity.groups.len())
            && back.get(..identity.groups.len()).is_some_and(|got| got.iter().all(|group| identity.groups.contains(group)));
        if !(uids && gids && same_groups) {
            *libc::__errno_location() = libc::EPERM;
            return Err(Step::Identity);
        }
    }
    Ok(())
}

/// After the identity, since changing that clears it.
fn bind_life(signal: Option<i32>, parent: i32) -> Done<()> {
    let Some(signal) = signal else { return Ok(()) };
    // SAFETY: plain calls with integers.
    unsafe {
        ok(Step::DeathSignal, i64::from(control(libc::PR_SET_PDEATHSIG, libc::c_ulong::try_from(signal).unwrap_or(0))))?;
        if libc::getppid() != parent {
            *libc::__errno_location() = libc::ESRCH;
            return Err(Step::DeathSignal);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    /// What came of a start whose gate heard `said`, and whether the program ran.
    fn through_a_gate(said: &[u8], close: bool, until_ms: u64) -> (Result<(), Step>, bool) {
        let directory = tempfile::tempdir().unwrap();
        let marker = directory.path().join("ran");
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        ours.write_all(said).unwrap();
        let kept = (!close).then_some(ours);
        let executable = File::open("/usr/bin/touch").unwrap();
        let null = File::open("/dev/null").unwrap();
        let arguments = ["touch", marker.to_str().unwrap()].map(|text| CString::new(text).unwrap());
        let started = spawn(&Program {
            executable: executable.as_fd(),
            keep_executable: true,
            arguments: &arguments,
            environment: &[],
            descriptors: &[null.as_fd(); 3],
            directory: None,
            identity: None,
            session: Session::New,
            umask: None,
            namespaces: None,
            cgroup: None,
            login_uid: None,
            death_signal: Some(libc::SIGKILL),
            gate: Some(Gate { socket: theirs.as_fd(), word: b"go ahead", until_ms }),
        });
        drop(kept);
        let came = started.map_err(|error| error.step).map(|child| drop(crate::pidfd::wait(child.pidfd.as_fd())));
        (came, marker.exists())
    }

    #[test]
    fn a_program_behind_a_gate_is_executed_for_the_word_alone() {
        let far = u64::MAX;
        assert_eq!(through_a_gate(b"go ahead", false, far), (Ok(()), true));
        assert_eq!(through_a_gate(b"go ahead and more", false, far), (Ok(()), true));
        assert_eq!(through_a_gate(b"go ahead", false, crate::clock::boottime_ms() + 60_000), (Ok(()), true));
        assert_eq!(through_a_gate(b"go ahead", false, crate::clock::boottime_ms()), (Err(Step::Gate), false), "too late");
        for (said, close) in
            [(&b"go aheaD"[..], false), (b"stop that", false), (b"go ahe", true), (b"", true), (b"go ahe", false), (b"", false)]
        {
            assert_eq!(through_a_gate(said, close, far), (Err(Step::Gate), false), "{said:?}, closed: {close}");
        }
    }
}
