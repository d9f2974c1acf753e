//! Everything that a session started, and ending all of it (DESIGN section 7).
//!
//! Three nets, one behind the other: the cgroup, descendants (we are their subreaper), and the audit session id.
//! INVARIANT: a process is signalled only after its membership was checked with its pidfd open, never by a remembered pid.

use brevet_sys::cgroup::{Events, Group};
use brevet_sys::{pidfd, process, signal};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A session's processes.
#[derive(Debug)]
pub(super) struct Tree {
    group: Group,
    events: Events,
    audit_session: Option<u32>,
    /// Pid 1 of the session's own namespace, which is ours and not counted.
    init: Option<i32>,
    ended: BTreeSet<i32>,
}

impl Tree {
    pub(super) fn new(group: Group, audit_session: Option<u32>, init: Option<i32>) -> Result<Self, brevet_sys::Error> {
        let events = group.events()?;
        Ok(Self { group, events, audit_session, init, ended: BTreeSet::new() })
    }

    pub(super) fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// Whether nothing of it runs. Children are waited for by the loop; here they only count.
    pub(super) fn is_empty(&mut self) -> bool {
        self.events.populated() != Some(true) && !pidfd::has_children()
    }

    /// Asks every process to end, stopped ones too.
    pub(super) fn terminate(&mut self) {
        let mut members = self.members();
        members.retain(|pid| Some(*pid) != self.init);
        self.ended.extend(&members);
        send(&members, &[signal::TERMINATE, signal::CONTINUE], || self.members());
    }

    /// One pass of killing.
    pub(super) fn kill(&mut self) {
        let members = self.members();
        let strays = self.strays(&members);
        let counted = members.iter().chain(&strays).copied().filter(|pid| Some(*pid) != self.init);
        self.ended.extend(counted);
        drop(self.group.kill());
        send(&members, &[signal::KILL], || self.members());
        send(&strays, &[signal::KILL], || self.strays(&BTreeSet::new()));
    }

    /// Whether a process that left the cgroup and our descent still carries the audit session.
    pub(super) fn has_strays(&self) -> bool {
        !self.strays(&self.members()).is_empty()
    }

    /// How many processes were ended by us.
    pub(super) fn ended(&self) -> u32 {
        u32::try_from(self.ended.len()).unwrap_or(u32::MAX)
    }

    /// How many are left.
    pub(super) fn remaining(&self) -> u32 {
        let members = self.members();
        u32::try_from(members.len().saturating_add(self.strays(&members).len())).unwrap_or(u32::MAX)
    }

    /// The cgroup's processes and our descendants.
    fn members(&self) -> BTreeSet<i32> {
        let mut found: BTreeSet<i32> = self.group.processes().unwrap_or_default().into_iter().collect();
        found.extend(process::descendants(process::own_pid()).unwrap_or_default());
        found
    }

    /// Processes that left both, and still carry the session's audit id.
    fn strays(&self, members: &BTreeSet<i32>) -> BTreeSet<i32> {
        let Some(id) = self.audit_session else { return BTreeSet::new() };
        let own = process::own_pid();
        let found = process::of_audit_session(id).unwrap_or_default();
        found.into_iter().filter(|pid| *pid != own && !members.contains(pid)).collect()
    }

    /// Removes the cgroup; false while the kernel still holds it.
    pub(super) fn remove_group(&self) -> bool {
        match self.group.remove() {
            Ok(()) => true,
            Err(error) => error.source.kind() == std::io::ErrorKind::NotFound,
        }
    }
}

/// How many pidfds are held at once, well below the limit of descriptors.
const AT_ONCE: usize = 256;

/// Signals those that are still listed once their pidfds are held.
fn send(pids: &BTreeSet<i32>, numbers: &[i32], still: impl Fn() -> BTreeSet<i32>) {
    let pids: Vec<i32> = pids.iter().copied().collect();
    for some in pids.chunks(AT_ONCE) {
        let held: Vec<(i32, OwnedFd)> = some.iter().filter_map(|pid| Some((*pid, pidfd::open(*pid).ok()?))).collect();
        let still = still();
        for (_, process) in held.iter().filter(|(pid, _)| still.contains(pid)) {
            for number in numbers {
                // A process that ended in between is what we want.
                drop(pidfd::send_signal(process.as_fd(), *number));
            }
        }
    }
}
