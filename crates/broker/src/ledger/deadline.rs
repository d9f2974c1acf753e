//! The hard end of a session: the earliest of its grant's end, its policy's validity and its staleness.

use brevet_core::decide::{Holds, holds};
use brevet_core::id::SessionId;
use brevet_core::policy::{AtExpiry, Elevation};
use brevet_core::time::Now;

use super::Ledger;
use crate::state::GrantEntry;

/// When a session ends and when its user is warned, in milliseconds of the boot clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The hard end.
    pub at: u64,
    /// Warnings.
    pub warn_at: Vec<u64>,
}

/// A deadline so many milliseconds from now.
#[must_use]
pub fn deadline(remaining: u64, elevation: &Elevation, now: &Now) -> Deadline {
    let finish = match elevation.at_expiry {
        AtExpiry::Terminate => 0,
        AtExpiry::LetFinish => elevation.finish_within.map_or(0, brevet_core::time::Length::millis),
    };
    let at = now.boot.millis.saturating_add(remaining).saturating_add(finish);
    let warn = at.saturating_sub(elevation.warn_before.millis());
    let warn_at = if warn > now.boot.millis { vec![warn] } else { Vec::new() };
    Deadline { at, warn_at }
}

impl Ledger {
    /// Milliseconds for which a session under this grant may still run.
    #[must_use]
    pub fn remaining(&self, grant: &GrantEntry, now: &Now) -> u64 {
        let own = grant.life.remaining_millis(now);
        let Some(document) = self.documents.in_force().policy(&grant.policy.id) else { return own };
        let valid = match holds(&document.policy.validity, self.fixed(document, grant.user.uid, now), now.wall) {
            Holds::For(millis) => millis,
            Holds::No(_) => 0,
        };
        let age = self.documents.position.heartbeat.as_ref().map_or(u64::MAX, |heartbeat| now.millis_since(heartbeat));
        own.min(valid).min(document.policy.staleness.millis().saturating_sub(age))
    }

    /// Tells every session whose end has moved.
    pub fn reschedule(&mut self, now: &Now) {
        let moved: Vec<(SessionId, Deadline)> = self
            .live
            .iter()
            .filter_map(|(id, live)| {
                let grant = self.state.grants.get(&self.state.sessions.get(id)?.started.grant)?;
                // A grant that ended has given its sessions their order already.
                grant.is_open().then_some(())?;
                let deadline = deadline(self.remaining(grant, now), &grant.elevation, now);
                (deadline.at.abs_diff(live.deadline) > 1_000).then(|| (id.clone(), deadline))
            })
            .collect();
        for (id, deadline) in moved {
            if let Some(live) = self.live.get_mut(&id) {
                live.deadline = deadline.at;
                if let Err(error) = live.session.reschedule(deadline.at, deadline.warn_at) {
                    crate::say("broker", &format!("session {id} could not be given another end: {}", crate::chain(&error)));
                }
            }
        }
    }
}
