//! What each kind of document says.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::envelope::{Content, Kind};
use super::keys::{KeyId, KeyUse, PublicKey};
use crate::application::Rule;
use crate::autonomous::AutonomousRule;
use crate::digest::Digest;
use crate::id::{AutonomousId, ComputerId, GrantId, Incarnation, InstanceId, PersonId, PolicyId, RequestId};
use crate::policy::{Policy, Starts, Uses};
use crate::time::{Length, Timestamp};

macro_rules! contents {
    ($($name:ident = $kind:ident),* $(,)?) => {$(
        impl Content for $name {
            const KIND: Kind = Kind::$kind;
        }
    )*};
}
contents!(
    Trust = Trust,
    PolicyDocument = Policy,
    AutonomousDocument = Autonomous,
    SettingsDocument = Settings,
    GrantDocument = Grant,
    Decline = Decline,
    Revocation = Revocation,
    Heartbeat = Heartbeat,
    Acknowledgement = Acknowledgement,
);

/// Which keys are believed, under the root key. A lower version is never accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// `SCHEMA`.
    pub schema: u32,
    /// The installation that it speaks for.
    pub instance: InstanceId,
    /// From 1, rising.
    pub version: u64,
    /// The server's epoch: rises when a backup is restored.
    pub epoch: u64,
    /// Every key believed.
    pub keys: Vec<TrustedKey>,
}

/// A key and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Its name.
    pub id: KeyId,
    /// The key.
    pub key: PublicKey,
    /// What it may sign.
    pub uses: Vec<KeyUse>,
}

impl Trust {
    /// The keys that may sign a kind of document. Empty for trust documents, which the root key signs.
    #[must_use]
    pub fn keys_for(&self, kind: Kind) -> Vec<PublicKey> {
        let Some(wanted) = kind.signed_by() else { return Vec::new() };
        self.keys.iter().filter(|k| k.uses.contains(&wanted)).map(|k| k.key.clone()).collect()
    }
}

/// A policy with everything that it refers to, so that a computer needs nothing else to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// `SCHEMA`.
    pub schema: u32,
    /// Features without which it must not be used; an unknown one refuses the policy.
    pub requires: Vec<String>,
    /// The policy.
    pub id: PolicyId,
    /// From 1, rising with each change.
    pub version: u64,
    /// How often it was renewed, from 0: a fixed validity is counted once per policy and renewal.
    #[serde(default)]
    pub renewal: u64,
    /// As written.
    pub policy: Policy,
    /// The application lists that it names.
    pub lists: BTreeMap<String, Vec<Rule>>,
    /// The user groups that it names: names of users.
    pub user_groups: BTreeMap<String, Vec<String>>,
}

/// An autonomous rule with everything that it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutonomousDocument {
    /// `SCHEMA`.
    pub schema: u32,
    /// As in a policy document.
    pub requires: Vec<String>,
    /// The rule.
    pub id: AutonomousId,
    /// From 1, rising with each change.
    pub version: u64,
    /// As written.
    pub rule: AutonomousRule,
    /// The application lists that it names.
    pub lists: BTreeMap<String, Vec<Rule>>,
    /// The user groups that it names.
    pub user_groups: BTreeMap<String, Vec<String>>,
}

/// Settings that the broker obeys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsDocument {
    /// `SCHEMA`.
    pub schema: u32,
    /// As in a policy document.
    pub requires: Vec<String>,
    /// From 1, rising with each change.
    pub version: u64,
    /// The one switch for autonomous approval.
    pub autonomous: bool,
    /// Whether callers in another mount namespace are served.
    pub other_mount_namespaces: bool,
}

/// What concerns one computer, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `SCHEMA`.
    pub schema: u32,
    /// For whom.
    pub computer: ComputerId,
    /// The computer's name on the server.
    pub name: String,
    /// The server's epoch.
    pub epoch: u64,
    /// Place in this computer's sequence, from 1 in each epoch.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// Version of the trust document in force.
    pub trust_version: u64,
    /// Every enabled policy that concerns this computer.
    pub policies: Vec<ManifestEntry<PolicyId>>,
    /// Every enabled autonomous rule that concerns this computer.
    pub autonomous: Vec<ManifestEntry<AutonomousId>>,
    /// The settings document.
    pub settings: Digest,
}

