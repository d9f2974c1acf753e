//! What the journal adds up to: requests, grants, sessions, validity starts. A fold over its records and nothing else.
//!
//! INVARIANT: memory holds exactly what the records on disk say, of a long command that is over only its beginning; nothing here is
//! changed but by `State::apply`.

mod brief;
mod grant;
mod remembered;
#[cfg(test)]
mod tests;

pub use brief::{shorten, shown, weight};
pub use grant::GrantEntry;
pub use remembered::{Keep, MOST_GIVEN};

use std::collections::BTreeMap;

use brevet_core::digest::Digest;
use brevet_core::document::{EndReason, Kind};
use brevet_core::grant::{Applied, Running, SessionLife, Step};
use brevet_core::id::{AutonomousId, GrantId, PolicyId, RequestId, SessionId};
use brevet_core::journal::Header;
use brevet_core::record::{Body, RevocationReceived, SessionStarted, ValidityStarted};
use brevet_core::request::{Request, RequestState};
use brevet_core::time::{BootTime, Now, Timestamp};
use serde::{Deserialize, Serialize};

use crate::shares::Elsewhere;

/// A request and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// As recorded.
    pub request: Request,
    /// Where it stands.
    pub state: RequestState,
    /// Number of the record that created it.
    pub seq: u64,
    /// When it left `pending`.
    pub closed: Option<Timestamp>,
    /// Number of the record that said so.
    #[serde(default)]
    pub closed_by: Option<u64>,
    /// Who decided, and what they wrote.
    pub answer: Option<Answer>,
}

/// Who decided on a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Names of the persons, or the rule's name.
    pub by: Vec<String>,
    /// What they wrote; empty comments are left out.
    pub comments: Vec<String>,
}

/// A session and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// As recorded.
    pub started: SessionStarted,
    /// How it ended, once it has.
    pub life: SessionLife,
    /// When that was.
    pub closed: Option<Timestamp>,
    /// Number of the record that said so.
    #[serde(default)]
    pub closed_by: Option<u64>,
}

impl SessionEntry {
    /// Whether it has not ended.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.life.outcome().is_none()
    }
}

/// A fixed validity that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidityEntry {
    /// As recorded.
    pub started: ValidityStarted,
    /// How long it has run.
    pub running: Running,
}

/// A revocation and its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationEntry {
    /// Of the document.
    pub digest: Digest,
    /// Its place in the computer's sequence.
    pub seq: u64,
    /// What it ended.
    pub grant: GrantId,
    /// Processes ended since.
    pub processes_ended: u32,
    /// When its receipt was recorded.
    pub closed: Option<Timestamp>,
    /// Number of that record.
    #[serde(default)]
    pub closed_by: Option<u64>,
}

/// An approval that a rule gave, for its daily budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// By which rule.
    pub rule: AutonomousId,
    /// To whom.
    pub uid: u32,
    /// When.
    pub at: Timestamp,
}

/// The fold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By id.
    pub requests: BTreeMap<RequestId, RequestEntry>,
    /// By id.
    pub grants: BTreeMap<GrantId, GrantEntry>,
    /// Grants of the server that are over and forgotten but for this: until when they could come again.
    pub over: BTreeMap<GrantId, Timestamp>,
    /// By id.
    pub sessions: BTreeMap<SessionId, SessionEntry>,
    /// Fixed validities that began.
    pub validity: BTreeMap<PolicyId, Vec<ValidityEntry>>,
    /// In the order of their arrival.
    pub revocations: Vec<RevocationEntry>,
    /// The last version of each policy that was recorded as applied.
    pub applied: BTreeMap<PolicyId, u64>,
    /// The last version of each policy that was recorded as refused, and the field.
    pub refused: BTreeMap<PolicyId, (Option<u64>, String)>,
    /// Approvals by autonomous rules of the last days.
    pub given: Vec<Given>,
    /// The moment of the last record; its wall time is the high-water mark.
    pub last: Option<Now>,
    /// Why a snapshot could not be taken for the state: nothing may be decided by what is here then.
    #[serde(skip)]
    pub unreadable: Option<String>,
}

