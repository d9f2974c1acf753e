//! What the journal adds up to: requests, grants, sessions, validity starts. A fold over its records and nothing else.
//!
//! INVARIANT: memory holds exactly what the records on disk say; nothing here is changed but by `State::apply`.

mod grant;

pub use grant::{GrantEntry, Stage};

use std::collections::BTreeMap;

use brevet_core::document::{EndReason, Kind};
use brevet_core::id::{AutonomousId, GrantId, PolicyId, RequestId, SessionId};
use brevet_core::journal::Header;
use brevet_core::record::{Body, SessionEnded, SessionStarted, ValidityStarted};
use brevet_core::request::{Request, RequestState};
use brevet_core::time::{BootTime, Length, Now, Timestamp};
use serde::{Deserialize, Serialize};

/// What is over is remembered for so long.
const REMEMBERED: Length = Length::from_hours(7 * 24);

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
}

/// A session and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// As recorded.
    pub started: SessionStarted,
    /// Its end, once it has one.
    pub ended: Option<SessionEnded>,
    /// When that was.
    pub closed: Option<Timestamp>,
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
    /// By id.
    pub sessions: BTreeMap<SessionId, SessionEntry>,
    /// Fixed validities that began.
    pub validity: Vec<ValidityStarted>,
    /// The last version of each policy that was recorded as applied.
    pub applied: BTreeMap<PolicyId, u64>,
    /// The last version of each policy that was recorded as refused, and the field.
    pub refused: BTreeMap<PolicyId, (Option<u64>, String)>,
    /// Approvals by autonomous rules of the last days.
    pub given: Vec<Given>,
    /// Wall time of the last record: the high-water mark.
    pub mark: Option<Timestamp>,
    /// Boot id of the last record.
    pub boot: Option<String>,
}

