//! Identifiers: a kind's prefix and 26 characters, sorting by the time at which they were made.
//!
//! An id is opaque: nothing is ever looked up by part of it, and it never becomes a path component unchecked
//! (its alphabet has no separator).

use serde::{Deserialize, Serialize};
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected {prefix}_ and 26 characters of 0-9a-z")]
pub struct IdError {
    kind: &'static str,
    prefix: &'static str,
}

/// 26 characters for 48 bits of milliseconds and 80 random bits, most significant first (the ULID layout).
fn encode(millis: i64, random: [u8; 10]) -> String {
    let mut value: u128 = u128::from(millis.unsigned_abs() & 0xFFFF_FFFF_FFFF);
    for byte in random {
        value = (value << 8) | u128::from(byte);
    }
    (0..26)
        .rev()
        .filter_map(|i| ALPHABET.get(usize::try_from((value >> (5 * i)) & 31).unwrap_or(0)))
        .map(|byte| char::from(*byte))
        .collect()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from the moment (Unix milliseconds) and 10 random bytes.
            #[must_use]
            pub fn new(millis: i64, random: [u8; 10]) -> Self {
                Self(format!("{}_{}", $prefix, encode(millis, random)))
            }

            /// # Errors
            /// When the text is not `PREFIX_` and 26 characters of the alphabet.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let body = text.strip_prefix(concat!($prefix, "_"));
                match body {
                    Some(body) if body.len() == 26 && body.bytes().all(|b| ALPHABET.contains(&b)) => Ok(Self(text.to_owned())),
                    _ => Err(IdError { kind: $kind, prefix: $prefix }),
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }
        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// One installation of the server with its database and keys.
    InstanceId, "ins", "instance";
    /// An enrolled computer.
    ComputerId, "cmp", "computer";
    /// A computer group or user group.
    GroupId, "grp", "group";
    /// An application list.
    ListId, "lst", "list";
    /// A policy.
    PolicyId, "pol", "policy";
    /// An autonomous-approval rule.
    AutonomousId, "aut", "autonomous rule";
    /// A request.
    RequestId, "req", "request";
    /// A grant, issued by the server or made by the broker.
    GrantId, "gra", "grant";
    /// A session.
    SessionId, "ses", "session";
    /// An event of the audit log.
    EventId, "evt", "event";
    /// Somebody who signs in to the console.
    PersonId, "per", "person";
    /// A browser in which somebody is signed in to the console.
    SignInId, "sgn", "sign-in";
    /// A passkey.
    PasskeyId, "pky", "passkey";
    /// An API token.
    TokenId, "tok", "token";
    /// An enrolment token.
    EnrolmentTokenId, "enr", "enrolment token";
    /// Where notifications go.
    TargetId, "ntt", "notification target";
    /// One notification to one target.
    DeliveryId, "ntf", "notification";
    /// A legal hold.
    HoldId, "hld", "hold";
    /// A saved view of the audit log.
    ViewId, "viw", "saved view";
    /// A change that waits for a second person.
    ProposalId, "prp", "proposal";
    /// Access that was opened without approval.
    BreakGlassId, "brk", "break-glass";
    /// One life of a computer's journal; a new one begins when the old cannot be continued.
    Incarnation, "inc", "journal incarnation";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_sorts_by_time() {
        let early = RequestId::new(1_000, [255; 10]);
        let late = RequestId::new(1_001, [0; 10]);
        assert!(early < late);
        assert_eq!(RequestId::parse(early.as_str()).unwrap(), early);
        assert_eq!(early.as_str().len(), 4 + 26);
    }

    #[test]
    fn another_kinds_id_and_separators_are_refused() {
        let grant = GrantId::new(1, [1; 10]);
        assert!(RequestId::parse(grant.as_str()).is_err());
        assert!(RequestId::parse("req_../../../../../../etc/passwd").is_err());
        assert!(RequestId::parse("req_").is_err());
        assert!(RequestId::parse("req_0000000000000000000000000I").is_err());
    }
}
