//! The decision (DESIGN section 5): `decide(policies, grants, launch, standing) -> Decision`, pure and total.
//!
//! Anything that does not clearly allow is a refusal with a reason.

mod compiled;
mod covers;
mod evaluate;
mod fit;
mod index;
mod rights;
mod unsupported;
mod validity;
mod whom;

pub use compiled::Policies;
pub use covers::covers;
pub use evaluate::{decide, explain, names_user};
pub(crate) use fit::fresh;
pub use unsupported::{FEATURES, unenforceable, unenforceable_rules, unknown_features, unsupported, unsupported_autonomous};
pub use validity::{Holds, holds};
pub(crate) use validity::{Recurring, day_start, find_zone, opens, recurring_holds};

use serde::Serialize;

use crate::application::Facts;
use crate::document::PolicyDocument;
use crate::id::GrantId;
use crate::policy::{Authentication, Binds, Elevation, FixedFrom, Mode, Policy, RequestTerms, Validity};
use crate::request::PolicyRef;
use crate::text::OsText;
use crate::time::{Length, Timestamp};
use crate::user::{Member, User};

/// What somebody wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Who, with their groups.
    pub member: Member,
    /// What.
    pub facts: Facts,
    /// Arguments after the program's name.
    pub arguments: Vec<OsText>,
    /// Working directory.
    pub directory: OsText,
    /// As whom, when they said so (`--as`).
    pub target_user: Option<String>,
}

/// A policy that this computer holds, with what the broker knows of it for this user.
#[derive(Debug, Clone)]
pub struct Held<'a> {
    /// The document.
    pub document: &'a PolicyDocument,
    /// Where its fixed validity stands; meaningless for other kinds of validity.
    pub fixed: Fixed,
}

/// Where a fixed validity stands for this computer (and user).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    /// Not used yet, with `from = "first_use"`: the whole duration is left.
    NotStarted,
    /// Milliseconds that have passed since it started, by the larger of both clocks.
    Started {
        /// So many.
        elapsed_millis: u64,
    },
}

impl Fixed {
    /// As on a computer that has just got the policy.
    #[must_use]
    pub const fn just_delivered(policy: &Policy) -> Self {
        match policy.validity {
            Validity::Fixed { from: FixedFrom::Delivery, .. } => Self::Started { elapsed_millis: 0 },
            Validity::Fixed { from: FixedFrom::FirstUse, .. } | Validity::Always | Validity::Window { .. } | Validity::Recurring { .. } => {
                Self::NotStarted
            }
        }
    }
}

/// An approved or autonomous grant that is issued or active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantView {
    /// Which.
    pub id: GrantId,
    /// Its policy, in the version under which it was approved.
    pub policy: PolicyRef,
    /// Who has it.
    pub user: User,
    /// As whom it runs.
    pub target: User,
    /// The application that was approved.
    pub facts: Facts,
    /// The arguments that were approved, after the program's name.
    pub arguments: Vec<OsText>,
    /// The directory that was approved.
    pub directory: OsText,
    /// What it covers.
    pub binds: Binds,
    /// With which rights.
    pub elevation: Elevation,
    /// The policy's authentication in that version.
    pub authentication: Authentication,
    /// And for how long a proof is remembered.
    pub remember: Option<Length>,
    /// Milliseconds left if used now.
    pub remaining_millis: u64,
}

/// What the broker knows of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Wall time, never below the persisted high-water mark.
    pub wall: Timestamp,
    /// Milliseconds since the last good heartbeat, by the larger of both clocks; `None` when there was none.
    pub heartbeat_age_millis: Option<u64>,
    /// A policy that may be a deny could not be read: everything is refused.
    pub unreadable_deny: bool,
}

/// A deny that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// What is said of it.
    pub refusal: Refusal,
    /// Whether it names the user for certain; otherwise their groups are in doubt.
    pub certain: bool,
}

/// What shall happen. There is no way to elevate but `Elevate`.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing runs.
    Refuse(Refusal),
    /// Runs at once, after authentication and reason where wanted.
    Elevate(Box<Elevate>),
    /// May be asked for.
    Ask(Box<Ask>),
}

/// Why not, and whom to turn to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// A stable code: `denied`, `no_policy`, `stale`, `outside_hours`, `expired`, `target_user`, `unreadable_policy`, `account`.
    pub code: &'static str,
    /// In words.
    pub reason: String,
    /// The policy that refused, or the nearest that would have matched.
    pub policy: Option<PolicyRef>,
    /// That policy's `message`, where it names this user.
    pub message: Option<String>,
}

/// Runs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elevate {
    /// Under which policy.
    pub policy: PolicyRef,
    /// What allows it.
    pub by: By,
    /// With which rights.
    pub elevation: Elevation,
    /// Name of the target user.
    pub target_user: String,
    /// Whether the user proves who they are first.
    pub authentication: Authentication,
    /// For how long a proof is remembered.
    pub remember: Option<Length>,
    /// The longest it may run, in milliseconds: the policy's maximum, its validity, its grant.
    pub longest_millis: u64,
    /// The policy's staleness, which goes on bounding it.
    pub staleness: Length,
    /// Whether a fixed validity from first use starts now.
    pub starts_validity: bool,
}

/// What allows an elevation at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// An approved or autonomous grant.
    Grant(GrantId),
    /// Mode `automatic`.
    Automatic,
    /// Mode `justify`: a reason is needed first.
    Justify,
}

/// May be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Under which policy.
    pub policy: PolicyRef,
    /// Its terms.
    pub terms: RequestTerms,
    /// Its message.
    pub message: String,
    /// With which rights it would run.
    pub elevation: Elevation,
    /// Name of the target user.
    pub target_user: String,
    /// Whether the user proves who they are first.
    pub authentication: Authentication,
    /// For how long a proof is remembered.
    pub remember: Option<Length>,
    /// The policy's staleness.
    pub staleness: Length,
    /// The longest duration that can be asked for now, in milliseconds.
    pub longest_millis: u64,
}

/// Why one policy did or did not match, for `explain` and `policy test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Which.
    pub policy: PolicyRef,
    /// Its mode.
    pub mode: Mode,
    /// Whether it matched.
    pub matched: bool,
    /// Why not, or by which rule.
    pub because: String,
    /// How near it came: 0 where it is for other applications or other people, the more the nearer.
    #[serde(skip)]
    pub nearness: u32,
}
