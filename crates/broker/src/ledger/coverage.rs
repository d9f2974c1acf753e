//! What runs and is no longer covered: it ends at that instant, whether a document or time alone brought it about.
//!
//! A policy whose own validity is over ends its grants as any time that is up does (`upkeep`); here is what takes a right away.

use brevet_core::decide::{Launch, Standing, covers};
use brevet_core::document::EndReason;
use brevet_core::id::{GrantId, SessionId};
use brevet_core::request::Command;
use brevet_core::time::{Length, Now, Timestamp};
use brevet_core::user::Member;

use super::{Ledger, Members, without_groups};
use crate::journal::JournalError;
use crate::spec;
use crate::state::GrantEntry;

/// How far ahead the next look is put at most: zones change their rules, and a look costs little.
const FARTHEST: Length = Length::from_hours(24);
/// When the groups of somebody who holds something could not be told, they are asked for again so much later.
const ASK_AGAIN: Length = Length::from_seconds(15);

/// When it was looked for denies that match what runs, and when it must be done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    made: Timestamp,
    again: Timestamp,
}

impl Look {
    /// `next_denial` is when the next deny begins, in milliseconds; without everybody's groups it is looked again soon.
    fn new(wall: Timestamp, next_denial: Option<u64>, everybody: bool) -> Self {
        let most = if everybody { FARTHEST } else { ASK_AGAIN };
        let wait = next_denial.map_or(most.millis(), |next| next.min(most.millis()));
        Self { made: wall, again: Timestamp::from_millis(wall.millis().saturating_add_unsigned(wait)) }
    }

    /// Milliseconds until it is due. A wall clock that a heartbeat lowered makes it due at once: what was next is not known any more.
    fn due_in(self, wall: Timestamp) -> u64 {
        if wall < self.made { 0 } else { self.again.millis_since(wall) }
    }
}

/// What a grant lets run: what it was made for, and each of its sessions that runs something else.
struct Running<'a> {
    grant: &'a GrantEntry,
    session: Option<&'a SessionId>,
    command: &'a Command,
}

impl Ledger {
    /// Milliseconds until time alone may have a deny match what runs; call `revoke_uncovered` then.
    #[must_use]
    pub fn next_look(&self, now: &Now) -> u64 {
        if self.state.running().next().is_none() && !self.state.grants.values().any(GrantEntry::is_open) {
            return u64::MAX;
        }
        self.look.map_or(0, |look| look.due_in(now.wall))
    }

