//! Looking at processes from outside, through `/proc`.

use std::fs;
use std::path::Path;

/// Every process id at this moment.
#[must_use]
pub fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process exists and is not a zombie.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(')').is_some_and(|(_, rest)| !matches!(rest.trim_start().chars().next(), Some('Z' | 'X') | None))
}

/// When it started, in clock ticks since boot: with the pid, a name for one process.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Processes whose command line has this text as one of its arguments.
#[must_use]
pub fn with_argument(argument: &str) -> Vec<u32> {
    let has =
        |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.split(|b| *b == 0).any(|a| a == argument.as_bytes()));
    all().into_iter().filter(has).filter(|pid| is_alive(*pid)).collect()
}

/// Processes whose executable is below a folder.
#[must_use]
pub fn running_from(folder: &Path) -> Vec<u32> {
    let from = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(folder));
    all().into_iter().filter(from).collect()
}

/// The real uid of a process.
#[must_use]
pub fn uid(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|l| l.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
}
