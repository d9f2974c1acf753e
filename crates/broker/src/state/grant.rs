//! One grant as the records tell it: who, what and by whom. Where it stands and what time it has left is `brevet_core::grant`'s.

use brevet_core::decide::GrantView;
use brevet_core::document::{EndReason, GrantDocument};
use brevet_core::grant::{Applied, GrantLife, GrantTerms, Step};
use brevet_core::id::{GrantId, RequestId};
use brevet_core::policy::{Authentication, Binds, Elevation, Starts, Uses};
use brevet_core::record::{GrantEnded, LocalGrant, Origin};
use brevet_core::request::{Command, PolicyRef, Request};
use brevet_core::time::{Length, Now, Timestamp};
use brevet_core::user::User;
use serde::{Deserialize, Serialize};

/// A grant, the server's or the broker's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantEntry {
    /// Which.
    pub id: GrantId,
    /// Who has it.
    pub user: User,
    /// Under which policy.
    pub policy: PolicyRef,
    /// The request that it answers, if one.
    pub request: Option<RequestId>,
    /// What it is for.
    pub command: Command,
    /// With which rights.
    pub elevation: Elevation,
    /// What it covers.
    pub binds: Binds,
    /// What made it, if the broker did.
    pub origin: Option<Origin>,
    /// Where it stands and what it still gives.
    pub life: GrantLife,
    /// Its end.
    pub ended: Option<GrantEnded>,
    /// When that was.
    pub closed: Option<Timestamp>,
    /// Number of the record that said so.
    #[serde(default)]
    pub closed_by: Option<u64>,
}

impl GrantEntry {
    /// A grant of the broker's own.
    pub(super) fn local(grant: &LocalGrant, now: &Now) -> Self {
        let terms = GrantTerms {
            duration: grant.duration,
            starts: Starts::FirstUse,
            uses: grant.uses,
            use_before: grant.use_before,
            not_after: None,
        };
        Self {
            id: grant.id.clone(),
            user: grant.user.clone(),
            policy: grant.policy.clone(),
            request: grant.request.clone(),
            command: grant.command.clone(),
            elevation: grant.elevation.clone(),
            binds: grant.binds,
            origin: Some(grant.origin),
            life: GrantLife::new(0, terms, now),
            ended: None,
            closed: None,
            closed_by: None,
        }
    }

    /// The server's answer to a request. Approved when it was signed, by the boot clock when it came.
    pub(super) fn received(document: &GrantDocument, request: &Request, now: &Now) -> Self {
        let issued = Now { wall: document.time, boot: now.boot.clone() };
        Self {
            id: document.grant.clone(),
            user: request.user.clone(),
            policy: request.policy.clone(),
            request: Some(request.id.clone()),
            command: request.command.clone(),
            elevation: request.elevation.clone(),
            binds: if document.command_only { Binds::Command } else { request.terms.binds },
            origin: None,
            life: GrantLife::new(document.version, terms_of(document), &issued),
            ended: None,
            closed: None,
            closed_by: None,
        }
    }

    /// A higher version replaces how long it gives; who and what never change.
    pub(super) fn extend(&mut self, document: &GrantDocument, now: &Now) {
        let extended = Step::Extended { version: document.version, terms: terms_of(document) };
        // One that has ended stays so.
        let _applied = self.life.apply(extended, now);
    }

    pub(super) fn end(&mut self, ended: &GrantEnded, now: &Now, seq: u64) {
        let applied = self.life.apply(Step::Ended(ended.reason), now);
        // WHY: what a record calls the end is one, even by a name that does not fit where it stood; every open grant may be revoked.
        let applied = applied.or_else(|_| self.life.apply(Step::Ended(EndReason::Revoked), now));
        if applied == Ok(Applied::Changed) {
            self.ended = Some(ended.clone());
            self.closed = Some(now.wall);
            self.closed_by = Some(seq);
        }
    }

    /// Whether it has not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !self.life.state().is_over()
    }

    /// Whether it is over with its one session.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.origin, Some(Origin::Automatic | Origin::Justify)) || self.life.terms().uses == Uses::Once
    }

    /// Whether a new launch may run under it: one that was approved, still has time, and a use left.
    #[must_use]
    pub fn usable(&self, now: &Now) -> bool {
        matches!(self.origin, None | Some(Origin::Autonomous)) && self.life.may_launch(now).is_ok()
    }

    /// As the decision sees it. `authentication` and `remember` are the policy's.
    #[must_use]
    pub fn view(&self, now: &Now, authentication: Authentication, remember: Option<Length>) -> GrantView {
        GrantView {
            id: self.id.clone(),
            policy: self.policy.clone(),
            user: self.user.clone(),
            target: self.command.target.clone(),
            facts: self.command.application.clone(),
            arguments: self.command.arguments.iter().skip(1).cloned().collect(),
            directory: self.command.directory.clone(),
            binds: self.binds,
            elevation: self.elevation.clone(),
            authentication,
            remember,
            remaining_millis: self.life.remaining_millis(now),
        }
    }
}

const fn terms_of(document: &GrantDocument) -> GrantTerms {
    GrantTerms {
        duration: document.duration,
        starts: document.starts,
        uses: document.uses,
        use_before: document.use_before,
        not_after: Some(document.not_after),
    }
}
