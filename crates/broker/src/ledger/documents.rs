//! What documents do: a verified document becomes records, and what it takes away ends.

use brevet_core::document::{Acknowledgement, Decline, EndReason, Envelope, GrantDocument, Kind, Revocation};
use brevet_core::policy::{FixedFrom, Starts, Uses, Validity};
use brevet_core::record::{Body, DocumentConfirmed, DocumentRefused, PolicyApplied, PolicyRefused, RevocationReceived, ValidityStarted};
use brevet_core::request::{PolicyRef, RequestState};
use brevet_core::time::Now;

use super::{Ledger, Members};
use crate::documents::{NotAccepted, Received, StoreError};
use crate::fault;
use crate::journal::JournalError;

/// A document's effect could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The documents.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ledger {
    /// Takes a document from `brevetd`; true when what is held changed.
    ///
    /// # Errors
    /// When its effect could not be recorded: it will be sent again.
    pub fn receive(&mut self, envelope: &Envelope, members: &Members) -> Result<bool, EffectError> {
        let now = self.now();
        match self.documents.receive(envelope, &now) {
            Ok(received) => self.take_effect(received, envelope, members, &now),
            Err(refused) => {
                self.refuse_document(envelope, refused)?;
                Ok(false)
            }
        }
    }

    fn take_effect(&mut self, received: Received, envelope: &Envelope, members: &Members, now: &Now) -> Result<bool, EffectError> {
        match received {
            Received::Known => return Ok(false),
            // With each of ten thousand, brevetd would be told of all that are held.
            Received::Stored => return Ok(self.documents.in_force().missing.len().is_multiple_of(256)),
            Received::Trust | Received::Shared => self.documents_changed(members, now)?,
            Received::Manifest(manifest) => {
                self.documents_changed(members, now)?;
                let confirmed: Vec<Body> =
                    confirmation(envelope, Kind::Manifest, manifest.seq).map(Body::DocumentConfirmed).into_iter().collect();
                self.commit(&confirmed)?;
                self.documents.advance(manifest.seq)?;
                // Not at any other time: what comes before its manifest must be there when the manifest comes.
                self.documents.sweep();
            }
            Received::Grant(grant) => {
                self.receive_grant(&grant, envelope)?;
                self.documents.advance(grant.seq)?;
                self.reschedule(now);
            }
            Received::Decline(decline) => {
                self.receive_decline(&decline, envelope)?;
                self.documents.advance(decline.seq)?;
            }
            Received::Revocation(revocation) => {
                self.receive_revocation(&revocation, envelope)?;
                self.documents.advance(revocation.seq)?;
            }
            Received::Heartbeat(answered) => {
                let reading = Self::reading();
                if let Some(signed) = answered {
                    self.clock_ahead = Some(reading.wall.saturating_sub(signed.millis()));
                }
                if let Some(signed) = answered
                    && let Some(jumped) = self.clock.lower(signed, reading)
                {
                    self.documents.position.mark = Some(jumped.found);
                    self.commit(&[Body::ClockJumped(jumped)])?;
                    self.documents.save()?;
                }
                let now = self.now();
                self.reschedule(&now);
                self.wake();
                // The heartbeat counts whether or not these can be recorded now.
                if answered.is_some()
                    && let Err(error) = self.note_facts()
                {
                    crate::say("broker", &format!("the computer's facts could not be recorded: {}", crate::chain(&error)));
                }
            }
            Received::Acknowledgement(acknowledgement) => self.receive_acknowledgement(&acknowledgement, envelope, now)?,
        }
        Ok(true)
    }

    fn refuse_document(&mut self, envelope: &Envelope, refused: NotAccepted) -> Result<(), JournalError> {
        crate::say("broker", &format!("a document was refused ({}): {}", refused.code, refused.reason));
        // WHY: brevetd can send rubbish without end; the first ones are evidence, the rest would only fill the disk.
        let Some(left) = self.refused_documents.checked_sub(1) else { return Ok(()) };
        self.refused_documents = left;
        let document: String = envelope.payload_type.chars().take(100).collect();
        let (code, digest) = (refused.code.to_owned(), envelope.digest().ok());
        self.commit(&[Body::DocumentRefused(DocumentRefused { document, code, reason: refused.reason, digest })])
    }

    fn receive_grant(&mut self, grant: &GrantDocument, envelope: &Envelope) -> Result<(), JournalError> {
        // It was taken before the broker could say so: sent again, it only needs its receipt.
        let known = self.state.grants.get(&grant.grant).is_some_and(|known| {
            known.life.version() == grant.version && known.request.as_ref() == Some(&grant.request) && known.origin.is_none()
        });
        if !known && let Err(refused) = self.check_grant(grant) {
            return self.refuse_document(envelope, refused);
        }
        let received = (!known).then(|| Body::GrantReceived(Box::new(grant.clone())));
        let confirmed = confirmation(envelope, Kind::Grant, grant.seq)
            .map(|confirmed| DocumentConfirmed { grant: Some(grant.grant.clone()), ..confirmed });
        let bodies: Vec<Body> = received.into_iter().chain(confirmed.map(Body::DocumentConfirmed)).collect();
        self.commit(&bodies)
    }

    /// Whether a grant answers a request of ours, and gives no more than its policy's terms.
    fn check_grant(&self, grant: &GrantDocument) -> Result<(), NotAccepted> {
        let refuse = |code, reason: &str| Err(NotAccepted { code, reason: reason.to_owned() });
        if let Some(feature) = grant.requires.first() {
            return Err(NotAccepted { code: "unreadable", reason: format!("requires: \"{feature}\" is not known to this version") });
        }
        let Some(entry) = self.state.requests.get(&grant.request) else {
            return refuse("unknown_request", "it answers a request that is not known here");
        };
        if entry.request.digest != grant.request_digest {
            return refuse("digest", "it answers another request than the one that was asked");
        }
        let terms = &entry.request.terms;
        if terms.uses == Uses::Once && grant.uses == Uses::Many {
            return refuse("digest", "uses: it gives more than the policy allows");
        }
        // What was seen is remembered until its end, whatever a server that was restored has forgotten.
        if self.state.over.contains_key(&grant.grant) {
            return refuse("request_closed", "the grant has ended");
        }
        match self.state.grants.get(&grant.grant) {
            Some(known) if known.request.as_ref() != Some(&grant.request) => refuse("digest", "it is known as a grant for another request"),
            Some(known) if !known.is_open() => refuse("request_closed", "the grant has ended"),
            Some(known) if known.life.version() > grant.version => refuse("rolled_back", "a higher version of it was accepted before"),
            Some(_) => Ok(()),
            None if self.state.revocations.iter().any(|revoked| revoked.grant == grant.grant) => {
                refuse("request_closed", "the grant was revoked")
            }
            None if entry.state != RequestState::Pending => refuse("request_closed", "the request is not pending any more"),
            // Of one that is closed not all is in memory.
            None if !entry.request.is_consistent() => refuse("digest", "it answers another request than the one that was asked"),
            None if grant.duration > terms.max_duration => refuse("digest", "duration: it gives more than the policy allows"),
            None if terms.starts == Starts::Approval && grant.starts == Starts::FirstUse => {
                refuse("digest", "starts: it gives more than the policy allows")
            }
            None if grant.use_before > grant.time.plus(terms.use_within) => {
                refuse("digest", "use_before: it waits longer than the policy allows")
            }
            None => Ok(()),
        }
    }

    fn receive_decline(&mut self, decline: &Decline, envelope: &Envelope) -> Result<(), JournalError> {
        let refused = match self.state.requests.get(&decline.request) {
            None => Some(("unknown_request", "it answers a request that is not known here")),
            Some(entry) if entry.request.digest != decline.request_digest => {
                Some(("digest", "it answers another request than the one that was asked"))
            }
            Some(entry) if !matches!(entry.state, RequestState::Pending | RequestState::Declined) => {
                Some(("request_closed", "the request is not pending any more"))
            }
            Some(_) => None,
        };
        if let Some((code, reason)) = refused {
            return self.refuse_document(envelope, NotAccepted { code, reason: reason.to_owned() });
        }
        let pending = self.state.requests.get(&decline.request).is_some_and(|entry| entry.state == RequestState::Pending);
        let received = pending.then(|| Body::DeclineReceived(Box::new(decline.clone())));
        let confirmed = confirmation(envelope, Kind::Decline, decline.seq)
            .map(|confirmed| DocumentConfirmed { request: Some(decline.request.clone()), ..confirmed });
        let bodies: Vec<Body> = received.into_iter().chain(confirmed.map(Body::DocumentConfirmed)).collect();
        self.commit(&bodies)
    }

    /// The grant ends at once; the receipt follows when everything that ran under it is gone.
    fn receive_revocation(&mut self, revocation: &Revocation, envelope: &Envelope) -> Result<(), JournalError> {
        let Ok(digest) = envelope.digest() else { return Ok(()) };
        let detail =
            if revocation.comment.is_empty() { revocation.by.clone() } else { format!("{}: {}", revocation.by, revocation.comment) };
        let known = self.state.revocation(&digest).is_some();
        let received = RevocationReceived { digest, revocation: Box::new(revocation.clone()) };
        let received = (!known).then_some(Body::RevocationReceived(received));
        let ended = self.end_of_grant(&revocation.grant, EndReason::Revoked, &detail);
        let bodies: Vec<Body> = received.into_iter().chain(ended).collect();
        self.commit(&bodies)?;
        self.order_end(&revocation.grant, EndReason::Revoked, revocation.with_grace);
        self.settle_receipts()
    }

    /// Records the receipts of revocations whose sessions are all gone.
    ///
    /// # Errors
    /// When they could not be recorded: they stay owed.
    pub fn settle_receipts(&mut self) -> Result<(), JournalError> {
        let owed = self.state.revocations.iter().filter(|entry| entry.closed.is_none());
        let settled: Vec<Body> = owed
            .filter(|entry| self.state.running_of(&entry.grant).is_empty())
            .map(|entry| {
                Body::DocumentConfirmed(DocumentConfirmed {
                    document: Kind::Revocation,
                    digest: entry.digest,
                    seq: Some(entry.seq),
                    grant: Some(entry.grant.clone()),
                    request: None,
                    processes_ended: Some(entry.processes_ended),
                })
            })
            .collect();
        if !settled.is_empty() {
            fault::point("receipt.before");
        }
        self.commit(&settled)
    }

    fn receive_acknowledgement(&mut self, ack: &Acknowledgement, envelope: &Envelope, now: &Now) -> Result<(), EffectError> {
        let chain = self.journal.chain();
        if ack.incarnation != chain.incarnation {
            let refused = NotAccepted { code: "other_computer", reason: "it is about another journal".to_owned() };
            return Ok(self.refuse_document(envelope, refused)?);
        }
        if ack.seq > chain.seq || (ack.seq > 0 && self.journal.hash_at(ack.seq)?.is_some_and(|hash| hash != ack.head)) {
            let reason = format!("the server holds another record {} than this journal: one of them went back or was forked", ack.seq);
            return Ok(self.refuse_document(envelope, NotAccepted { code: "digest", reason })?);
        }
        let position = &mut self.documents.position;
        if ack.seq > position.acknowledged {
            position.acknowledged = ack.seq;
            self.journal.forget_before(ack.seq);
            // One entry an hour is enough to trim by.
            match position.acknowledged_at.last_mut() {
                Some((_, at)) if now.wall.millis_since(*at) < 3_600_000 => {}
                _ => position.acknowledged_at.push((ack.seq, now.wall)),
            }
            // WHY not at once: a launch would wait for it, and what is lost is only asked of the server again.
            self.unsaved = true;
            self.wake();
        }
        Ok(())
    }

    /// After any change of what is in force: records it, starts validities that count from delivery, and revokes what is no
    /// longer covered.
    ///
    /// # Errors
    /// When that could not be recorded.
    pub fn documents_changed(&mut self, members: &Members, now: &Now) -> Result<(), JournalError> {
        let mut bodies = Vec::new();
        let in_force = self.documents.in_force().clone();
        for document in in_force.policies.documents() {
            let policy = PolicyRef { id: document.id.clone(), version: document.version, name: document.policy.name.clone() };
            if self.state.applied.get(&document.id) != Some(&document.version) {
                bodies.push(Body::PolicyApplied(PolicyApplied { policy }));
            }
            let from_delivery = matches!(document.policy.validity, Validity::Fixed { from: FixedFrom::Delivery, .. });
            if from_delivery && self.state.validity_of(&document.id, document.renewal, None).is_none() {
                let (policy, renewal) = (document.id.clone(), document.renewal);
                bodies.push(Body::ValidityStarted(ValidityStarted { policy, user: None, renewal, at: now.clone() }));
            }
        }
        for refused in &in_force.refused {
            let known = self.state.refused.get(&refused.id) == Some(&(refused.version, refused.field.clone()));
            if !known {
                let (policy, version) = (refused.id.clone(), refused.version);
                let (field, reason) = (refused.field.clone(), refused.reason.clone());
                bodies.push(Body::PolicyRefused(PolicyRefused { policy, version, field, reason }));
            }
        }
        self.commit(&bodies)?;
        self.revoke_uncovered(members, now)?;
        self.reschedule(now);
        self.wake();
        Ok(())
    }
}

/// The receipt of a document of the sequence.
fn confirmation(envelope: &Envelope, document: Kind, seq: u64) -> Option<DocumentConfirmed> {
    let digest = envelope.digest().ok()?;
    Some(DocumentConfirmed { document, digest, seq: Some(seq), grant: None, request: None, processes_ended: None })
}