impl State {
    /// Takes one record in. Taking it again changes nothing.
    pub fn apply(&mut self, header: &Header, body: &Body) {
        self.seen(header);
        let now = moment(header);
        match body {
            Body::RequestCreated(request) => {
                let (request, seq) = ((**request).clone(), header.seq);
                let id = request.id.clone();
                let entry = RequestEntry { request, state: RequestState::Pending, seq, closed: None, closed_by: None, answer: None };
                self.requests.entry(id).or_insert(entry);
            }
            Body::RequestAutoApproved(approved) => {
                let answer = Answer { by: vec![approved.rule.name.clone()], comments: Vec::new() };
                if self.close_request(&approved.request, RequestState::AutoApproved, Some(answer), header)
                    && let Some(entry) = self.requests.get(&approved.request)
                {
                    self.given.push(Given { rule: approved.rule.id.clone(), uid: entry.request.user.uid, at: now.wall });
                }
            }
            Body::RequestWithdrawn(closed) => drop(self.close_request(&closed.request, RequestState::Withdrawn, None, header)),
            Body::RequestLapsed(closed) => drop(self.close_request(&closed.request, RequestState::Lapsed, None, header)),
            Body::DeclineReceived(decline) => {
                let comments = Some(decline.comment.clone()).filter(|comment| !comment.is_empty());
                let answer = Answer { by: vec![decline.by.clone()], comments: comments.into_iter().collect() };
                self.close_request(&decline.request, RequestState::Declined, Some(answer), header);
            }
            Body::GrantReceived(document) => self.receive_grant(document, header),
            Body::RevocationReceived(received) => self.receive_revocation(received),
            Body::GrantIssued(grant) => {
                self.grants.entry(grant.id.clone()).or_insert_with(|| GrantEntry::local(grant, &now));
            }
            Body::GrantActivated(activated) => self.step(&activated.grant, Step::Activated, &activated.at),
            Body::GrantEnded(ended) => {
                if let Some(entry) = self.grants.get_mut(&ended.grant) {
                    entry.end(ended, &now, header.seq);
                }
                self.shorten_grant(&ended.grant);
            }
            Body::SessionStarted(started) => {
                if !self.sessions.contains_key(&started.session) {
                    self.step(&started.grant, Step::Launched, &now);
                    let entry = SessionEntry { started: (**started).clone(), life: SessionLife::default(), closed: None, closed_by: None };
                    self.sessions.insert(started.session.clone(), entry);
                }
            }
            Body::SessionEnded(ended) => {
                if let Some(entry) = self.sessions.get_mut(&ended.session)
                    && entry.life.end(ended.outcome.clone()) == Applied::Changed
                {
                    entry.closed = Some(now.wall);
                    entry.closed_by = Some(header.seq);
                    shorten(&mut entry.started.command);
                    self.count_ended(&ended.grant, ended.processes_ended);
                    self.shorten_grant(&ended.grant);
                }
            }
            Body::DocumentConfirmed(confirmed) => {
                if confirmed.document == Kind::Revocation
                    && let Some(entry) = self.revocations.iter_mut().find(|entry| entry.digest == confirmed.digest)
                {
                    entry.closed.get_or_insert(now.wall);
                    entry.closed_by.get_or_insert(header.seq);
                }
            }
            Body::PolicyApplied(applied) => {
                self.refused.remove(&applied.policy.id);
                self.applied.insert(applied.policy.id.clone(), applied.policy.version);
            }
            Body::PolicyRefused(refused) => {
                self.applied.remove(&refused.policy);
                self.refused.insert(refused.policy.clone(), (refused.version, refused.field.clone()));
            }
            Body::ValidityStarted(started) => {
                if self.validity_of(&started.policy, started.renewal, started.user).is_none() {
                    let entry = ValidityEntry { started: started.clone(), running: Running::since(&started.at) };
                    self.validity.entry(started.policy.clone()).or_default().push(entry);
                }
            }
            Body::StateSnapshot(value) => self.restore(value, header),
            Body::BrokerStarted(_)
            | Body::ComputerFacts(_)
            | Body::JournalRepaired(_)
            | Body::LaunchRefused(_)
            | Body::AutonomousShadowed(_)
            | Body::DocumentRefused(_)
            | Body::ClockJumped(_)
            | Body::AuthenticationFailed(_) => {}
        }
    }