impl Content for Manifest {
    const KIND: Kind = Kind::Manifest;

    /// WHY: of two versions of one policy, which is in force would be anybody's guess, and two readers may guess differently.
    fn check(&self) -> Result<(), String> {
        fn twice<Id: Ord + std::fmt::Display>(field: &str, entries: &[ManifestEntry<Id>]) -> Result<(), String> {
            let mut seen = BTreeSet::new();
            match entries.iter().find(|entry| !seen.insert(&entry.id)) {
                Some(entry) => Err(format!("{field}: {} is named twice", entry.id)),
                None => Ok(()),
            }
        }
        twice("policies", &self.policies)?;
        twice("autonomous", &self.autonomous)
    }
}

/// One document that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry<Id> {
    /// What it is about.
    pub id: Id,
    /// `Envelope::digest`.
    pub digest: Digest,
}

/// A right, issued after an approval. The same grant with a higher `version` replaces the earlier end (an extension).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantDocument {
    /// `SCHEMA`.
    pub schema: u32,
    /// As in a policy document.
    pub requires: Vec<String>,
    /// For whom.
    pub computer: ComputerId,
    /// The server's epoch.
    pub epoch: u64,
    /// Place in this computer's sequence.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// The grant.
    pub grant: GrantId,
    /// From 1; an extension is the next.
    pub version: u64,
    /// What it answers.
    pub request: RequestId,
    /// That request's digest.
    pub request_digest: Digest,
    /// How long it gives, from what `starts` says.
    pub duration: Length,
    /// From when `duration` counts.
    pub starts: Starts,
    /// How often it can be used.
    pub uses: Uses,
    /// First use at the latest at this moment.
    pub use_before: Timestamp,
    /// No use and no process after this moment, whatever else.
    pub not_after: Timestamp,
    /// Narrowed by the approver to the exact command, where the policy binds only the application.
    pub command_only: bool,
    /// Who approved, in order.
    pub approvals: Vec<Approval>,
}

/// One person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub person: PersonId,
    /// Their name, for the user.
    pub name: String,
    /// When.
    pub time: Timestamp,
    /// For the user.
    pub comment: String,
    /// Their own signature over the grant digest, in a later version; empty now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A declined request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// `SCHEMA`.
    pub schema: u32,
    /// For whom.
    pub computer: ComputerId,
    /// The server's epoch.
    pub epoch: u64,
    /// Place in this computer's sequence.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// Which request.
    pub request: RequestId,
    /// That request's digest.
    pub request_digest: Digest,
    /// Name of who declined, for the user.
    pub by: String,
    /// For the user.
    pub comment: String,
}

/// The end of a grant by a person or by the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// `SCHEMA`.
    pub schema: u32,
    /// For whom.
    pub computer: ComputerId,
    /// The server's epoch.
    pub epoch: u64,
    /// Place in this computer's sequence.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// Which grant, of the server's or of the broker's own making.
    pub grant: GrantId,
    /// Whether the grant's grace is kept; `false` kills at once.
    pub with_grace: bool,
    /// Name of who revoked, for the user.
    pub by: String,
    /// For the user.
    pub comment: String,
}

/// Says how much the computer should have; staleness counts from the last one that found no gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// `SCHEMA`.
    pub schema: u32,
    /// For whom.
    pub computer: ComputerId,
    /// When it was signed; one that is not later than the last accepted is refused.
    pub time: Timestamp,
    /// The server's epoch.
    pub epoch: u64,
    /// The highest `seq` that was sent to this computer. A heartbeat takes no place in the sequence itself.
    pub seq: u64,
    /// The broker's nonce, where it answers one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// Everything up to `seq` is durable on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// `SCHEMA`.
    pub schema: u32,
    /// For whom.
    pub computer: ComputerId,
    /// Which journal.
    pub incarnation: Incarnation,
    /// The last record held.
    pub seq: u64,
    /// Its hash.
    pub head: Digest,
    /// When it was signed.
    pub time: Timestamp,
}

/// Why a grant ended (DESIGN section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up, or the computer's staleness was.
    Expired,
    /// By a person or by a policy's change.
    Revoked,
    /// By its user or its task.
    Finished,
    /// Never used in time.
    Unused,
}
