//! Everything that changes, under one lock: the journal, the state that follows from it, documents, clock, live sessions.
//!
//! INVARIANT: a change is a record on disk first (`commit`), memory after. What cannot be recorded does not happen.

mod coverage;
mod deadline;
mod documents;
mod upkeep;

pub use deadline::{Bounds, Deadline, deadline};
pub use documents::EffectError;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brevet_core::application::Fact;
use brevet_core::decide::{Fixed, GrantView, Held, Standing};
use brevet_core::document::{EndReason, PolicyDocument};
use brevet_core::id::{GrantId, SessionId};
use brevet_core::policy::{FixedFrom, Validity};
use brevet_core::record::{Body, ComputerFacts, GrantEnded};
use brevet_core::time::Now;
use brevet_core::user::Member;

use crate::clock::{Clock, Reading};
use crate::documents::Documents;
use crate::journal::{Journal, JournalError};
use crate::spec;
use crate::state::State;
use crate::supervisor::client::Session;

/// How a waiting thread is told that something changed.
#[derive(Debug)]
pub struct Watch {
    writer: std::io::PipeWriter,
    pending: Arc<AtomicBool>,
}

/// The waiting thread's end: readable when something changed.
#[derive(Debug)]
pub struct Changed {
    /// To poll.
    pub reader: std::io::PipeReader,
    pending: Arc<AtomicBool>,
}

impl Changed {
    /// Takes the readiness away; call it before looking at what changed.
    pub fn clear(&self) {
        use std::io::Read as _;
        if self.pending.swap(false, Ordering::AcqRel) {
            let mut byte = [0u8; 1];
            drop((&self.reader).read(&mut byte));
        }
    }
}

/// A session whose supervisor we are connected to.
#[derive(Debug, Clone)]
pub struct Live {
    /// To give orders.
    pub session: Arc<Session>,
    /// The hard end that it was last given.
    pub deadline: u64,
    /// Its hard end as long as the server is heard of.
    pub heard: u64,
}

/// How `brevetd` stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// It is connected here.
    pub attached: bool,
    /// By its last word, it reaches the server.
    pub connected: bool,
}

/// Group look-ups of the users who hold something, made before the lock is taken.
pub type Members = HashMap<u32, Member>;

/// See the module.
pub struct Ledger {
    /// On disk.
    pub journal: Journal,
    /// What it adds up to.
    pub state: State,
    /// Signed documents.
    pub documents: Documents,
    /// The moment.
    pub clock: Clock,
    /// Sessions that run and can be reached.
    pub live: HashMap<SessionId, Live>,
    /// How `brevetd` stands.
    pub link: Link,
    /// Why the journal goes on in one segment, where it should begin another.
    pub cannot_rotate: Option<String>,
    /// How many refused documents may still be recorded before the next refill.
    refused_documents: u32,
    watches: Vec<Watch>,
    /// By how many milliseconds the computer's clock was ahead of a time that the server had just signed.
    clock_ahead: Option<i64>,
    /// The last recorded facts of this computer.
    facts: Option<ComputerFacts>,
    /// The last look for denies that match what runs.
    look: Option<coverage::Look>,
    /// The position has an acknowledgement that is not on disk.
    unsaved: bool,
    last_saved: u64,
    last_tidied: u64,
    last_rotated: u64,
    /// Bytes that were recorded since memory was last given back, and when that was.
    recorded: u64,
    last_released: u64,
}

impl Ledger {
    /// Puts the parts together.
    #[must_use]
    pub fn new(journal: Journal, state: State, documents: Documents, clock: Clock) -> Self {
        Self {
            journal,
            state,
            documents,
            clock,
            live: HashMap::new(),
            link: Link::default(),
            cannot_rotate: None,
            refused_documents: 20,
            watches: Vec::new(),
            clock_ahead: None,
            facts: None,
            look: None,
            unsaved: false,
            last_saved: 0,
            last_tidied: 0,
            last_rotated: 0,
            recorded: 0,
            last_released: 0,
        }
    }

    /// The moment.
    pub fn now(&mut self) -> Now {
        self.clock.now()
    }

    /// Records, durably, and then changes the state. All of it or nothing.
    ///
    /// # Errors
    /// When it could not be recorded: nothing has changed, and nothing may be done that depends on it.
    pub fn commit(&mut self, bodies: &[Body]) -> Result<(), JournalError> {
        if !bodies.is_empty() {
            self.commit_quietly(bodies)?;
            self.wake();
        }
        Ok(())
    }

    /// As `commit`; whoever waits for changes is not told yet: call `wake` soon.
    ///
    /// # Errors
    /// As `commit`.
    pub fn commit_quietly(&mut self, bodies: &[Body]) -> Result<(), JournalError> {
        let now = self.clock.now();
        let before = self.journal.length();
        let headers = self.journal.append(&now, bodies)?;
        self.recorded = self.recorded.saturating_add(self.journal.length().saturating_sub(before));
        for (header, body) in headers.iter().zip(bodies) {
            self.state.apply(header, body);
        }
        Ok(())
    }

    /// Whatever changed, waiting threads look again.
    pub fn wake(&mut self) {
        use std::io::Write as _;
        self.watches.retain_mut(|watch| {
            // One byte at most is ever in the pipe, so that this cannot block. The other end's drop ends the watch.
            watch.pending.swap(true, Ordering::AcqRel) || watch.writer.write_all(&[0]).is_ok()
        });
    }

