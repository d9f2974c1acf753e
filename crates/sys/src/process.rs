//! Facts about processes from `/proc`, and settings of this process.

use crate::error::{Doing, Error, Result, check};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// The numbers of `/proc/PID/stat` that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its state letter (`R`, `S`, `Z`, …).
    pub state: u8,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// Its controlling terminal as a device number, 0 for none.
    pub terminal: u64,
    /// When it started, in clock ticks since boot.
    pub started: u64,
}

/// Parses a `stat` line after its **last** `)`: a program's name may hold spaces, brackets and newlines.
#[must_use]
pub fn parse_stat(line: &[u8]) -> Option<Stat> {
    let after = line.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(line.get(after.checked_add(1)?..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // tty_nr is printed signed.
    let terminal: i32 = fields.get(4)?.parse().ok()?;
    Some(Stat {
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        terminal: u64::from(u32::from_ne_bytes(terminal.to_ne_bytes())),
        started: fields.get(19)?.parse().ok()?,
    })
}

/// # Errors
/// When the process is gone or its line cannot be read.
pub fn stat(pid: i32) -> Result<Stat> {
    let mut file = File::open(format!("/proc/{pid}/stat")).doing("read a process's state")?;
    // The kernel writes the whole line into one read; it has 52 numbers and a name of 64 bytes at most.
    let mut line = [0u8; 2048];
    let length = file.read(&mut line).doing("read a process's state")?;
    parse_stat(line.get(..length).unwrap_or_default()).ok_or_else(|| Error::other("read a process's state", "an unexpected form"))
}

/// Every pid that `/proc` shows now.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn all() -> Result<Vec<i32>> {
    let entries = std::fs::read_dir("/proc").doing("list processes")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Every descendant of a process now, zombies left out.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn descendants(root: i32) -> Result<Vec<i32>> {
    let mut children: HashMap<i32, Vec<(i32, u8)>> = HashMap::new();
    for pid in all()? {
        if let Ok(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push((pid, stat.state));
        }
    }
    let mut found = Vec::new();
    let mut seen = HashSet::from([root]);
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for (pid, state) in children.get(&parent).into_iter().flatten() {
            if seen.insert(*pid) {
                next.push(*pid);
                if !matches!(state, b'Z' | b'X') {
                    found.push(*pid);
                }
            }
        }
    }
    Ok(found)
}

/// The audit session id that means "none".
pub const NO_AUDIT_SESSION: u32 = u32::MAX;

/// A process's audit session id; `None` when the kernel has no audit or the process is gone.
#[must_use]
pub fn audit_session(pid: i32) -> Option<u32> {
    std::fs::read_to_string(format!("/proc/{pid}/sessionid")).ok()?.trim().parse().ok()
}

/// Every live process of an audit session.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn of_audit_session(id: u32) -> Result<Vec<i32>> {
    let alive = |pid: &i32| stat(*pid).is_ok_and(|stat| !matches!(stat.state, b'Z' | b'X'));
    Ok(all()?.into_iter().filter(|pid| audit_session(*pid) == Some(id)).filter(alive).collect())
}

/// Signals a process that was just found in a list, only if it still matches: the pidfd is opened first,
/// so that the check and the signal are about the same process. True when the signal was sent.
#[must_use]
pub fn signal_if(pid: i32, signal: i32, matches: impl Fn(i32) -> bool) -> bool {
    let Ok(pidfd) = crate::pidfd::open(pid) else { return false };
    matches(pid) && crate::pidfd::is_alive(pidfd.as_fd()) && crate::pidfd::send_signal(pidfd.as_fd(), signal).is_ok()
}

/// Our own pid.
#[must_use]
pub fn own_pid() -> i32 {
    // SAFETY: plain call that cannot fail.
    unsafe { libc::getpid() }
}

/// Our effective user id.
#[must_use]
pub fn effective_uid() -> u32 {
    // SAFETY: plain call that cannot fail.
    unsafe { libc::geteuid() }
}

