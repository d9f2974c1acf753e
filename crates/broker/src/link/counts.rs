//! How many processes the running sessions have, for people at the server to look at.

use brevet_api::agent::MOST_COUNTED;
use brevet_api::link::{Counted, Processes};
use brevet_core::id::SessionId;
use brevet_core::policy::Containment;
use brevet_sys::cgroup::Group;

use crate::broker::Broker;

/// How soon after a session began, and how often after that, is looked.
const FIRST_MS: u64 = 3_000;
const LOOK_MS: u64 = 10_000;

/// What was last told, and when to look again.
#[derive(Debug, Default)]
pub struct Counts {
    told: Processes,
    /// Milliseconds of `CLOCK_BOOTTIME`.
    next: u64,
    /// Whether any session ran when it was last looked.
    any: bool,
}

impl Counts {
    /// Milliseconds until the next look; none is wanted while nothing runs.
    pub fn due_in(&self, now: u64) -> Option<u64> {
        self.any.then(|| self.next.saturating_sub(now))
    }

    /// Something happened: a session may have begun.
    pub fn wake(&mut self, broker: &Broker, now: u64) {
        if !self.any && broker.ledger().state.running().next().is_some() {
            self.any = true;
            self.next = now.saturating_add(FIRST_MS);
        }
    }

    /// The counts, where it is time to look and they changed.
    pub fn look(&mut self, broker: &Broker, now: u64) -> Option<Processes> {
        if !self.any || now < self.next {
            return None;
        }
        // Nothing is read under the lock: a group may hold many thousands.
        let running: Vec<(SessionId, Containment)> = {
            let ledger = broker.ledger();
            ledger.state.running().take(MOST_COUNTED).map(|(id, entry)| (id.clone(), entry.started.containment)).collect()
        };
        self.any = !running.is_empty();
        self.next = now.saturating_add(LOOK_MS);
        let sessions = running.into_iter().filter_map(|(session, containment)| {
            let all = Group::open(&broker.cgroup.join(session.as_str())).and_then(|group| group.processes()).ok()?.len();
            let own = usize::from(containment == Containment::PidNamespace);
            Some(Counted { session, processes: u32::try_from(all.saturating_sub(own)).unwrap_or(u32::MAX) })
        });
        let counted = Processes { sessions: sessions.collect() };
        (counted != self.told).then(|| {
            self.told.clone_from(&counted);
            counted
        })
    }
}
