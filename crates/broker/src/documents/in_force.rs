//! What a manifest and the shared documents add up to: the policies, rules and settings in force, and what is refused.
//!
//! A policy that cannot be read or enforced is refused alone; where it may be a deny, or is named and missing, everything is.

use std::collections::BTreeMap;
use std::sync::Arc;

use brevet_core::application::Rule;
use brevet_core::autonomous;
use brevet_core::decide::{Policies, unsupported, unsupported_autonomous};
use brevet_core::digest::Digest;
use brevet_core::document::{
    AutonomousDocument, DocumentError, Envelope, Kind, Manifest, ManifestEntry, PolicyDocument, SettingsDocument, Trust, open,
};
use brevet_core::file::{List, validate_list};
use brevet_core::id::PolicyId;
use brevet_core::policy::{Containment, Mode, Policy, PolicyError, validate};

/// A shared document as far as it could be read.
#[derive(Debug, Clone)]
pub(super) enum Shared {
    Policy(Arc<PolicyDocument>),
    /// Signed, and not readable by this version.
    UnreadablePolicy {
        reason: String,
        version: Option<u64>,
        may_deny: bool,
    },
    Autonomous(Arc<AutonomousDocument>),
    Settings(SettingsDocument),
    /// A rule or settings that are not readable count as absent: both only ever allow.
    Unreadable,
}

impl Shared {
    /// Verifies and reads; content that is signed and cannot be read is not an error.
    pub(super) fn read(envelope: &Envelope, trust: &Trust) -> Result<Self, DocumentError> {
        let readable = |error: &DocumentError| !matches!(error, DocumentError::Content(_) | DocumentError::Schema(_));
        match envelope.kind() {
            Some(Kind::Policy) => match open::<PolicyDocument>(envelope, &trust.keys_for(Kind::Policy)) {
                Ok(document) => Ok(Self::Policy(Arc::new(document))),
                Err(error) if readable(&error) => Err(error),
                Err(error) => {
                    let payload = envelope.verified_payload(Kind::Policy, &trust.keys_for(Kind::Policy))?;
                    Ok(peek(&payload, error.to_string()))
                }
            },
            Some(Kind::Autonomous) => match open::<AutonomousDocument>(envelope, &trust.keys_for(Kind::Autonomous)) {
                Ok(document) if is_usable(&document) => Ok(Self::Autonomous(Arc::new(document))),
                Err(error) if readable(&error) => Err(error),
                Ok(_) | Err(_) => Ok(Self::Unreadable),
            },
            Some(Kind::Settings) => match open::<SettingsDocument>(envelope, &trust.keys_for(Kind::Settings)) {
                Ok(document) if document.requires.is_empty() => Ok(Self::Settings(document)),
                Err(error) if readable(&error) => Err(error),
                Ok(_) | Err(_) => Ok(Self::Unreadable),
            },
            _ => Err(DocumentError::WrongKind { found: envelope.payload_type.clone(), expected: Kind::Policy.payload_type() }),
        }
    }
}

/// Whether a rule can be used whole; one that cannot approves nothing.
fn is_usable(document: &AutonomousDocument) -> bool {
    let wrong = unsupported_autonomous(document).into_iter().chain(autonomous::validate(&document.rule));
    wrong.chain(unsound_lists(&document.lists)).next().is_none()
}

/// What is wrong with the lists that came along, by the rules by which the server takes them.
fn unsound_lists(lists: &BTreeMap<String, Vec<Rule>>) -> impl Iterator<Item = PolicyError> {
    lists.iter().flat_map(|(name, rules)| {
        let found = validate_list(&List { name: name.clone(), rules: rules.clone() });
        let named = format!("list \"{}\"", brevet_core::escape::terminal(name.as_bytes()));
        found.into_iter().map(move |error| PolicyError { field: format!("{named}.{}", error.field), ..error })
    })
}

/// Looks into a policy that cannot be read, for its version and whether it may be a deny.
fn peek(payload: &[u8], reason: String) -> Shared {
    let value: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let mode = value.pointer("/policy/mode").and_then(serde_json::Value::as_str);
    let may_deny = !matches!(mode, Some("automatic" | "justify" | "request"));
    Shared::UnreadablePolicy { reason, version: value.get("version").and_then(serde_json::Value::as_u64), may_deny }
}

fn wants_pid_namespace(policy: &Policy) -> bool {
    policy.enabled && policy.mode != Mode::Deny && policy.elevation.containment == Containment::PidNamespace
}

/// A policy that is not in force, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPolicy {
    /// Which.
    pub id: PolicyId,
    /// Its version, where readable.
    pub version: Option<u64>,
    /// Its name, where readable.
    pub name: Option<String>,
    /// The field, as in TOML.
    pub field: String,
    /// In words.
    pub reason: String,
}

