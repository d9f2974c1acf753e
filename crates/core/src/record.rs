//! What the journal records: one body type a kind (DESIGN section 4 names the kinds).
//!
//! A record's kind is its header's; its body has no tag of its own.

use serde::{Deserialize, Serialize};

use crate::application::Facts;
use crate::autonomous::Condition;
use crate::digest::Digest;
use crate::document::{Decline, EndReason, GrantDocument, Kind, Revocation};
use crate::id::{GrantId, PolicyId, RequestId, SessionId};
use crate::policy::{Binds, Containment, Elevation, Uses};
use crate::request::{AutonomousRef, Command, PolicyRef, Request};
use crate::space::Space;
use crate::text::OsText;
use crate::time::{Length, Now, Timestamp};
use crate::user::User;

macro_rules! bodies {
    ($($(#[$doc:meta])* $variant:ident($content:ty) = $kind:literal,)*) => {
        /// The body of a record of a kind that this version knows.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($(#[$doc])* $variant($content),)*
        }

        impl Body {
            /// Every kind that this version knows.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// The header's `kind`.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// The body of a record; `None` for a kind that this version does not know.
            ///
            /// # Errors
            /// When the body is not what its kind says.
            pub fn parse(kind: &str, json: &str) -> Result<Option<Self>, serde_json::Error> {
                Ok(match kind {
                    $($kind => Some(Self::$variant(serde_json::from_str(json)?)),)*
                    _ => None,
                })
            }
        }
    };
}

bodies! {
    /// The broker began.
    BrokerStarted(BrokerStarted) = "broker.started",
    /// What the computer is: at each start of its broker, and when it changed.
    ComputerFacts(Box<ComputerFacts>) = "computer.facts",
    /// A torn last record was cut off.
    JournalRepaired(JournalRepaired) = "journal.repaired",
    /// A launch was refused.
    LaunchRefused(LaunchRefused) = "launch.refused",
    /// A user asked.
    RequestCreated(Box<Request>) = "request.created",
    /// A rule answered.
    RequestAutoApproved(AutoApproved) = "request.auto_approved",
    /// What a rule in shadow would have done.
    AutonomousShadowed(Shadowed) = "autonomous.shadowed",
    /// The requester took it back.
    RequestWithdrawn(RequestClosed) = "request.withdrawn",
    /// Nobody decided in time.
    RequestLapsed(RequestClosed) = "request.lapsed",
    /// The broker accepted a server's grant, or its extension (a higher version).
    GrantReceived(Box<GrantDocument>) = "grant.received",
    /// A server's decline of a request.
    DeclineReceived(Box<Decline>) = "decline.received",
    /// A server's revocation: its receipt is owed until everything that ran under the grant is gone.
    RevocationReceived(RevocationReceived) = "revocation.received",
    /// The broker made a grant of its own.
    GrantIssued(Box<LocalGrant>) = "grant.issued",
    /// First use: from now its end is fixed.
    GrantActivated(GrantActivated) = "grant.activated",
    /// A grant's end, whatever the reason; the kind in the audit log is `grant.` and the reason.
    GrantEnded(GrantEnded) = "grant.ended",
    /// About to start.
    SessionStarted(Box<SessionStarted>) = "session.started",
    /// Over, with everything that it promised to end.
    SessionEnded(SessionEnded) = "session.ended",
    /// A document took effect here: the receipt.
    DocumentConfirmed(DocumentConfirmed) = "document.confirmed",
    /// A document was not accepted.
    DocumentRefused(DocumentRefused) = "document.refused",
    /// A policy version is in force here.
    PolicyApplied(PolicyApplied) = "policy.applied",
    /// A policy version is not in force here.
    PolicyRefused(PolicyRefused) = "policy.refused",
    /// A fixed validity began.
    ValidityStarted(ValidityStarted) = "policy.validity_started",
    /// The wall clock moved against the boot clock.
    ClockJumped(ClockJumped) = "clock.jumped",
    /// Somebody failed to prove who they are.
    AuthenticationFailed(AuthenticationFailed) = "authentication.failed",
    /// The whole state after all records before, so that those can be trimmed.
    StateSnapshot(serde_json::Value) = "state.snapshot",
}

/// The schema of every body above, in this version.
pub const SCHEMA: u32 = 1;

/// The broker began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerStarted {
    /// Its version.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
    /// Whether the computer was booted since it last ran.
    pub rebooted: bool,
    /// Sessions found running and taken up again.
    pub sessions: Vec<SessionId>,
}

/// What the computer is, as its broker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputerFacts {
    /// The broker's version.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
    /// As the kernel names it, such as `x86_64`.
    pub architecture: String,
    /// The operating system, by os-release(5); absent fields are empty.
    pub os: OperatingSystem,
    /// What the broker can promise the end of a session to reach.
    pub containment: Vec<Containment>,
    /// How control groups are mounted: `unified`, or `hybrid` beside those of version 1.
    pub cgroup: String,
    /// Room where the journal is, where the file system says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<Space>,
    /// By how many milliseconds the computer's clock is ahead of the server's, by the last heartbeat that answered a nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_millis: Option<i64>,
}

/// An operating system, by os-release(5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `12`.
    pub version: String,
    /// `PRETTY_NAME`.
    pub name: String,
}

/// A torn last record was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRepaired {
    /// How many bytes did not form a whole record.
    pub bytes: u64,
}

/// A launch was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRefused {
    /// Who tried.
    pub user: User,
    /// What was typed, the program's name first.
    pub arguments: Vec<OsText>,
    /// Working directory, where known.
    pub directory: Option<OsText>,
    /// Facts, where the file could be opened.
    pub application: Option<Box<Facts>>,
    /// A stable code: `denied`, `no_policy`, `unknown_fact`, `not_authenticated`, `account`, `namespace`, `unsupported`, `declined`, ….
    pub code: String,
    /// In words.
    pub reason: String,
    /// The policy that refused, where one did.
    pub policy: Option<PolicyRef>,
}

