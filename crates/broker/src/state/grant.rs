//! One grant as the records tell it: `issued ─► active ─► expired | revoked | finished`, `issued ─► revoked | unused`.

use brevet_core::decide::GrantView;
use brevet_core::document::{EndReason, GrantDocument};
use brevet_core::id::{GrantId, RequestId};
use brevet_core::policy::{Authentication, Binds, Elevation, Starts, Uses};
use brevet_core::record::{GrantActivated, GrantEnded, LocalGrant, Origin};
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
    /// How often it can be used.
    pub uses: Uses,
    /// From when its duration counts.
    pub starts: Starts,
    /// How long it gives.
    pub duration: Length,
    /// When it was approved, with the boot clock of its receipt.
    pub issued: Now,
    /// First use at the latest.
    pub use_before: Timestamp,
    /// No use and no process afterwards; a local grant has none.
    pub not_after: Option<Timestamp>,
    /// What made it, if the broker did.
    pub origin: Option<Origin>,
    /// The server's version of it; 0 for a local one.
    pub version: u64,
    /// Names of who approved.
    pub by: Vec<String>,
    /// What they wrote.
    pub comments: Vec<String>,
    /// Why, in the user's words.
    pub reason: Option<String>,
    /// Its first use.
    pub activated: Option<GrantActivated>,
    /// How many sessions it started.
    pub launches: u32,
    /// Its end.
    pub ended: Option<GrantEnded>,
    /// When that was.
    pub closed: Option<Timestamp>,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not used yet.
    Issued,
    /// Used.
    Active,
    /// Over.
    Ended(EndReason),
}

impl GrantEntry {
    /// A grant of the broker's own.
    pub(super) fn local(grant: &LocalGrant, now: Now) -> Self {
        Self {
            id: grant.id.clone(),
            user: grant.user.clone(),
            policy: grant.policy.clone(),
            request: grant.request.clone(),
            command: grant.command.clone(),
            elevation: grant.elevation.clone(),
            binds: grant.binds,
            uses: grant.uses,
            starts: Starts::FirstUse,
            duration: grant.duration,
            issued: now,
            use_before: grant.use_before,
            not_after: None,
            origin: Some(grant.origin),
            version: 0,
            by: Vec::new(),
            comments: Vec::new(),
            reason: grant.reason.clone(),
            activated: None,
            launches: 0,
            ended: None,
            closed: None,
        }
    }

    /// The server's answer to a request.
    pub(super) fn received(document: &GrantDocument, request: &Request, now: Now) -> Self {
        let binds = if document.command_only { Binds::Command } else { request.terms.binds };
        Self {
            id: document.grant.clone(),
            user: request.user.clone(),
            policy: request.policy.clone(),
            request: Some(request.id.clone()),
            command: request.command.clone(),
            elevation: request.elevation.clone(),
            binds,
            uses: document.uses,
            starts: document.starts,
            duration: document.duration,
            issued: Now { wall: document.time, boot: now.boot },
            use_before: document.use_before,
            not_after: Some(document.not_after),
            origin: None,
            version: document.version,
            by: document.approvals.iter().map(|approval| approval.name.clone()).collect(),
            comments: document.approvals.iter().map(|approval| approval.comment.clone()).filter(|text| !text.is_empty()).collect(),
            reason: Some(request.reason.clone()),
            activated: None,
            launches: 0,
            ended: None,
            closed: None,
        }
    }

    /// A higher version replaces how long it gives; who and what never change.
    pub(super) fn extend(&mut self, document: &GrantDocument) {
        if document.version > self.version && self.ended.is_none() {
            self.version = document.version;
            self.duration = document.duration;
            self.use_before = document.use_before;
            self.not_after = Some(document.not_after);
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match (&self.ended, &self.activated) {
            (Some(ended), _) => Stage::Ended(ended.reason),
            (None, Some(_)) => Stage::Active,
            (None, None) => Stage::Issued,
        }
    }

    /// Milliseconds left if used now; 0 once over.
    #[must_use]
    pub fn remaining_millis(&self, now: &Now) -> u64 {
        let whole = self.activated.as_ref().filter(|_| self.origin.is_some()).map_or(self.duration.millis(), |a| a.lasts_millis);
        let own = match (&self.ended, self.starts, &self.activated) {
            (Some(_), ..) => 0,
            (None, Starts::Approval, None) | (None, Starts::FirstUse, None) if now.wall >= self.use_before => 0,
            (None, Starts::Approval, _) => whole.saturating_sub(now.millis_since(&self.issued)),
            (None, Starts::FirstUse, Some(activated)) => whole.saturating_sub(now.millis_since(&activated.at)),
            (None, Starts::FirstUse, None) => whole,
        };
        self.not_after.map_or(own, |end| own.min(end.millis_since(now.wall)))
    }

    /// Whether a new launch may run under it: one that was approved, still has time, and a use left.
    #[must_use]
    pub fn usable(&self, now: &Now) -> bool {
        let approved = matches!(self.origin, None | Some(Origin::Autonomous));
        let unused = self.uses == Uses::Many || self.launches == 0;
        approved && unused && self.remaining_millis(now) > 0
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
            remaining_millis: self.remaining_millis(now),
        }
    }
}
