//! Signed documents: what is believed, in which order, and what is in force because of it (DESIGN section 3).
//!
//! The root key was pinned at enrolment; everything else follows from signatures. Nothing here runs or ends anything:
//! `receive` says what a document means, the ledger makes it so and then calls `advance`.

mod in_force;
mod position;
mod store;

pub use in_force::{InForce, RefusedPolicy};
pub use position::Position;
pub use store::StoreError;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use brevet_api::config::Identity;
use brevet_core::digest::Digest;
use brevet_core::document::{
    Acknowledgement, Content, Decline, DocumentError, Envelope, GrantDocument, Heartbeat, Kind, MOST_NAMED, Manifest, PublicKey,
    Revocation, Trust, open,
};
use brevet_core::id::{ComputerId, PolicyId};
use brevet_core::time::{Now, Timestamp};

use crate::{fault, random};
use in_force::Shared;
use store::Store;

/// Shared documents that are held: those of one manifest, and of the one before it.
const MOST_SHARED: usize = 2 * MOST_NAMED + 16;
/// How long a nonce can be answered.
const NONCE_MS: u64 = 120_000;

/// What an accepted document means.
#[derive(Debug)]
pub enum Received {
    /// Nothing new: it is held already.
    Known,
    /// Other keys, maybe another epoch.
    Trust,
    /// A shared document that the manifest names: what is in force may have changed.
    Shared,
    /// A shared document that changes nothing yet: no manifest names it, or policies are still missing.
    Stored,
    /// Which documents are in force; stored, not advanced yet.
    Manifest(Box<Manifest>),
    /// A grant; not advanced yet.
    Grant(Box<GrantDocument>),
    /// A decline; not advanced yet.
    Decline(Box<Decline>),
    /// A revocation; not advanced yet.
    Revocation(Box<Revocation>),
    /// A heartbeat, taken in; the signed time, where it answered our nonce.
    Heartbeat(Option<Timestamp>),
    /// To be held against the journal.
    Acknowledgement(Box<Acknowledgement>),
}

/// Why a document is not accepted; `code` as in the journal's `document.refused`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAccepted {
    /// Stable.
    pub code: &'static str,
    /// In words.
    pub reason: String,
}

fn not_accepted(code: &'static str, reason: impl Into<String>) -> NotAccepted {
    NotAccepted { code, reason: reason.into() }
}

/// Every document held.
#[derive(Debug)]
pub struct Documents {
    store: Store,
    identity: Identity,
    trust: Trust,
    /// Where the sequence stands, and what else must survive a restart.
    pub position: Position,
    manifest: Option<Manifest>,
    shared: BTreeMap<Digest, Shared>,
    in_force: InForce,
    /// Nonces that may still be answered, with the boot clock of their making, newest last.
    nonces: Vec<(String, u64)>,
}

impl Documents {
    /// Loads and verifies what is on disk.
    ///
    /// # Errors
    /// When the trust document that enrolment left is missing or not the root's, or a file cannot be read.
    pub fn open(directory: &Path, identity: Identity, boot_ms: u64) -> Result<Self, StoreError> {
        let store = Store::open(directory)?;
        let envelope = store.envelope("trust.json")?.ok_or_else(|| StoreError::NotEnrolled(store.path("trust.json")))?;
        let trust = open_trust(&envelope, &identity).map_err(|refused| StoreError::Trust(refused.reason))?;
        let position: Position = store.json("position.json")?.unwrap_or_default();
        let mut documents = Self {
            store,
            identity,
            trust,
            position,
            manifest: None,
            shared: BTreeMap::new(),
            in_force: InForce::default(),
            nonces: vec![(random::nonce()?, boot_ms)],
        };
        documents.enter_epoch();
        documents.load()?;
        Ok(documents)
    }