/// `prctl` with one argument; the others are zero in their whole width, which a variadic call would not promise for an `int`.
///
/// # Safety
/// As the operation asks; none of ours passes a pointer.
pub(crate) unsafe fn control(operation: libc::c_int, argument: libc::c_ulong) -> libc::c_int {
    const NOTHING: libc::c_ulong = 0;
    // SAFETY: integers only.
    unsafe { libc::prctl(operation, argument, NOTHING, NOTHING, NOTHING) }
}

/// Orphaned descendants become our children.
///
/// # Errors
/// When the kernel refuses.
pub fn become_subreaper() -> Result<()> {
    // SAFETY: plain call with integers.
    check("become a subreaper", unsafe { control(libc::PR_SET_CHILD_SUBREAPER, 1) }).map(drop)
}

/// No core dump, and no ptrace by our own uid.
///
/// # Errors
/// When the kernel refuses.
pub fn forbid_dumping() -> Result<()> {
    // SAFETY: plain call with integers.
    check("forbid dumping", unsafe { control(libc::PR_SET_DUMPABLE, 0) }).map(drop)
}

/// This signal when our parent ends.
///
/// # Errors
/// When the kernel refuses.
pub fn die_with_parent(signal: i32) -> Result<()> {
    // SAFETY: plain call with integers.
    check("bind our life to our parent's", unsafe { control(libc::PR_SET_PDEATHSIG, libc::c_ulong::try_from(signal).unwrap_or(0)) })
        .map(drop)
}

/// A new session, and we its leader.
///
/// # Errors
/// When we lead a process group already.
pub fn new_session() -> Result<()> {
    // SAFETY: plain call.
    check("make a session", unsafe { libc::setsid() }).map(drop)
}

/// The umask of files that we make.
pub fn set_umask(mask: u32) {
    // SAFETY: plain call that cannot fail.
    unsafe { libc::umask(mask) };
}

/// Sets the soft limits that a program expects and whoever started us may have changed:
/// no core files, 1024 descriptors, 8 MiB of stack. Hard limits stay.
///
/// # Errors
/// When the kernel refuses.
pub fn default_limits() -> Result<()> {
    for (resource, wanted) in [(libc::RLIMIT_CORE, 0), (libc::RLIMIT_NOFILE, 1024), (libc::RLIMIT_STACK, 8 << 20)] {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is valid for both calls.
        unsafe {
            check("read a limit", libc::getrlimit(resource, &raw mut limit))?;
            limit.rlim_cur = limit.rlim_max.min(wanted);
            check("set a limit", libc::setrlimit(resource, &raw const limit))?;
        }
    }
    Ok(())
}

/// As many descriptors as the hard limit allows, for a service with many connections.
///
/// # Errors
/// When the kernel refuses.
pub fn raise_descriptor_limit() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for both calls.
    unsafe {
        check("read a limit", libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit))?;
        limit.rlim_cur = limit.rlim_max;
        check("set a limit", libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)).map(drop)
    }
}

/// Closes every descriptor but 0, 1, 2 and those given: for a forked copy of a process that ends without returning
/// (`exit_now`), where nothing that believes to own the closed ones is ever used or dropped.
///
/// # Errors
/// When the kernel refuses.
pub fn close_all_but(kept: &[BorrowedFd<'_>]) -> Result<()> {
    let mut numbers: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).filter(|fd| *fd > 2).collect();
    numbers.sort_unstable();
    let mut first = 3u32;
    for number in numbers.into_iter().map(Some).chain([None]) {
        let last = number.map_or(u32::MAX, |number| number.saturating_sub(1));
        if first <= last {
            // SAFETY: plain call; the caller uses none of the closed ones, as documented.
            crate::error::check_long("close descriptors", unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
        first = number.map_or(u32::MAX, |number| number.saturating_add(1));
    }
    Ok(())
}

/// How many descriptors this process has open.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn descriptors() -> Result<usize> {
    // The one by which the directory is read counts each time.
    Ok(std::fs::read_dir("/proc/self/fd").doing("count our descriptors")?.count())
}

/// The kernel ends this process after so many seconds (`SIGALRM`), whatever foreign code is doing.
pub fn end_after(seconds: u32) {
    // SAFETY: plain call; the signal's default action is used.
    unsafe { libc::alarm(seconds) };
}

/// Ends this process at once, without running anything of the process that it was forked from.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// How a process competes for a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    /// As everybody (`SCHED_OTHER`).
    Normal,
    /// With its share, but never in the middle of somebody else's turn (`SCHED_BATCH`): who wakes it goes on.
    Patient,
    /// Only while nobody else wants the processor (`SCHED_IDLE`).
    Idle,
}

