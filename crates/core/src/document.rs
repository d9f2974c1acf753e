//! Signed documents (DESIGN section 3): DSSE envelopes with Ed25519, one payload type a kind.
//!
//! The bytes that were verified are the bytes that are parsed. Nothing here remembers what was seen; order and replay are the caller's.

mod content;
mod envelope;
mod keys;

pub use content::{
    Acknowledgement, Approval, AutonomousDocument, Decline, EndReason, GrantDocument, Heartbeat, Manifest, ManifestEntry, PolicyDocument,
    Revocation, SettingsDocument, Trust, TrustedKey,
};
pub use envelope::{Content, DocumentError, Envelope, Kind, Signature, digest_of, open, seal};
pub use keys::{Key, KeyId, KeyUse, PublicKey};

/// Largest document accepted, in bytes of its payload as the envelope has it (base64).
pub const MAX_DOCUMENT: usize = 1 << 20;
/// The same for a manifest, which names everything that concerns a computer: `MOST_NAMED` entries fit.
pub const MAX_MANIFEST: usize = 7 << 19;
/// How many policies and autonomous rules may concern one computer.
pub const MOST_NAMED: usize = 20_000;
/// The schema that this build writes, and the highest that it reads.
pub const SCHEMA: u32 = 1;
