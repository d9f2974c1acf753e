//! A request: exactly what would run, for whom, why and for how long, and the digest that binds an approval to it (DESIGN section 7).

use crate::application::Facts;
use crate::digest::{Digest, Fields};
use crate::id::{AutonomousId, ComputerId, PolicyId, RequestId};
use crate::policy::{Binds, Elevation, RequestTerms};
use crate::text::OsText;
use crate::time::{Length, Timestamp};
use crate::user::User;
use serde::{Deserialize, Serialize};

/// One version of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PolicyRef {
    /// The policy.
    pub id: PolicyId,
    /// Its version, from 1.
    pub version: u64,
    /// Its name in that version, for people.
    pub name: String,
}

/// One version of one autonomous rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutonomousRef {
    /// The rule.
    pub id: AutonomousId,
    /// Its version, from 1.
    pub version: u64,
    /// Its name in that version, for people.
    pub name: String,
}

/// What would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Facts of the application.
    pub application: Facts,
    /// Every argument, the program's name first.
    pub arguments: Vec<OsText>,
    /// Working directory.
    pub directory: OsText,
    /// As whom.
    pub target: User,
    /// Environment variables passed on from the caller, sorted by name.
    pub kept_environment: Vec<(OsText, OsText)>,
}

/// A request as the broker records it and the approver sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Made by the broker.
    pub id: RequestId,
    /// `Request::digest` of everything else here that an approval binds.
    pub digest: Digest,
    /// Where it would run.
    pub computer: ComputerId,
    /// Who asked.
    pub user: User,
    /// What would run.
    pub command: Command,
    /// With which rights.
    pub elevation: Elevation,
    /// The policy that let them ask.
    pub policy: PolicyRef,
    /// The terms of that policy when it was asked.
    pub terms: RequestTerms,
    /// Why, in the user's words.
    pub reason: String,
    /// Number in the ticket system, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How long was asked for.
    pub duration: Length,
    /// When it was asked, by the computer's clock.
    pub created: Timestamp,
    /// When it lapses undecided.
    pub lapses: Timestamp,
}

impl Request {
    /// The digest over what an approval binds: computer, id, user, target user, application facts, arguments, directory,
    /// kept environment, elevation settings, policy id and version. With `binds = "application"`, arguments and directory
    /// are left open. The caller's parent application is not part of it: it does not change what runs.
    ///
    /// # Errors
    /// When a part has no JSON form.
    pub fn compute_digest(&self) -> Result<Digest, serde_json::Error> {
        let application = &self.command.application;
        let fields = Fields::new("brevet request 1")
            .text(self.computer.as_str())
            .text(self.id.as_str())
            .number(u64::from(self.user.uid))
            .text(&self.user.name)
            .number(u64::from(self.command.target.uid))
            .text(&self.command.target.name)
            .bytes(application.path.as_bytes())
            .bytes(application.sha256.as_bytes())
            .json(&application.package)?
            .json(&application.interpreter)?
            .json(&self.terms.binds)?;
        let fields = match self.terms.binds {
            Binds::Command => {
                let fields = fields.number(u64::try_from(self.command.arguments.len()).unwrap_or(u64::MAX));
                self.command.arguments.iter().fold(fields, |f, a| f.bytes(a.as_bytes())).bytes(self.command.directory.as_bytes())
            }
            Binds::Application => fields,
        };
        Ok(fields
            .json(&self.command.kept_environment)?
            .json(&self.elevation)?
            .text(self.policy.id.as_str())
            .number(self.policy.version)
            .finish())
    }

    /// Whether the stored digest is that of the content.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.compute_digest().is_ok_and(|d| d == self.digest)
    }
}

/// Where a request stands (DESIGN section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Waits for a decision.
    Pending,
    /// A person approved.
    Approved,
    /// A rule approved.
    AutoApproved,
    /// A person declined.
    Declined,
    /// The requester took it back.
    Withdrawn,
    /// Nobody decided in time.
    Lapsed,
}

impl RequestState {
    /// Whether a transition from here to `next` exists: every end is reached from `pending` alone, and is final.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(self, Self::Pending) && !matches!(next, Self::Pending)
    }
}
