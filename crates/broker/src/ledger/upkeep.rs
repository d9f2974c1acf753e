//! What time does by itself: requests lapse, grants end, the clock is watched, segments are trimmed.

use std::collections::BTreeSet;

use brevet_core::document::EndReason;
use brevet_core::grant::{GrantLife, GrantState};
use brevet_core::id::{GrantId, PolicyId, RequestId};
use brevet_core::policy::AtExpiry;
use brevet_core::record::{Body, RequestClosed};
use brevet_core::request::RequestState;
use brevet_core::space::Room;
use brevet_core::time::{Length, Now};

use super::Ledger;
use super::documents::EffectError;
use crate::computer;
use crate::journal::JournalError;
use crate::state::Keep;

/// How often the mark is written while nothing happens.
const SAVE_MS: u64 = 60_000;
/// How often at most an acknowledgement is written.
const SAVE_ACKNOWLEDGED_MS: u64 = 2_000;
/// Of each kind that is over, so many are kept in memory, and what is not acknowledged (`true`): less where that is too much.
const KEPT_ENDED: [(usize, bool); 6] = [(256, true), (64, true), (16, true), (64, false), (16, false), (0, false)];
/// A segment that has become much too long is followed by another, so often at most.
const ROTATE_MS: u64 = 2_000;
/// After so many recorded bytes, memory that they took up is given back.
const RELEASE_BYTES: u64 = 8 << 20;
/// Acknowledged records stay for so long.
const KEPT: Length = Length::from_hours(7 * 24);

impl Ledger {
    /// Does what is due; answers the milliseconds until it should be called again.
    ///
    /// # Errors
    /// When something could not be recorded.
    pub fn upkeep(&mut self) -> Result<u64, EffectError> {
        let jumped = self.clock.jump(Self::reading());
        let now = self.now();
        if let Some(jumped) = jumped {
            let by = jumped.found.millis().saturating_sub(jumped.expected.millis());
            self.clock_ahead = self.clock_ahead.map(|ahead| ahead.saturating_add(by));
            self.commit(&[Body::ClockJumped(jumped)])?;
            self.reschedule(&now);
        }
        let mut next = self.lapse_requests(&now)?;
        next = next.min(self.end_grants(&now)?);
        self.settle_receipts()?;
        next = next.min(self.next_look(&now));
        let since_saved = now.boot.millis.saturating_sub(self.last_saved);
        if self.unsaved && since_saved >= SAVE_ACKNOWLEDGED_MS {
            self.last_saved = now.boot.millis;
            self.documents.save()?;
            self.unsaved = false;
        } else if self.unsaved {
            next = next.min(SAVE_ACKNOWLEDGED_MS.saturating_sub(since_saved));
        }
        if now.boot.millis.saturating_sub(self.last_tidied) >= SAVE_MS {
            self.last_tidied = now.boot.millis;
            self.refused_documents = 20;
            self.documents.position.mark = Some(now.wall);
            self.documents.save()?;
            self.trim(&now)?;
            // Last: they differ when the disk gets full, and what is above makes room.
            self.note_facts()?;
        } else if self.journal.needs_rotation() && self.cannot_rotate.is_none() && self.may_rotate(&now) {
            self.rotate(&now)?;
        }
        self.journal.make_room();
        Ok(next.min(SAVE_MS))
    }

    /// Records the facts of this computer where they are not what was recorded last.
    ///
    /// # Errors
    /// When that could not be recorded.
    pub fn note_facts(&mut self) -> Result<(), JournalError> {
        let now = computer::facts(self.journal.space(), self.clock_ahead);
        if self.facts.as_ref().is_none_or(|before| computer::differ(before, &now)) {
            self.commit(&[Body::ComputerFacts(Box::new(now.clone()))])?;
            self.facts = Some(now);
        }
        Ok(())
    }

    /// Why there is little room for the journal, if so, and whether nothing may be begun any more.
    #[must_use]
    pub fn little_room(&self) -> Option<(Room, String)> {
        let space = self.journal.space()?;
        let room = space.room();
        (room != Room::Enough).then(|| (room, format!("the disk with the journal is nearly full: {}", space.in_words())))
    }

    /// By how many seconds this computer's clock is ahead of the server's, where that is known.
    #[must_use]
    pub fn clock_ahead_seconds(&self) -> Option<i64> {
        self.clock_ahead.map(|millis| millis / 1_000)
    }

    fn lapse_requests(&mut self, now: &Now) -> Result<u64, JournalError> {
        let pending: Vec<(RequestId, u64)> = self
            .state
            .requests
            .values()
            .filter(|entry| entry.state == RequestState::Pending)
            .map(|entry| (entry.request.id.clone(), entry.request.lapses.millis_since(now.wall)))
            .collect();
        let due: Vec<Body> = pending
            .iter()
            .filter(|(_, left)| *left == 0)
            .map(|(id, _)| Body::RequestLapsed(RequestClosed { request: id.clone() }))
            .collect();
        self.commit(&due)?;
        Ok(pending.into_iter().map(|(_, left)| left).filter(|left| *left > 0).min().unwrap_or(u64::MAX))
    }

