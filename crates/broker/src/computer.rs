//! What this computer is: facts for the journal, so that the server hears of them signed.
//!
//! Nothing is decided by them here.

use std::io::Read as _;

use brevet_core::policy::Containment;
use brevet_core::record::{ComputerFacts, OperatingSystem};
use brevet_core::space::Space;

/// Where os-release(5) is.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// How much of such a file is read.
const MOST_READ: u64 = 64 << 10;
/// The longest value that is passed on, in characters.
const MOST_SAID: usize = 200;
/// A clock that went off by less is not told of anew.
const CLOCK_MILLIS: u64 = 30_000;

/// The facts of the moment.
#[must_use]
pub fn facts(space: Option<Space>, clock_ahead_millis: Option<i64>) -> ComputerFacts {
    let os = OS_RELEASE.into_iter().map(read).find(|text| !text.is_empty()).unwrap_or_default();
    ComputerFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: short(read("/proc/sys/kernel/osrelease").trim()),
        architecture: std::env::consts::ARCH.to_owned(),
        os: os_release(&os),
        containment: vec![Containment::Cgroup, Containment::PidNamespace],
        cgroup: cgroup(&read("/proc/mounts")).to_owned(),
        space,
        clock_ahead_millis,
    }
}

/// Whether facts are worth another record: room and clock change all the time, and matter in steps.
#[must_use]
pub fn differ(before: &ComputerFacts, now: &ComputerFacts) -> bool {
    let still = |facts: &ComputerFacts| ComputerFacts { space: None, clock_ahead_millis: None, ..facts.clone() };
    let room = |facts: &ComputerFacts| facts.space.map(|space| space.room());
    let clock = match (before.clock_ahead_millis, now.clock_ahead_millis) {
        (Some(before), Some(now)) => before.abs_diff(now) > CLOCK_MILLIS,
        (before, now) => before.is_some() != now.is_some(),
    };
    clock || room(before) != room(now) || still(before) != still(now)
}

fn read(path: &str) -> String {
    let mut text = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST_READ).read_to_end(&mut text));
    read.map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_SAID).collect()
}

/// Lines are `KEY=value`, the value perhaps in quotes with backslashes before special characters.
fn os_release(text: &str) -> OperatingSystem {
    let value = |key: &str| {
        let line = text.lines().rev().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        let quoted = line.unwrap_or_default().trim();
        let inner = ['"', '\''].iter().find_map(|quote| quoted.strip_prefix(*quote)?.strip_suffix(*quote));
        let mut plain = String::new();
        let mut escaped = false;
        for c in inner.unwrap_or(quoted).chars() {
            if c == '\\' && !escaped {
                escaped = true;
            } else {
                plain.push(c);
                escaped = false;
            }
        }
        short(&plain)
    };
    OperatingSystem { id: value("ID"), version: value("VERSION_ID"), name: value("PRETTY_NAME") }
}

fn cgroup(mounts: &str) -> &'static str {
    let first = mounts.lines().any(|line| line.split(' ').nth(2) == Some("cgroup"));
    if first { "hybrid" } else { "unified" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_and_without_quotes_and_never_believed_to_be_short() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian\"\nVERSION_ID='12'\nID=debian\n";
        let os = os_release(debian);
        assert_eq!((os.id.as_str(), os.version.as_str(), os.name.as_str()), ("debian", "12", "Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(os_release("ID=\"a\\\"b\\$c\"").id, "a\"b$c");
        assert_eq!(os_release("#ID=x\nID_LIKE=debian\n"), OperatingSystem::default());
        assert_eq!(os_release("ID=one\nID=two").id, "two", "the last one counts, as in a shell");
        assert_eq!(os_release(&format!("ID={}\u{1b}[2J", "x".repeat(1_000))).id, "x".repeat(MOST_SAID));
    }

    #[test]
    fn control_groups_are_hybrid_where_any_is_of_version_1() {
        assert_eq!(cgroup("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"), "unified");
        assert_eq!(cgroup("cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw 0 0\n"), "hybrid");
    }

    #[test]
    fn another_record_is_made_for_what_matters_alone() {
        let space = |available| Some(Space { total: 10 << 30, available });
        let before = facts(space(5 << 30), Some(1_000));
        let with = |change: &dyn Fn(&mut ComputerFacts)| {
            let mut now = before.clone();
            change(&mut now);
            differ(&before, &now)
        };
        assert!(!with(&|now| now.space = space(4 << 30)) && with(&|now| now.space = space(100 << 20)) && with(&|now| now.space = None));
        assert!(!with(&|now| now.clock_ahead_millis = Some(20_000)) && with(&|now| now.clock_ahead_millis = Some(-40_000)));
        assert!(with(&|now| now.clock_ahead_millis = None) && with(&|now| now.kernel = "7.0".into()) && !with(&|_| {}));
        assert!(!before.kernel.is_empty() && !before.architecture.is_empty());
    }
}