    /// Takes note of a record's time, also of a kind that this version does not know.
    pub fn seen(&mut self, header: &Header) {
        let now = moment(header);
        let Some(last) = self.last.replace(now.clone()) else { return };
        // WHY: within one boot, and while wall time rises, the latest moment says all; only where that breaks off must every
        // running time be told what had passed until then.
        if last.boot.boot != now.boot.boot || now.wall < last.wall {
            self.observe(&last);
            self.observe(&now);
        }
    }

    fn observe(&mut self, moment: &Now) {
        for grant in self.grants.values_mut().filter(|grant| grant.is_open()) {
            grant.life.observe(moment);
        }
        for entry in self.validity.values_mut().flatten() {
            entry.running.observe(moment);
        }
    }

    fn restore(&mut self, value: &serde_json::Value, header: &Header) {
        match serde_json::from_value::<Self>(value.clone()) {
            Ok(state) => {
                *self = state;
                self.shorten_what_is_over();
                self.seen(header);
            }
            Err(error) => self.unreadable = Some(format!("record {}: {error}", header.seq)),
        }
    }

    /// Whether it was still to be decided.
    fn close_request(&mut self, id: &RequestId, state: RequestState, answer: Option<Answer>, header: &Header) -> bool {
        let Some(entry) = self.requests.get_mut(id).filter(|entry| entry.state.may_become(state)) else { return false };
        entry.state = state;
        entry.closed = Some(header.time);
        entry.closed_by = Some(header.seq);
        entry.answer = answer;
        shorten(&mut entry.request.command);
        true
    }

    /// A snapshot of an earlier version has it whole.
    fn shorten_what_is_over(&mut self) {
        let requests = self.requests.values_mut().filter(|entry| entry.state != RequestState::Pending);
        requests.for_each(|entry| shorten(&mut entry.request.command));
        let sessions = self.sessions.values_mut().filter(|entry| !entry.is_running());
        sessions.for_each(|entry| shorten(&mut entry.started.command));
        let over: Vec<GrantId> = self.grants.values().filter(|entry| !entry.is_open()).map(|entry| entry.id.clone()).collect();
        over.iter().for_each(|grant| self.shorten_grant(grant));
    }

    /// Of a grant that is over, once nothing runs under it any more that may have to be held against its policy.
    fn shorten_grant(&mut self, grant: &GrantId) {
        let Some(entry) = self.grants.get_mut(grant).filter(|entry| !entry.is_open()) else { return };
        if !self.sessions.values().any(|session| session.is_running() && session.started.grant == *grant) {
            shorten(&mut entry.command);
        }
    }

    /// What the commands take up that are not over, a user's and everybody's: they stay in memory, and in every snapshot.
    #[must_use]
    pub fn weights(&self, uid: u32) -> Elsewhere {
        let pending = self.requests.values().filter(|entry| entry.state == RequestState::Pending);
        let pending = pending.map(|entry| (entry.request.user.uid, &entry.request.command));
        let grants = self.grants.values().filter(|entry| entry.is_open()).map(|entry| (entry.user.uid, &entry.command));
        let running = self.running().map(|(_, entry)| (entry.started.user.uid, &entry.started.command));
        pending.chain(grants).chain(running).fold(Elsewhere::default(), |sum, (whose, command)| {
            let bytes = weight(command);
            let theirs = sum.theirs.saturating_add(if whose == uid { bytes } else { 0 });
            Elsewhere { theirs, all: sum.all.saturating_add(bytes) }
        })
    }