impl State {
    /// Takes one record in.
    pub fn apply(&mut self, header: &Header, body: &Body) {
        let now = Now { wall: header.time, boot: BootTime { boot: header.boot.clone(), millis: header.boottime } };
        match body {
            Body::RequestCreated(request) => {
                let entry = RequestEntry { request: (**request).clone(), state: RequestState::Pending, seq: header.seq, closed: None };
                self.requests.insert(request.id.clone(), entry);
            }
            Body::RequestAutoApproved(approved) => {
                self.close_request(&approved.request, RequestState::AutoApproved, now.wall);
                if let Some(entry) = self.requests.get(&approved.request) {
                    self.given.push(Given { rule: approved.rule.id.clone(), uid: entry.request.user.uid, at: now.wall });
                }
            }
            Body::RequestWithdrawn(closed) => self.close_request(&closed.request, RequestState::Withdrawn, now.wall),
            Body::RequestLapsed(closed) => self.close_request(&closed.request, RequestState::Lapsed, now.wall),
            Body::GrantReceived(document) => self.receive_grant(document, now),
            Body::GrantIssued(grant) => {
                self.grants.insert(grant.id.clone(), GrantEntry::local(grant, now));
            }
            Body::GrantActivated(activated) => {
                if let Some(entry) = self.grants.get_mut(&activated.grant) {
                    entry.activated = Some(activated.clone());
                }
            }
            Body::GrantEnded(ended) => {
                if let Some(entry) = self.grants.get_mut(&ended.grant) {
                    entry.ended = Some(ended.clone());
                    entry.closed = Some(now.wall);
                }
            }
            Body::SessionStarted(started) => {
                if let Some(entry) = self.grants.get_mut(&started.grant) {
                    entry.launches = entry.launches.saturating_add(1);
                }
                let entry = SessionEntry { started: (**started).clone(), ended: None, closed: None };
                self.sessions.insert(started.session.clone(), entry);
            }
            Body::SessionEnded(ended) => {
                if let Some(entry) = self.sessions.get_mut(&ended.session) {
                    entry.ended = Some(ended.clone());
                    entry.closed = Some(now.wall);
                }
            }
            Body::DocumentConfirmed(confirmed) => {
                if let (Kind::Decline, Some(request)) = (confirmed.document, &confirmed.request) {
                    self.close_request(request, RequestState::Declined, now.wall);
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
            Body::ValidityStarted(started) => self.validity.push(started.clone()),
            Body::StateSnapshot(value) => {
                if let Ok(state) = serde_json::from_value::<Self>(value.clone()) {
                    *self = state;
                }
            }
            Body::BrokerStarted(_)
            | Body::JournalRepaired(_)
            | Body::LaunchRefused(_)
            | Body::AutonomousShadowed(_)
            | Body::DocumentRefused(_)
            | Body::ClockJumped(_)
            | Body::AuthenticationFailed(_) => {}
        }
        self.seen(header);
    }

    /// Takes note of a record's time, also of a kind that this version does not know.
    pub fn seen(&mut self, header: &Header) {
        // WHY: every record's time is at or above the mark, except the one that lowers it.
        self.mark = Some(header.time);
        self.boot = Some(header.boot.clone());
    }

    fn close_request(&mut self, id: &RequestId, state: RequestState, at: Timestamp) {
        if let Some(entry) = self.requests.get_mut(id).filter(|entry| entry.state.may_become(state)) {
            entry.state = state;
            entry.closed = Some(at);
        }
    }

    fn receive_grant(&mut self, document: &brevet_core::document::GrantDocument, now: Now) {
        if let Some(entry) = self.grants.get_mut(&document.grant) {
            entry.extend(document);
            return;
        }
        let Some(request) = self.requests.get(&document.request).map(|entry| entry.request.clone()) else { return };
        self.close_request(&document.request, RequestState::Approved, now.wall);
        self.grants.insert(document.grant.clone(), GrantEntry::received(document, &request, now));
    }

    /// Sessions that have not ended, of one grant.
    pub fn running_of(&self, grant: &GrantId) -> Vec<SessionId> {
        let running = self.sessions.iter().filter(|(_, entry)| entry.ended.is_none() && entry.started.grant == *grant);
        running.map(|(id, _)| id.clone()).collect()
    }

    /// Sessions that have not ended.
    pub fn running(&self) -> impl Iterator<Item = (&SessionId, &SessionEntry)> {
        self.sessions.iter().filter(|(_, entry)| entry.ended.is_none())
    }

    /// Pending requests of one user.
    pub fn pending_of(&self, uid: u32) -> impl Iterator<Item = &RequestEntry> {
        self.requests.values().filter(move |entry| entry.state == RequestState::Pending && entry.request.user.uid == uid)
    }

    /// When a fixed validity began.
    #[must_use]
    pub fn validity_of(&self, policy: &PolicyId, renewal: u64, uid: Option<u32>) -> Option<&ValidityStarted> {
        self.validity.iter().find(|started| started.policy == *policy && started.renewal == renewal && started.user == uid)
    }

    /// How many approvals a rule gave a user since a moment.
    #[must_use]
    pub fn given_since(&self, rule: &AutonomousId, uid: u32, since: Timestamp) -> u32 {
        let given = self.given.iter().filter(|given| given.rule == *rule && given.uid == uid && given.at >= since).count();
        u32::try_from(given).unwrap_or(u32::MAX)
    }

    /// Why a grant ended, if it did.
    #[must_use]
    pub fn end_of(&self, grant: &GrantId) -> Option<EndReason> {
        self.grants.get(grant)?.ended.as_ref().map(|ended| ended.reason)
    }

    /// The state without what has been over for a week: what a snapshot keeps.
    #[must_use]
    pub fn remembered(&self, now: Timestamp) -> Self {
        let since = now.minus(REMEMBERED);
        let recent = |closed: Option<Timestamp>| closed.is_none_or(|closed| closed >= since);
        let mut kept = self.clone();
        kept.requests.retain(|_, entry| recent(entry.closed));
        kept.sessions.retain(|_, entry| recent(entry.closed));
        // A grant is remembered until its absolute end too, so that it can never be received anew.
        kept.grants.retain(|_, entry| recent(entry.closed) || entry.not_after.is_some_and(|end| end >= now));
        kept.given.retain(|given| given.at >= now.minus(Length::from_hours(72)));
        kept
    }
}