/// Changes how a process is scheduled; pid 0 is our own.
///
/// # Errors
/// When the kernel refuses: leaving `Idle` wants `SYS_NICE` where the limit of `nice` does not allow it.
pub fn schedule(pid: i32, how: Scheduling) -> Result<()> {
    let policy = match how {
        Scheduling::Normal => libc::SCHED_OTHER,
        Scheduling::Patient => libc::SCHED_BATCH,
        Scheduling::Idle => libc::SCHED_IDLE,
    };
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: `priority` is valid for reading.
    check("change how a process is scheduled", unsafe { libc::sched_setscheduler(pid, policy, &raw const priority) }).map(drop)
}

/// Processors that a process may run on.
#[derive(Clone, Copy)]
pub struct Processors(libc::cpu_set_t);

impl std::fmt::Debug for Processors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // SAFETY: the set is whole.
        f.debug_tuple("Processors").field(&unsafe { libc::CPU_COUNT(&self.0) }).finish()
    }
}

impl Processors {
    /// Our own.
    ///
    /// # Errors
    /// When the kernel refuses, or has more than the set has room for.
    pub fn own() -> Result<Self> {
        // SAFETY: an all-zero set is an empty one; it is valid for the call to fill.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            check("read our processors", libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set))?;
            Ok(Self(set))
        }
    }

    /// Those but the one that this thread is running on; none where there is no other.
    #[must_use]
    pub fn others(&self) -> Option<Self> {
        let mut others = self.0;
        // SAFETY: plain calls; the set is whole, and the number within it.
        unsafe {
            let here = usize::try_from(libc::sched_getcpu()).ok().filter(|here| *here < 8 * size_of::<libc::cpu_set_t>())?;
            libc::CPU_CLR(here, &mut others);
            (libc::CPU_COUNT(&others) > 0).then_some(Self(others))
        }
    }

    /// Has a process run on these.
    ///
    /// # Errors
    /// When the kernel refuses, or it is gone.
    pub fn give(&self, pid: i32) -> Result<()> {
        // SAFETY: the set is valid for reading.
        let given = unsafe { libc::sched_setaffinity(pid, size_of::<libc::cpu_set_t>(), &raw const self.0) };
        check("choose a process's processors", given).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_cannot_shift_the_fields_of_stat() {
        let line = b"42 (evil) S 1 2 3 4) R 7 8 9 34817 9 4194304 0 0 0 0 0 0 0 0 20 0 1 0 5555 0 0";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.state, stat.parent, stat.group, stat.session), (b'R', 7, 8, 9));
        assert_eq!((stat.terminal, stat.started), (34817, 5555));
        assert!(parse_stat(b"42 (x").is_none());
    }

    #[test]
    fn processors_are_given_and_read_back() {
        let all = Processors::own().unwrap();
        let mut child = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let list = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim().to_owned()
        };
        let before = list();
        let given = all.others().map(|others| others.give(pid));
        let between = list();
        let back = all.give(pid);
        let after = list();
        child.kill().unwrap();
        child.wait().unwrap();
        back.unwrap();
        match given {
            Some(given) => {
                given.unwrap();
                assert_ne!(between, before);
            }
            None => assert_eq!(between, before, "there is only one"),
        }
        assert_eq!(after, before);
        assert!(all.give(pid).is_err(), "it is gone");
    }

    #[test]
    fn a_child_is_found_among_the_descendants_until_it_ends() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(descendants(own_pid()).unwrap().contains(&pid));
        assert!(!signal_if(pid, libc::SIGKILL, |_| false));
        assert!(signal_if(pid, libc::SIGKILL, |pid| stat(pid).unwrap().parent == own_pid()));
        child.wait().unwrap();
        assert!(!descendants(own_pid()).unwrap().contains(&pid));
    }
}