    /// To be woken by every change from now on.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub fn watch(&mut self) -> std::io::Result<Changed> {
        let (reader, writer) = std::io::pipe()?;
        let pending = Arc::new(AtomicBool::new(false));
        // A watch whose reader is gone is noticed when it is written to; one that is already marked is not.
        self.watches.retain(|watch| Arc::strong_count(&watch.pending) > 1);
        self.watches.push(Watch { writer, pending: Arc::clone(&pending) });
        Ok(Changed { reader, pending })
    }

    /// What the decision has to know of the moment.
    #[must_use]
    pub fn standing(&self, now: &Now) -> Standing {
        let heartbeat = self.documents.position.heartbeat.as_ref();
        Standing {
            wall: now.wall,
            heartbeat_age_millis: heartbeat.map(|heartbeat| now.millis_since(heartbeat)),
            unreadable_deny: self.documents.in_force().unreadable_deny,
        }
    }

    /// Where a policy's fixed validity stands for a user.
    #[must_use]
    pub fn fixed(&self, document: &PolicyDocument, uid: u32, now: &Now) -> Fixed {
        let user = match document.policy.validity {
            Validity::Fixed { from: FixedFrom::Delivery, .. } => None,
            Validity::Fixed { from: FixedFrom::FirstUse, .. } => Some(uid),
            Validity::Always | Validity::Window { .. } | Validity::Recurring { .. } => return Fixed::NotStarted,
        };
        match self.state.validity_of(&document.id, document.renewal, user) {
            Some(entry) => Fixed::Started { elapsed_millis: entry.running.elapsed(now) },
            None => Fixed::NotStarted,
        }
    }

    /// The policies in force, as the decision takes them.
    #[must_use]
    pub fn held<'a>(&self, policies: &'a [Arc<PolicyDocument>], uid: u32, now: &Now) -> Vec<Held<'a>> {
        policies.iter().map(|document| Held { document, fixed: self.fixed(document, uid, now) }).collect()
    }

    /// A user's grants that a new launch may run under.
    #[must_use]
    pub fn usable_grants(&self, uid: u32, now: &Now) -> Vec<GrantView> {
        let usable = self.state.grants.values().filter(|grant| grant.user.uid == uid && grant.usable(now));
        usable.map(|grant| self.view(grant, now)).collect()
    }

    /// One grant as the decision sees it.
    #[must_use]
    pub fn view(&self, grant: &crate::state::GrantEntry, now: &Now) -> GrantView {
        let policy = self.documents.in_force().policy(&grant.policy.id).map(|document| &document.policy);
        // Without its policy a grant is being revoked; until then a proof is wanted.
        let authentication = policy.map_or(brevet_core::policy::Authentication::Password, brevet_core::policy::Policy::authentication);
        grant.view(now, authentication, policy.and_then(|policy| policy.remember))
    }

    /// Ends a grant on record and orders the end of its sessions; answers how many sessions are ending.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub fn end_grant(&mut self, grant: &GrantId, reason: EndReason, detail: &str, with_grace: bool) -> Result<usize, JournalError> {
        let ended: Vec<Body> = self.end_of_grant(grant, reason, detail).into_iter().collect();
        self.commit(&ended)?;
        Ok(self.order_end(grant, reason, with_grace))
    }

    /// The record of a grant's end, unless it has ended.
    pub(super) fn end_of_grant(&self, grant: &GrantId, reason: EndReason, detail: &str) -> Option<Body> {
        self.state.grants.get(grant).filter(|entry| entry.is_open())?;
        let (detail, sessions) = (detail.to_owned(), self.state.running_of(grant));
        Some(Body::GrantEnded(GrantEnded { grant: grant.clone(), reason, detail, sessions }))
    }

    /// Tells the supervisors of a grant's sessions to end them; answers how many.
    pub(super) fn order_end(&self, grant: &GrantId, reason: EndReason, with_grace: bool) -> usize {
        let sessions = self.state.running_of(grant);
        let why = match reason {
            EndReason::Expired | EndReason::Unused => spec::EndReason::Expired,
            EndReason::Revoked => spec::EndReason::Revoked,
            EndReason::Finished => spec::EndReason::Finished,
        };
        let grace = self.state.grants.get(grant).filter(|_| with_grace).map_or(0, |entry| entry.elevation.grace.millis());
        for session in &sessions {
            self.tell_to_end(session, why, grace);
        }
        sessions.len()
    }

    fn tell_to_end(&self, session: &SessionId, why: spec::EndReason, grace: u64) {
        if let Some(live) = self.live.get(session)
            && let Err(error) = live.session.end(why, grace)
        {
            // Its supervisor is gone: whoever watches the session finds that out and sweeps.
            crate::say("broker", &format!("session {session} could not be told to end: {}", crate::chain(&error)));
        }
    }

    /// Users who hold a grant that has not ended: their groups are wanted before `documents_changed` and `revoke_uncovered`.
    #[must_use]
    pub fn holders(&self) -> Vec<brevet_core::user::User> {
        let holds = |grant: &&crate::state::GrantEntry| grant.is_open() || !self.state.running_of(&grant.id).is_empty();
        let mut users: Vec<_> = self.state.grants.values().filter(holds).map(|grant| grant.user.clone()).collect();
        users.sort_by_key(|user| user.uid);
        users.dedup_by_key(|user| user.uid);
        users
    }

    /// A clock reading.
    #[must_use]
    pub fn reading() -> Reading {
        Reading::take()
    }
}

/// A user whose groups nobody could tell.
#[must_use]
pub fn without_groups(user: brevet_core::user::User) -> Member {
    Member { user, groups: Fact::Unknown("not looked up".to_owned()) }
}
