//! What of the state outlives the rotation of the journal, so that neither memory nor the snapshot grows with launches.
//!
//! INVARIANT: what has not ended, and that a grant was ever seen until its absolute end, stays whatever it costs. What is over and
//! not acknowledged stays where there is room: what the server lacks it gets from the journal. Everything else is for people who look
//! back, and for them the newest are enough.

use std::collections::{BTreeMap, BTreeSet};

use brevet_core::id::{AutonomousId, GrantId, PolicyId, RequestId};
use brevet_core::request::RequestState;
use brevet_core::time::{Length, Timestamp};

use super::{GrantEntry, RequestEntry, State};

/// What is over is remembered for so long at most.
const REMEMBERED: Length = Length::from_hours(7 * 24);
/// Budgets count by the day of a time zone.
const BUDGETS: Length = Length::from_hours(72);
/// Approvals of one rule for one user that are counted: no budget is larger.
pub const MOST_GIVEN: usize = 1000;
/// A user's requests of so long are counted against the most that they may make.
const COUNTED: Length = Length::from_hours(1);

/// How much to keep.
#[derive(Debug, Clone, Copy)]
pub struct Keep<'a> {
    /// The moment.
    pub now: Timestamp,
    /// The last record that the server has, or that there is, where there is no room for what it lacks.
    pub acknowledged: u64,
    /// Of each kind that is over and acknowledged, so many of the newest.
    pub most: usize,
    /// Policies that concern this computer; `None` where that is not known now.
    pub policies: Option<&'a BTreeSet<PolicyId>>,
}

impl Keep<'_> {
    /// Whether something is over, and the server knows it.
    fn is_settled(&self, closed_by: Option<u64>) -> bool {
        closed_by.is_some_and(|seq| seq <= self.acknowledged)
    }

    fn is_recent(&self, closed: Option<Timestamp>) -> bool {
        closed.is_some_and(|closed| closed >= self.now.minus(REMEMBERED))
    }
}

impl State {
    /// The state as a snapshot has it.
    #[must_use]
    pub fn remembered(&self, keep: &Keep<'_>) -> Self {
        let mut kept = self.clone();
        kept.keep_sessions(keep);
        kept.keep_requests(keep);
        kept.keep_grants(keep);
        kept.keep_revocations(keep);
        kept.keep_given(keep);
        if let Some(policies) = keep.policies {
            kept.applied.retain(|id, _| policies.contains(id));
            kept.refused.retain(|id, _| policies.contains(id));
        }
        kept
    }

    fn keep_sessions(&mut self, keep: &Keep<'_>) {
        let settled = |entry: &super::SessionEntry| keep.is_settled(entry.closed_by);
        let over = self.sessions.iter().filter(|(_, entry)| settled(entry) && keep.is_recent(entry.closed));
        let newest = newest(over.map(|(id, entry)| (entry.closed_by, id.clone())), keep.most);
        self.sessions.retain(|id, entry| !settled(entry) || newest.contains(id));
    }

    fn keep_requests(&mut self, keep: &Keep<'_>) {
        // What a grant that has not ended answers is needed to say so; what was made just now counts against its user.
        let answered: BTreeSet<RequestId> =
            self.grants.values().filter(|grant| grant.is_open()).filter_map(|grant| grant.request.clone()).collect();
        let counted = keep.now.minus(COUNTED);
        let needed = |entry: &RequestEntry| {
            let counts = keep.most > 0 && entry.request.created >= counted;
            !keep.is_settled(entry.closed_by) || entry.state == RequestState::Pending || counts || answered.contains(&entry.request.id)
        };
        let over = self.requests.iter().filter(|(_, entry)| !needed(entry) && keep.is_recent(entry.closed));
        let newest = newest(over.map(|(id, entry)| (entry.closed_by, id.clone())), keep.most);
        self.requests.retain(|id, entry| needed(entry) || newest.contains(id));
    }

    fn keep_grants(&mut self, keep: &Keep<'_>) {
        let used: BTreeSet<GrantId> = self.sessions.values().map(|session| session.started.grant.clone()).collect();
        let shown: BTreeSet<RequestId> = self.requests.keys().cloned().collect();
        let needed = |entry: &GrantEntry| {
            let answers = entry.request.as_ref().is_some_and(|request| shown.contains(request));
            entry.is_open() || !keep.is_settled(entry.closed_by) || used.contains(&entry.id) || answers
        };
        let settled = self.grants.values().filter(|entry| keep.is_settled(entry.closed_by) && needed(entry)).count();
        let over = self.grants.iter().filter(|(_, entry)| !needed(entry) && keep.is_recent(entry.closed));
        let newest = newest(over.map(|(id, entry)| (entry.closed_by, id.clone())), keep.most.saturating_sub(settled));
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.grants).into_iter().partition(|(id, entry)| needed(entry) || newest.contains(id));
        self.grants = kept;
        // One that the server signed could come again until its absolute end: that it was seen stays known.
        self.over.extend(gone.into_iter().filter_map(|(id, entry)| Some((id, entry.life.terms().not_after?))));
        self.over.retain(|_, end| *end >= keep.now);
    }

    fn keep_revocations(&mut self, keep: &Keep<'_>) {
        let newest = newest(self.revocations.iter().map(|entry| (entry.closed_by, entry.digest)), keep.most);
        let (now, ends) = (keep.now, &self.over);
        let ends = |grant: &GrantId| ends.get(grant).copied().or_else(|| self.grants.get(grant)?.life.terms().not_after);
        self.revocations.retain(|entry| {
            // Until its grant's absolute end it says that the grant was taken away.
            let counts = ends(&entry.grant).is_some_and(|end| end >= now) && keep.most > 0;
            !keep.is_settled(entry.closed_by) || counts || (keep.is_recent(entry.closed) && newest.contains(&entry.digest))
        });
    }

    fn keep_given(&mut self, keep: &Keep<'_>) {
        let mut counts: BTreeMap<(AutonomousId, u32), usize> = BTreeMap::new();
        let since = keep.now.minus(BUDGETS);
        let mut newest_first: Vec<_> = std::mem::take(&mut self.given).into_iter().rev().collect();
        newest_first.retain(|given| {
            let count = counts.entry((given.rule.clone(), given.uid)).or_default();
            *count = count.saturating_add(1);
            given.at >= since && *count <= MOST_GIVEN
        });
        self.given = newest_first.into_iter().rev().collect();
    }
}

/// The ids of the last so many, by the record that closed them.
fn newest<Id: Ord>(closed: impl Iterator<Item = (Option<u64>, Id)>, most: usize) -> BTreeSet<Id> {
    let mut all: Vec<_> = closed.collect();
    all.sort();
    let skip = all.len().saturating_sub(most);
    all.into_iter().skip(skip).map(|(_, id)| id).collect()
}