    fn load(&mut self) -> Result<(), StoreError> {
        let keys = self.trust.keys_for(Kind::Manifest);
        // WHY: a manifest that no longer verifies leaves no policy in force, which refuses everything.
        self.manifest = self.store.envelope("manifest.json")?.and_then(|envelope| open::<Manifest>(&envelope, &keys).ok());
        self.manifest = self.manifest.take().filter(|manifest| manifest.computer == self.identity.computer);
        for digest in self.named() {
            if !self.shared.contains_key(&digest)
                && let Some(envelope) = self.store.shared(&digest)?
                && let Ok(shared) = Shared::read(&envelope, &self.trust)
                && envelope.digest().is_ok_and(|found| found == digest)
            {
                self.shared.insert(digest, shared);
            }
        }
        self.refresh();
        Ok(())
    }

    /// What is in force.
    #[must_use]
    pub const fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The computer's name on the server, once known.
    #[must_use]
    pub fn computer_name(&self) -> Option<&str> {
        self.manifest.as_ref().map(|manifest| manifest.name.as_str())
    }

    /// This computer.
    #[must_use]
    pub const fn computer(&self) -> &ComputerId {
        &self.identity.computer
    }

    /// Version of the trust document.
    #[must_use]
    pub const fn trust_version(&self) -> u64 {
        self.trust.version
    }

    /// Digests of the shared documents held that the manifest names: with those that are missing, never more than one manifest has.
    #[must_use]
    pub fn held(&self) -> Vec<Digest> {
        self.named().into_iter().filter(|digest| self.shared.contains_key(digest)).collect()
    }

