//! The server's log of events as a tree that only grows (DESIGN section 9): each event is a record of a header and a text, its leaf the
//! record's hash, as in a computer's journal. A text can be redacted, and every root stays what it was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Fields};
use crate::document::{Key, PublicKey};
use crate::id::InstanceId;
use crate::journal::Record;
use crate::merkle;
use crate::time::Timestamp;

/// What of an event is never taken away, in the order in which it is hashed. Absent is not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the API's event")]
pub struct Header {
    pub id: String,
    pub time: Timestamp,
    pub recorded: Timestamp,
    pub kind: String,
    pub schema: i64,
    pub actor_kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    pub actor_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_seq: Option<i64>,
}

/// The text of an event: its line in words and its body, byte for byte.
///
/// # Errors
/// When the line has no JSON form.
pub fn text(summary: &str, body: &str) -> Result<String, serde_json::Error> {
    Ok(format!("{{\"summary\":{},\"body\":{body}}}", serde_json::to_string(summary)?))
}

/// The hash by which an event stands in the tree.
#[must_use]
pub fn leaf(record: &Record) -> Digest {
    merkle::leaf(record.hash().as_bytes())
}

/// What the log was at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Whose log.
    pub instance: InstanceId,
    /// Rises with each restore from a backup; what was after that backup is not in the log any more.
    pub epoch: u64,
    /// How many events.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// When it was signed.
    pub time: Timestamp,
}

/// The server's word on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// base64 of the signature.
    pub signature: String,
}

impl SignedCheckpoint {
    fn message(it: &Checkpoint) -> [u8; 32] {
        let fields = Fields::new("brevet event log checkpoint 1").text(it.instance.as_str()).number(it.epoch).number(it.size);
        let time = u64::try_from(it.time.millis()).unwrap_or(0);
        *fields.bytes(it.root.as_bytes()).number(time).finish().as_bytes()
    }

    /// Signs it.
    #[must_use]
    pub fn sign(checkpoint: Checkpoint, key: &Key) -> Self {
        let signature = STANDARD.encode(key.sign(&Self::message(&checkpoint)));
        Self { checkpoint, signature }
    }

    /// Whether the signature is that key's.
    #[must_use]
    pub fn verifies(&self, key: &PublicKey) -> bool {
        STANDARD.decode(&self.signature).is_ok_and(|signature| key.verifies(&Self::message(&self.checkpoint), &signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            instance: InstanceId::new(1, [3; 10]),
            epoch: 1,
            size: 7,
            root: Digest::of(b"root"),
            time: Timestamp::from_millis(1_790_000_000_000),
        }
    }

    #[test]
    fn a_checkpoint_is_signed_in_every_part() {
        let key = Key::from_seed(&[7; 32]);
        let signed = SignedCheckpoint::sign(checkpoint(), &key);
        assert!(signed.verifies(&key.public()) && !signed.verifies(&Key::from_seed(&[8; 32]).public()));
        let changes: [fn(&mut Checkpoint); 5] = [
            |it| it.instance = InstanceId::new(2, [3; 10]),
            |it| it.epoch = 2,
            |it| it.size = 8,
            |it| it.root = Digest::of(b"other"),
            |it| it.time = Timestamp::from_millis(1_790_000_000_001),
        ];
        for change in changes {
            let mut other = signed.clone();
            change(&mut other.checkpoint);
            assert!(!other.verifies(&key.public()), "{other:?}");
        }
    }

    #[test]
    fn a_text_that_is_redacted_leaves_the_leaf_as_it_was() {
        let text = text("he said \"so\"", "{\"a\": 1}").unwrap();
        assert_eq!(text, "{\"summary\":\"he said \\\"so\\\"\",\"body\":{\"a\": 1}}");
        let whole = Record::of("{}".into(), &[9; 32], text);
        let redacted = Record { salt: None, body: None, ..whole.clone() };
        assert!(whole.body_is_intact() && redacted.body_is_intact());
        assert_eq!(leaf(&whole), leaf(&redacted));
        let other = Record::of("{}".into(), &[9; 32], "{}".into());
        assert_ne!(leaf(&whole), leaf(&other));
    }
}
