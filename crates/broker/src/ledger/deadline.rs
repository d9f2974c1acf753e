//! The hard end of a session: the earliest of its grant's end, its policy's validity and its staleness.

use brevet_core::decide::{Holds, holds};
use brevet_core::document::EndReason;
use brevet_core::id::SessionId;
use brevet_core::policy::{AtExpiry, Elevation};
use brevet_core::time::{Length, Now};

use super::Ledger;
use crate::state::GrantEntry;

/// Nobody does anything with a shorter warning.
const LEAST_WARNING_MS: u64 = 1_000;

/// When a session ends and when its user is warned, in milliseconds of the boot clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The hard end.
    pub at: u64,
    /// The hard end as long as the server is heard of.
    pub heard: u64,
    /// Warnings.
    pub warn_at: Vec<u64>,
}

impl Deadline {
    /// Whether it is there because the server was not heard of, and not because its time is over.
    #[must_use]
    pub const fn unheard(&self) -> bool {
        self.at < self.heard
    }
}

/// What bounds a session, in milliseconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of its grant and its policy's validity: at this expiry it may be let finish.
    pub expiry: u64,
    /// Of its staleness, which nothing runs beyond.
    pub staleness: u64,
}

impl Bounds {
    /// The nearer of both.
    #[must_use]
    pub fn least(self) -> u64 {
        self.expiry.min(self.staleness)
    }
}

/// The deadline that these bounds give.
#[must_use]
pub fn deadline(bounds: Bounds, elevation: &Elevation, now: &Now) -> Deadline {
    let finish = match elevation.at_expiry {
        AtExpiry::Terminate => 0,
        AtExpiry::LetFinish => elevation.finish_within.map_or(0, brevet_core::time::Length::millis),
    };
    until(now.boot.millis.saturating_add(bounds.expiry).saturating_add(finish), bounds.staleness, elevation, now)
}

fn until(heard: u64, staleness: u64, elevation: &Elevation, now: &Now) -> Deadline {
    let at = heard.min(now.boot.millis.saturating_add(staleness));
    let left = at.saturating_sub(now.boot.millis);
    // WHY: nobody is ended without a warning because their time is shorter than the warning's, and who has just begun knows that it is
    // short: they are warned at the half. The end of staleness is put off with each heartbeat, so that one is warned of late.
    let part = if at < heard { left / 8 } else { left / 2 };
    let before = elevation.warn_before.millis().min(part);
    let warned = before >= LEAST_WARNING_MS || elevation.warn_before == Length::ZERO;
    let warn_at = if warned && left > 0 { vec![at.saturating_sub(before)] } else { Vec::new() };
    Deadline { at, heard, warn_at }
}

impl Ledger {
    /// What bounds a session under this grant.
    #[must_use]
    pub fn bounds(&self, grant: &GrantEntry, now: &Now) -> Bounds {
        let own = grant.life.remaining_millis(now);
        let Some(document) = self.documents.in_force().policy(&grant.policy.id) else {
            return Bounds { expiry: own, staleness: u64::MAX };
        };
        Bounds { expiry: own.min(self.valid_millis(grant, now)), staleness: self.fresh_millis(document.policy.staleness, now) }
    }

    /// Milliseconds for which a policy with this staleness may still be used without the server.
    #[must_use]
    pub fn fresh_millis(&self, staleness: Length, now: &Now) -> u64 {
        let age = self.documents.position.heartbeat.as_ref().map_or(u64::MAX, |heartbeat| now.millis_since(heartbeat));
        staleness.millis().saturating_sub(age)
    }

    /// Milliseconds for which the policy of a grant still holds; of one that is not in force that is not said here.
    pub(super) fn valid_millis(&self, grant: &GrantEntry, now: &Now) -> u64 {
        let Some(document) = self.documents.in_force().policy(&grant.policy.id) else { return u64::MAX };
        match holds(&document.policy.validity, self.fixed(document, grant.user.uid, now), now.wall) {
            Holds::For(millis) => millis,
            Holds::No(_) => 0,
        }
    }