    /// What is not possible from where a grant stands changes nothing.
    fn step(&mut self, grant: &GrantId, step: Step, at: &Now) {
        if let Some(entry) = self.grants.get_mut(grant) {
            let _applied = entry.life.apply(step, at);
        }
    }

    fn receive_grant(&mut self, document: &brevet_core::document::GrantDocument, header: &Header) {
        if self.over.contains_key(&document.grant) {
            return;
        }
        let now = moment(header);
        if let Some(entry) = self.grants.get_mut(&document.grant) {
            entry.extend(document, &now);
            return;
        }
        let Some(request) = self.requests.get(&document.request).map(|entry| entry.request.clone()) else { return };
        let approvals = || document.approvals.iter();
        let comments = approvals().map(|approval| approval.comment.clone()).filter(|comment| !comment.is_empty()).collect();
        let answer = Answer { by: approvals().map(|approval| approval.name.clone()).collect(), comments };
        self.close_request(&document.request, RequestState::Approved, Some(answer), header);
        self.grants.insert(document.grant.clone(), GrantEntry::received(document, &request, &now));
    }

    fn receive_revocation(&mut self, received: &RevocationReceived) {
        if self.revocation(&received.digest).is_none() {
            let (seq, grant) = (received.revocation.seq, received.revocation.grant.clone());
            self.revocations.push(RevocationEntry {
                digest: received.digest,
                seq,
                grant,
                processes_ended: 0,
                closed: None,
                closed_by: None,
            });
        }
    }

    fn count_ended(&mut self, grant: &GrantId, processes: u32) {
        for owed in self.revocations.iter_mut().filter(|entry| entry.closed.is_none() && entry.grant == *grant) {
            owed.processes_ended = owed.processes_ended.saturating_add(processes);
        }
    }

    /// A revocation that was received.
    #[must_use]
    pub fn revocation(&self, digest: &Digest) -> Option<&RevocationEntry> {
        self.revocations.iter().find(|entry| entry.digest == *digest)
    }

    /// Sessions that have not ended, of one grant.
    pub fn running_of(&self, grant: &GrantId) -> Vec<SessionId> {
        let running = self.sessions.iter().filter(|(_, entry)| entry.is_running() && entry.started.grant == *grant);
        running.map(|(id, _)| id.clone()).collect()
    }

    /// Sessions that have not ended.
    pub fn running(&self) -> impl Iterator<Item = (&SessionId, &SessionEntry)> {
        self.sessions.iter().filter(|(_, entry)| entry.is_running())
    }

    /// Pending requests of one user.
    pub fn pending_of(&self, uid: u32) -> impl Iterator<Item = &RequestEntry> {
        self.requests.values().filter(move |entry| entry.state == RequestState::Pending && entry.request.user.uid == uid)
    }

    /// When a fixed validity began.
    #[must_use]
    pub fn validity_of(&self, policy: &PolicyId, renewal: u64, uid: Option<u32>) -> Option<&ValidityEntry> {
        self.validity.get(policy)?.iter().find(|entry| entry.started.renewal == renewal && entry.started.user == uid)
    }

    /// How many approvals a rule gave a user since a moment; as many as there can be where they are too many to count.
    #[must_use]
    pub fn given_since(&self, rule: &AutonomousId, uid: u32, since: Timestamp) -> u32 {
        let given = self.given.iter().filter(|given| given.rule == *rule && given.uid == uid && given.at >= since).count();
        if given >= MOST_GIVEN { u32::MAX } else { u32::try_from(given).unwrap_or(u32::MAX) }
    }

    /// Why a grant ended, if it did.
    #[must_use]
    pub fn end_of(&self, grant: &GrantId) -> Option<EndReason> {
        self.grants.get(grant)?.ended.as_ref().map(|ended| ended.reason)
    }
}

fn moment(header: &Header) -> Now {
    Now { wall: header.time, boot: BootTime { boot: header.boot.clone(), millis: header.boottime } }
}