    /// The policies that the manifest names.
    pub fn named_policies(&self) -> impl Iterator<Item = PolicyId> + '_ {
        self.manifest.iter().flat_map(|manifest| manifest.policies.iter().map(|entry| entry.id.clone()))
    }

    /// The nonce for the next heartbeat: a fresh one when the last has used up a third of its time. The one before may
    /// still be answered, by a heartbeat that is on its way.
    pub fn nonce(&mut self, boot_ms: u64) -> String {
        let fresh = self.nonces.last().is_some_and(|(_, made)| boot_ms.saturating_sub(*made) < NONCE_MS / 3);
        if !fresh && let Ok(nonce) = random::nonce() {
            self.nonces.retain(|(_, made)| boot_ms.saturating_sub(*made) < NONCE_MS);
            self.nonces.push((nonce, boot_ms));
        }
        self.nonces.last().map(|(nonce, _)| nonce.clone()).unwrap_or_default()
    }

    /// Whether a heartbeat answers a nonce of ours that is fresh; each is answered once.
    fn take_nonce(&mut self, answer: Option<&String>, boot_ms: u64) -> bool {
        let fresh = |(nonce, made): &(String, u64)| Some(nonce) == answer && boot_ms.saturating_sub(*made) < NONCE_MS;
        let answered = self.nonces.iter().any(fresh);
        self.nonces.retain(|one| Some(&one.0) != answer);
        answered
    }

    /// Verifies a document and says what it means. Trust, shared documents and heartbeats take effect at once.
    ///
    /// # Errors
    /// When it is not to be believed, out of order, or cannot be stored.
    pub fn receive(&mut self, envelope: &Envelope, now: &Now) -> Result<Received, NotAccepted> {
        let Some(kind) = envelope.kind() else {
            return Err(not_accepted("unreadable", "a kind of document that this version does not know"));
        };
        match kind {
            Kind::Trust => self.receive_trust(envelope),
            Kind::Policy | Kind::Autonomous | Kind::Settings => self.receive_shared(envelope),
            Kind::Manifest => {
                let manifest: Manifest = self.read_next(envelope)?;
                self.store.write_envelope("manifest.json", envelope).map_err(|error| unstored(&error))?;
                self.manifest = Some(manifest.clone());
                self.load().and_then(|()| self.settle()).map_err(|error| unstored(&error))?;
                Ok(Received::Manifest(Box::new(manifest)))
            }
            Kind::Grant => {
                let grant: GrantDocument = self.read_next(envelope)?;
                Ok(Received::Grant(Box::new(grant)))
            }
            Kind::Decline => Ok(Received::Decline(Box::new(self.read_next(envelope)?))),
            Kind::Revocation => Ok(Received::Revocation(Box::new(self.read_next(envelope)?))),
            Kind::Heartbeat => self.receive_heartbeat(envelope, now),
            Kind::Acknowledgement => {
                let acknowledgement: Acknowledgement = self.read(envelope)?;
                self.check_computer(&acknowledgement.computer)?;
                Ok(Received::Acknowledgement(Box::new(acknowledgement)))
            }
        }
    }

    /// A document of the sequence took effect: its place is taken, durably.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn advance(&mut self, seq: u64) -> Result<(), StoreError> {
        self.position.epoch = self.trust.epoch;
        self.position.seq = seq;
        fault::point_of("position.before", seq);
        self.save()?;
        fault::point_of("position.written", seq);
        Ok(())
    }

    /// Writes the position.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), StoreError> {
        self.store.write_json("position.json", &self.position)
    }

    fn receive_trust(&mut self, envelope: &Envelope) -> Result<Received, NotAccepted> {
        let trust = open_trust(envelope, &self.identity)?;
        if trust == self.trust {
            return Ok(Received::Known);
        }
        if trust.version <= self.trust.version || trust.epoch < self.trust.epoch {
            return Err(not_accepted(
                "rolled_back",
                format!(
                    "trust version {} in epoch {}, held is {} in epoch {}",
                    trust.version, trust.epoch, self.trust.version, self.trust.epoch
                ),
            ));
        }
        self.store.write_envelope("trust.json", envelope).map_err(|error| unstored(&error))?;
        self.trust = trust;
        self.enter_epoch();
        // What a key signed that is no longer believed, is no longer held.
        self.shared.clear();
        self.load().map_err(|error| unstored(&error))?;
        Ok(Received::Trust)
    }

    fn enter_epoch(&mut self) {
        if self.position.epoch < self.trust.epoch {
            self.position.epoch = self.trust.epoch;
            self.position.seq = 0;
        }
    }

    fn receive_shared(&mut self, envelope: &Envelope) -> Result<Received, NotAccepted> {
        let shared = Shared::read(envelope, &self.trust).map_err(refused_document)?;
        let digest = envelope.digest().map_err(refused_document)?;
        if self.shared.contains_key(&digest) {
            return Ok(Received::Known);
        }
        if self.shared.len() >= MOST_SHARED {
            return Err(not_accepted("unreadable", "too many shared documents"));
        }
        self.store.write_shared(&digest, envelope).map_err(|error| unstored(&error))?;
        self.shared.insert(digest, shared);
        // WHY: of ten thousand that come one by one, each would have the whole set made ready again. While a policy is missing
        // everything is refused anyway.
        if !self.in_force.arrived(&digest) {
            return Ok(Received::Stored);
        }
        self.refresh();
        self.settle().map_err(|error| unstored(&error))?;
        Ok(Received::Shared)
    }

    fn receive_heartbeat(&mut self, envelope: &Envelope, now: &Now) -> Result<Received, NotAccepted> {
        let heartbeat: Heartbeat = self.read(envelope)?;
        self.check_computer(&heartbeat.computer)?;
        self.check_epoch(heartbeat.epoch)?;
        if self.position.last_heartbeat.is_some_and(|last| heartbeat.time <= last) {
            return Err(not_accepted("replayed", format!("a heartbeat of {}, which is not later than the last", heartbeat.time)));
        }
        if heartbeat.seq < self.position.seq {
            let reason = format!("the server has sent {} documents, {} were accepted", heartbeat.seq, self.position.seq);
            return Err(not_accepted("rolled_back", reason));
        }
        let answered = self.take_nonce(heartbeat.nonce.as_ref(), now.boot.millis);
        self.position.last_heartbeat = Some(heartbeat.time);
        if heartbeat.seq == self.position.seq {
            self.position.heartbeat = Some(Now { wall: heartbeat.time, boot: now.boot.clone() });
        }
        self.save().map_err(|error| unstored(&error))?;
        Ok(Received::Heartbeat(answered.then_some(heartbeat.time)))
    }

    fn read<C: Content>(&self, envelope: &Envelope) -> Result<C, NotAccepted> {
        open(envelope, &self.trust.keys_for(C::KIND)).map_err(refused_document)
    }

    /// Reads a document of the sequence, which must be the next.
    fn read_next<C: Content + Sequenced>(&self, envelope: &Envelope) -> Result<C, NotAccepted> {
        let content: C = self.read(envelope)?;
        let (computer, epoch, seq) = content.place();
        self.check_computer(computer)?;
        self.check_epoch(epoch)?;
        let expected = self.position.seq.saturating_add(1);
        if seq < expected {
            return Err(not_accepted("replayed", format!("number {seq} was accepted before")));
        }
        if seq > expected {
            return Err(not_accepted("gap", format!("number {seq} came, {expected} is missing")));
        }
        Ok(content)
    }

    fn check_computer(&self, computer: &ComputerId) -> Result<(), NotAccepted> {
        if *computer == self.identity.computer {
            return Ok(());
        }
        Err(not_accepted("other_computer", format!("it is for {computer}")))
    }

    fn check_epoch(&self, epoch: u64) -> Result<(), NotAccepted> {
        if epoch < self.trust.epoch {
            return Err(not_accepted("rolled_back", format!("it is of epoch {epoch}, now is {}", self.trust.epoch)));
        }
        if epoch > self.trust.epoch {
            return Err(not_accepted("gap", format!("it is of epoch {epoch}, which no trust document has begun")));
        }
        Ok(())
    }

    fn named(&self) -> Vec<Digest> {
        let Some(manifest) = &self.manifest else { return Vec::new() };
        let policies = manifest.policies.iter().map(|entry| entry.digest);
        let rules = manifest.autonomous.iter().map(|entry| entry.digest);
        policies.chain(rules).chain([manifest.settings]).collect()
    }

    fn refresh(&mut self) {
        self.in_force = self.manifest.as_ref().map_or_else(InForce::default, |manifest| InForce::of(manifest, &self.shared));
    }

    /// Once nothing is missing, what is in force is on disk.
    fn settle(&mut self) -> Result<(), StoreError> {
        if self.in_force.missing.is_empty() { self.store.sync_shared() } else { Ok(()) }
    }

    /// Removes stored documents that nothing names any more, once everything named is there.
    pub fn sweep(&mut self) {
        if self.in_force.missing.is_empty() {
            let named = self.named();
            let kept: BTreeSet<Digest> = named.iter().copied().collect();
            self.shared.retain(|digest, _| kept.contains(digest));
            self.store.retain_shared(&named);
        }
    }
}