    /// Tells every session whose end has moved.
    pub fn reschedule(&mut self, now: &Now) {
        let moved: Vec<(SessionId, Deadline)> = self
            .live
            .iter()
            .filter_map(|(id, live)| {
                let grant = self.state.grants.get(&self.state.sessions.get(id)?.started.grant)?;
                let deadline = if grant.is_open() {
                    deadline(self.bounds(grant, now), &grant.elevation, now)
                } else {
                    // One that ended has given its sessions their order already, unless they may finish: a heartbeat counts for these too.
                    let finishes =
                        grant.elevation.at_expiry == AtExpiry::LetFinish && self.state.end_of(&grant.id) == Some(EndReason::Expired);
                    until(live.heard, finishes.then(|| self.bounds(grant, now).staleness)?, &grant.elevation, now)
                };
                (deadline.at.abs_diff(live.deadline) > 1_000).then(|| (id.clone(), deadline))
            })
            .collect();
        for (id, deadline) in moved {
            if let Some(live) = self.live.get_mut(&id) {
                (live.deadline, live.heard) = (deadline.at, deadline.heard);
                if let Err(error) = live.session.reschedule(deadline.at, deadline.warn_at.clone(), deadline.unheard()) {
                    crate::say("broker", &format!("session {id} could not be given another end: {}", crate::chain(&error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_core::time::{BootTime, Timestamp};

    #[test]
    fn what_may_finish_does_so_after_its_expiry_and_never_beyond_its_staleness() {
        let now = Now { wall: Timestamp::from_millis(0), boot: BootTime { boot: "b".into(), millis: 1_000_000 } };
        let terminate = Elevation::default();
        let finish = Elevation { at_expiry: AtExpiry::LetFinish, finish_within: Some(Length::from_hours(1)), ..Elevation::default() };
        let at = |expiry, staleness, elevation: &Elevation| deadline(Bounds { expiry, staleness }, elevation, &now).at - 1_000_000;
        assert_eq!(at(60_000, u64::MAX, &terminate), 60_000);
        assert_eq!(at(60_000, 30_000, &terminate), 30_000);
        assert_eq!(at(60_000, u64::MAX, &finish), 3_660_000);
        assert_eq!(at(60_000, 30_000, &finish), 30_000, "staleness is no expiry");
        assert_eq!(at(60_000, 90_000, &finish), 90_000);
        assert_eq!(at(0, 0, &finish), 0);
    }

    #[test]
    fn a_warning_comes_before_every_end_and_never_before_the_half() {
        let now = Now { wall: Timestamp::from_millis(0), boot: BootTime { boot: "b".into(), millis: 1_000_000 } };
        let five = Elevation::default();
        let none = Elevation { warn_before: Length::ZERO, ..Elevation::default() };
        let warned = |expiry, staleness, elevation: &Elevation| {
            let found = deadline(Bounds { expiry, staleness }, elevation, &now).warn_at;
            found.into_iter().map(|at| at - 1_000_000).collect::<Vec<_>>()
        };
        let minute = 60_000;
        assert_eq!(warned(60 * minute, u64::MAX, &five), [55 * minute]);
        assert_eq!(warned(10 * minute, u64::MAX, &five), [5 * minute]);
        assert_eq!(warned(5 * minute, u64::MAX, &five), [150_000]);
        assert_eq!(warned(6_000, u64::MAX, &five), [3_000]);
        assert_eq!(warned(1_900, u64::MAX, &five), [] as [u64; 0], "less than a second before it is no warning");
        // Two minutes of staleness with a heartbeat every minute: no warning while they come.
        assert_eq!(warned(60 * minute, 2 * minute, &five), [105_000]);
        assert_eq!(warned(0, 0, &five), [] as [u64; 0]);
        assert_eq!(warned(60 * minute, u64::MAX, &none), [60 * minute]);
    }
}