    /// Revokes what no policy covers any more and what a deny matches. Of users that `members` lacks only what is certain without
    /// their groups.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub fn revoke_uncovered(&mut self, members: &Members, now: &Now) -> Result<(), JournalError> {
        let standing = self.standing(now);
        let mut grants: Vec<(GrantId, String)> = Vec::new();
        let mut sessions: Vec<(SessionId, u64, String)> = Vec::new();
        for running in self.holding().flat_map(|grant| self.commands_of(grant)) {
            if grants.last().is_some_and(|(ended, _)| *ended == running.grant.id) {
                continue;
            }
            let Some(why) = self.uncovered(&running, members, now, &standing) else { continue };
            match running.session {
                None => grants.push((running.grant.id.clone(), why)),
                Some(session) => sessions.push((session.clone(), running.grant.elevation.grace.millis(), why)),
            }
        }
        let everybody = self.holding().all(|grant| members.contains_key(&grant.user.uid));
        let look = Look::new(now.wall, self.documents.in_force().policies.next_denial(now.wall), everybody);
        // Until all of it has come about: what could not be recorded is tried again soon.
        self.look = None;
        for (grant, why) in grants {
            self.end_grant(&grant, EndReason::Revoked, &why, true)?;
        }
        for (session, grace, why) in sessions {
            crate::say("broker", &format!("session {session} is ended: {why}"));
            self.tell_to_end(&session, spec::EndReason::Revoked, grace);
        }
        self.look = Some(look);
        Ok(())
    }

    /// Why what was put on record may not begin after all, if something took the right away since.
    #[must_use]
    pub fn taken_away(&self, grant: &GrantId, command: &Command, member: &Member, now: &Now) -> Option<String> {
        let Some(entry) = self.state.grants.get(grant).filter(|entry| entry.is_open()) else {
            return Some("its grant ended before it began".to_owned());
        };
        let members = Members::from([(member.user.uid, member.clone())]);
        self.uncovered(&Running { grant: entry, session: None, command }, &members, now, &self.standing(now))
    }

    /// Whether a grant's time is over.
    #[must_use]
    pub fn is_over(&self, grant: &GrantId, now: &Now) -> bool {
        self.state.grants.get(grant).is_none_or(|entry| self.bounds(entry, now).least() == 0)
    }

    /// Grants that have not ended, and those with sessions that were let finish: they end too.
    fn holding(&self) -> impl Iterator<Item = &GrantEntry> {
        self.state.grants.values().filter(|grant| grant.is_open() || !self.state.running_of(&grant.id).is_empty())
    }

    fn commands_of<'a>(&'a self, grant: &'a GrantEntry) -> impl Iterator<Item = Running<'a>> {
        let own = Running { grant, session: None, command: &grant.command };
        let others = self.state.running().filter(|(_, entry)| entry.started.grant == grant.id && entry.started.command != grant.command);
        std::iter::once(own).chain(others.map(move |(id, entry)| Running { grant, session: Some(id), command: &entry.started.command }))
    }

    /// Why it is no longer covered, if so.
    fn uncovered(&self, running: &Running<'_>, members: &Members, now: &Now, standing: &Standing) -> Option<String> {
        let (grant, in_force) = (running.grant, self.documents.in_force());
        let document = in_force.policy(&grant.policy.id);
        // While documents are missing, one that is not there may be on its way.
        if document.is_none() && in_force.missing.is_empty() {
            return Some(format!("policy \"{}\" was disabled, deleted or is not in force any more", grant.policy.name));
        }
        let member = members.get(&grant.user.uid);
        let launch = Launch {
            member: member.cloned().unwrap_or_else(|| without_groups(grant.user.clone())),
            facts: running.command.application.clone(),
            arguments: running.command.arguments.iter().skip(1).cloned().collect(),
            directory: running.command.directory.clone(),
            target_user: Some(running.command.target.name.clone()),
        };
        if let Some(document) = document
            && member.is_some()
            && in_force.missing.is_empty()
            && let Err(why) = covers(document, &self.view(grant, now), &launch, standing)
        {
            return Some(format!("policy \"{}\" was changed: {why}", grant.policy.name));
        }
        // Groups that nobody could tell end nothing that runs: they are asked for again.
        let denied = in_force.policies.denied(|document| self.fixed(document, grant.user.uid, now), &launch, standing);
        denied.filter(|denied| denied.certain || member.is_some()).map(|denied| denied.refusal.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_next_look_is_at_the_next_denial_and_at_once_when_the_clock_jumped_over_it_or_was_lowered() {
        let look = Look::new(at(1_000), Some(60_000), true);
        assert_eq!(look.due_in(at(1_000)), 60_000);
        assert_eq!(look.due_in(at(1_059)), 1_000);
        assert_eq!((look.due_in(at(1_060)), look.due_in(at(9_000_000))), (0, 0));
        assert_eq!(look.due_in(at(999)), 0, "lowered: another deny may be next now");
        assert_eq!(Look::new(at(0), None, true).due_in(at(0)), 86_400_000);
        assert_eq!(Look::new(at(0), Some(u64::MAX), true).due_in(at(0)), 86_400_000);
        assert_eq!(Look::new(at(0), Some(60_000), false).due_in(at(0)), 15_000, "somebody's groups are not known");
        assert_eq!(Look::new(at(0), Some(1), false).due_in(at(0)), 1);
    }
}