/// What is in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// Policies, ready for decisions.
    pub policies: Arc<Policies>,
    /// Autonomous rules.
    pub autonomous: Vec<Arc<AutonomousDocument>>,
    /// The switch for autonomous approval.
    pub autonomous_enabled: bool,
    /// Whether callers in another mount namespace are served.
    pub other_mount_namespaces: bool,
    /// Whether a session may have a pid namespace of its own.
    pub pid_namespaces: bool,
    /// Policies that are not.
    pub refused: Vec<RefusedPolicy>,
    /// Something that may be a deny is not readable or not there.
    pub unreadable_deny: bool,
    /// Named and not there.
    pub missing: Vec<Digest>,
    /// How many of those, which come first, are policies.
    missing_policies: usize,
}

impl Default for InForce {
    /// Nothing: everything is refused.
    fn default() -> Self {
        Self {
            policies: Arc::new(Policies::compile(Vec::new())),
            autonomous: Vec::new(),
            autonomous_enabled: false,
            other_mount_namespaces: false,
            pid_namespaces: false,
            refused: Vec::new(),
            unreadable_deny: false,
            missing: Vec::new(),
            missing_policies: 0,
        }
    }
}

impl InForce {
    pub(super) fn of(manifest: &Manifest, shared: &BTreeMap<Digest, Shared>) -> Self {
        let mut found = Self::default();
        let mut policies = Vec::with_capacity(manifest.policies.len());
        for entry in &manifest.policies {
            match shared.get(&entry.digest) {
                Some(Shared::Policy(document)) => policies.extend(found.accept(entry, document)),
                Some(Shared::UnreadablePolicy { reason, version, may_deny }) => {
                    found.unreadable_deny |= may_deny;
                    found.refuse(&entry.id, *version, None, "policy", reason.clone());
                }
                Some(_) => {
                    found.unreadable_deny = true;
                    found.refuse(&entry.id, None, None, "policy", "the document is of another kind".to_owned());
                }
                None => {
                    found.unreadable_deny = true;
                    found.missing.push(entry.digest);
                }
            }
        }
        found.pid_namespaces = policies.iter().any(|document| wants_pid_namespace(&document.policy));
        found.policies = Arc::new(Policies::compile(policies));
        found.missing_policies = found.missing.len();
        for entry in &manifest.autonomous {
            match shared.get(&entry.digest) {
                Some(Shared::Autonomous(document)) if document.id == entry.id => found.autonomous.push(Arc::clone(document)),
                Some(_) => {}
                None => found.missing.push(entry.digest),
            }
        }
        match shared.get(&manifest.settings) {
            Some(Shared::Settings(settings)) => {
                found.autonomous_enabled = settings.autonomous;
                found.other_mount_namespaces = settings.other_mount_namespaces;
            }
            Some(_) => {}
            None => found.missing.push(manifest.settings),
        }
        found
    }

    fn accept(&mut self, entry: &ManifestEntry<PolicyId>, document: &Arc<PolicyDocument>) -> Option<Arc<PolicyDocument>> {
        let wrong = if document.id == entry.id {
            unsupported(document).into_iter().chain(validate(&document.policy)).chain(unsound_lists(&document.lists)).next()
        } else {
            Some(PolicyError { field: "id".to_owned(), reason: "the manifest names another policy".to_owned() })
        };
        let Some(error) = wrong else { return Some(Arc::clone(document)) };
        self.unreadable_deny |= document.policy.mode == Mode::Deny || document.id != entry.id;
        self.refuse(&entry.id, Some(document.version), Some(&document.policy.name), &error.field, error.reason);
        None
    }

    /// A document came; true where this now adds up to something else: it was missing, and no policy is missing any more.
    pub(super) fn arrived(&mut self, digest: &Digest) -> bool {
        let Some(place) = self.missing.iter().position(|missing| missing == digest) else { return false };
        self.missing.remove(place);
        if place < self.missing_policies {
            self.missing_policies = self.missing_policies.saturating_sub(1);
        }
        self.missing_policies == 0
    }

    /// Whether a policy that the manifest names has not come yet.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.missing_policies > 0
    }

    fn refuse(&mut self, id: &PolicyId, version: Option<u64>, name: Option<&String>, field: &str, reason: String) {
        let refused = RefusedPolicy { id: id.clone(), version, name: name.cloned(), field: field.to_owned(), reason };
        self.refused.push(refused);
    }

    /// The policy of this id, where in force.
    #[must_use]
    pub fn policy(&self, id: &PolicyId) -> Option<&Arc<PolicyDocument>> {
        self.policies.find(id)
    }
}