/// A document with a place in the computer's sequence.
trait Sequenced {
    fn place(&self) -> (&ComputerId, u64, u64);
}
macro_rules! sequenced {
    ($($name:ident),*) => {$(
        impl Sequenced for $name {
            fn place(&self) -> (&ComputerId, u64, u64) {
                (&self.computer, self.epoch, self.seq)
            }
        }
    )*};
}
sequenced!(Manifest, GrantDocument, Decline, Revocation);

fn open_trust(envelope: &Envelope, identity: &Identity) -> Result<Trust, NotAccepted> {
    let root: &[PublicKey] = std::slice::from_ref(&identity.root);
    let trust: Trust = open(envelope, root).map_err(refused_document)?;
    if trust.instance != identity.instance {
        return Err(not_accepted("other_computer", "it is of another installation"));
    }
    Ok(trust)
}

fn refused_document(error: DocumentError) -> NotAccepted {
    let code = match &error {
        DocumentError::NotSigned => "signature",
        DocumentError::TooLarge { .. }
        | DocumentError::WrongKind { .. }
        | DocumentError::Encoding
        | DocumentError::Content(_)
        | DocumentError::Schema(_) => "unreadable",
    };
    not_accepted(code, error.to_string())
}

fn unstored(error: &StoreError) -> NotAccepted {
    not_accepted("unstored", crate::chain(error))
}