    fn end_grants(&mut self, now: &Now) -> Result<u64, JournalError> {
        let mut next = u64::MAX;
        let mut due: Vec<(GrantId, EndReason, &str)> = Vec::new();
        for grant in self.state.grants.values() {
            if !grant.is_open() {
                continue;
            }
            let running = !self.state.running_of(&grant.id).is_empty();
            // Made for one session, or for one use: over with it.
            let used = grant.is_single() && !running && grant.life.launches() > 0;
            let valid = self.valid_millis(grant, now);
            match grant.life.due(now) {
                Some(reason) => due.push((grant.id.clone(), reason, "its time was up")),
                None if used => due.push((grant.id.clone(), EndReason::Finished, "its session ended")),
                // WHY not only kept from use until the policy holds again: what was given for tonight is not for tomorrow night.
                None if valid == 0 => due.push((grant.id.clone(), time_up(&grant.life), "the time of its policy was up")),
                None => next = next.min(due_in(&grant.life, now)).min(valid),
            }
        }
        for (id, reason, detail) in due {
            let lets_finish = self.state.grants.get(&id).is_some_and(|grant| grant.elevation.at_expiry == AtExpiry::LetFinish);
            if lets_finish && reason == EndReason::Expired {
                // Its supervisors hold the later, hard end by themselves.
                self.expire_quietly(&id)?;
            } else {
                self.end_grant(&id, reason, detail, true)?;
            }
        }
        Ok(next)
    }

    fn expire_quietly(&mut self, grant: &GrantId) -> Result<(), JournalError> {
        let idle = self.state.running_of(grant).is_empty();
        let detail = if idle { "its time was up" } else { "its time was up; what runs may finish" };
        let ended: Vec<Body> = self.end_of_grant(grant, EndReason::Expired, detail).into_iter().collect();
        self.commit(&ended)
    }

    fn may_rotate(&mut self, now: &Now) -> bool {
        let may = now.boot.millis.saturating_sub(self.last_rotated) >= ROTATE_MS;
        if may {
            self.last_rotated = now.boot.millis;
        }
        may
    }

    /// Whether much was recorded since this was last asked, or some and a while ago: what it took up in memory may be free by now.
    pub fn takes_release(&mut self) -> bool {
        let now = Self::reading().boot;
        let waited = now.saturating_sub(self.last_released) >= SAVE_MS;
        let some = self.recorded >= RELEASE_BYTES || (waited && self.recorded >= RELEASE_BYTES / 8);
        if some {
            (self.recorded, self.last_released) = (0, now);
        }
        some
    }

    /// Begins another segment. The less a snapshot may have, the less of what is over it keeps.
    fn rotate(&mut self, now: &Now) -> Result<(), JournalError> {
        let in_force = self.documents.in_force();
        let named: BTreeSet<PolicyId> = self.documents.named_policies().collect();
        let policies = in_force.missing.is_empty().then_some(&named);
        let acknowledged = self.documents.position.acknowledged;
        for (most, unacknowledged) in KEPT_ENDED {
            let acknowledged = if unacknowledged { acknowledged } else { u64::MAX };
            let remembered = self.state.remembered(&Keep { now: now.wall, acknowledged, most, policies });
            if let Ok(snapshot) = serde_json::to_value(&remembered)
                && let Some(header) = self.journal.rotate(now, snapshot)?
            {
                self.state = remembered;
                self.state.seen(&header);
                self.cannot_rotate = None;
                self.wake();
                return Ok(());
            }
        }
        let waiting = self.journal.chain().seq.saturating_sub(acknowledged);
        let reason = format!(
            "the journal grows: what has not ended or is not acknowledged is too large for a snapshot ({} grants, {} requests, {} sessions; {waiting} records wait for the server)",
            self.state.grants.values().filter(|grant| grant.is_open()).count(),
            self.state.requests.values().filter(|entry| entry.state == RequestState::Pending).count(),
            self.state.running().count(),
        );
        // Once when it begins; brevet status shows it as long as it is so.
        if self.cannot_rotate.is_none() {
            crate::say("broker", &reason);
        }
        self.cannot_rotate = Some(reason);
        Ok(())
    }

    fn trim(&mut self, now: &Now) -> Result<(), EffectError> {
        if self.journal.wants_rotation() {
            self.rotate(now)?;
        }
        let old = now.wall.minus(KEPT);
        let position = &mut self.documents.position;
        let Some(seq) = position.acknowledged_at.iter().rev().find(|(_, at)| *at <= old).map(|(seq, _)| *seq) else { return Ok(()) };
        // The last entry that is old enough goes on saying how far.
        position.acknowledged_at.retain(|(acknowledged, _)| *acknowledged >= seq);
        self.documents.save()?;
        self.journal.trim_before(seq)?;
        Ok(())
    }
}

/// What the end of its time is to a grant.
fn time_up(life: &GrantLife) -> EndReason {
    if life.state() == GrantState::Issued { EndReason::Unused } else { EndReason::Expired }
}

/// Milliseconds until a grant's end may be due.
fn due_in(life: &GrantLife, now: &Now) -> u64 {
    let left = life.remaining_millis(now);
    if life.state() == GrantState::Issued { left.min(life.terms().use_before.millis_since(now.wall)) } else { left }
}