/// A rule answered a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoApproved {
    /// Which request.
    pub request: RequestId,
    /// By which rule.
    pub rule: AutonomousRef,
    /// The value of each condition.
    pub conditions: Vec<Condition>,
    /// The grant that it made.
    pub grant: GrantId,
}

/// What a rule in shadow would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadowed {
    /// Which request.
    pub request: RequestId,
    /// Which rule.
    pub rule: AutonomousRef,
    /// The value of each condition.
    pub conditions: Vec<Condition>,
    /// Whether it would have approved.
    pub would_approve: bool,
}

/// A request ended on the computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestClosed {
    /// Which request.
    pub request: RequestId,
}

/// A revocation arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationReceived {
    /// `Envelope::digest`.
    pub digest: Digest,
    /// As signed.
    pub revocation: Box<Revocation>,
}

/// A grant of the broker's own making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalGrant {
    /// The grant.
    pub id: GrantId,
    /// Why it was made.
    pub origin: Origin,
    /// Who has it.
    pub user: User,
    /// Under which policy.
    pub policy: PolicyRef,
    /// The answered request, for `autonomous`.
    pub request: Option<RequestId>,
    /// What it is for.
    pub command: Command,
    /// With which rights.
    pub elevation: Elevation,
    /// What it covers.
    pub binds: Binds,
    /// How often it can be used.
    pub uses: Uses,
    /// For how long.
    pub duration: Length,
    /// First use at the latest at this moment.
    pub use_before: Timestamp,
    /// Why, in the user's words, where asked.
    pub reason: Option<String>,
    /// Ticket number, where given.
    pub ticket: Option<String>,
}

/// What made a local grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A policy with mode `automatic`.
    Automatic,
    /// A policy with mode `justify`.
    Justify,
    /// An autonomous rule.
    Autonomous,
}

/// First use of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantActivated {
    /// The grant.
    pub grant: GrantId,
    /// When, by both clocks.
    pub at: Now,
    /// When it ends by wall time.
    pub ends: Timestamp,
    /// How long that is.
    pub lasts_millis: u64,
}

/// A grant's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEnded {
    /// The grant.
    pub grant: GrantId,
    /// Why.
    pub reason: EndReason,
    /// In words: by whom, by which change.
    pub detail: String,
    /// Sessions that were running under it.
    pub sessions: Vec<SessionId>,
}

/// A session about to start. On disk before its program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionStarted {
    /// The session.
    pub session: SessionId,
    /// The grant that it runs under.
    pub grant: GrantId,
    /// Under which policy.
    pub policy: PolicyRef,
    /// Who.
    pub user: User,
    /// What.
    pub command: Command,
    /// What its end reaches.
    pub containment: Containment,
    /// Whether it has a terminal of its own.
    pub terminal: bool,
    /// Why, in the user's words, where asked.
    pub reason: Option<String>,
    /// Its hard end by wall time.
    pub ends: Timestamp,
}

/// A session's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// The session.
    pub session: SessionId,
    /// The grant that it ran under.
    pub grant: GrantId,
    /// How.
    pub outcome: Outcome,
    /// Processes that had to be ended.
    pub processes_ended: u32,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// Its program exited.
    Exited {
        /// 0 to 255.
        status: u8,
    },
    /// A signal killed its program.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Its program did not start: which step failed.
    NotStarted {
        /// In words.
        reason: String,
    },
    /// Its grant expired.
    Expired,
    /// Its grant was revoked.
    Revoked,
    /// Its user or task ended the grant.
    Finished,
    /// Nobody saw its end (a reboot, a killed supervisor).
    Lost,
}

/// A document took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentConfirmed {
    /// Its kind.
    pub document: Kind,
    /// `Envelope::digest`.
    pub digest: Digest,
    /// Its place in the computer's sequence, where it has one.
    pub seq: Option<u64>,
    /// The grant that it was about, where it was.
    pub grant: Option<GrantId>,
    /// The request that it was about, for a decline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// For a revocation: processes ended.
    pub processes_ended: Option<u32>,
}

/// A document was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRefused {
    /// Its payload type, as it claimed.
    pub document: String,
    /// A stable code: `signature`, `replayed`, `rolled_back`, `other_computer`, `gap`, `unreadable`, `unknown_request`, `request_closed`, `digest`.
    pub code: String,
    /// In words.
    pub reason: String,
    /// `Envelope::digest`, where it could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A policy version is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyApplied {
    /// Which.
    pub policy: PolicyRef,
}

/// A policy version cannot be enforced here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRefused {
    /// Which.
    pub policy: PolicyId,
    /// Its version, where readable.
    pub version: Option<u64>,
    /// The field, as in TOML.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// A fixed validity began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidityStarted {
    /// Of which policy.
    pub policy: PolicyId,
    /// For which user, with `from = "first_use"`.
    pub user: Option<u32>,
    /// `PolicyDocument::renewal` then: each renewal starts anew.
    #[serde(default)]
    pub renewal: u64,
    /// When, by both clocks.
    pub at: Now,
}

/// The wall clock moved against the boot clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockJumped {
    /// What it should have shown.
    pub expected: Timestamp,
    /// What it shows.
    pub found: Timestamp,
}

/// Somebody failed to prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationFailed {
    /// Who.
    pub user: User,
    /// Attempts made.
    pub attempts: u32,
    /// In words.
    pub reason: String,
}
