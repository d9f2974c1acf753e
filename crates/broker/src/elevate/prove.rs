//! The account check on every path, and authentication where it is wanted: bounded tries, then a delay.

use std::os::fd::AsFd as _;

use brevet_api::broker::Tell;
use brevet_core::policy::Authentication;
use brevet_core::record::{AuthenticationFailed, Body};
use brevet_core::request::PolicyRef;
use brevet_core::time::Length;
use brevet_sys::fdpass::{self, Kind};

use super::{Attempt, Refusal};
use crate::authn;
use crate::proof::{Proved, TRIES};
use crate::spec::{self, AttemptMode, Verdict};

/// How long one attempt may take, typing included.
const ATTEMPT_MS: u64 = 120_000;
const ACCOUNT_MS: u64 = 15_000;

impl Attempt<'_> {
    /// Whether the requester's account may be used at all: expired or locked ones may not.
    pub(super) fn check_account(&self) -> Result<(), Refusal> {
        let uid = self.account.user.uid;
        let proofs = &self.broker.proofs;
        if proofs.account_is_known(uid) {
            return Ok(());
        }
        let stamps = proofs.stamps();
        match authn::attempt(&self.broker.launcher, &self.question(AttemptMode::AccountOnly, ACCOUNT_MS), None) {
            Verdict::Ok {} => {
                proofs.account_is_usable(uid, stamps);
                Ok(())
            }
            Verdict::Failed { reason }
            | Verdict::AccountExpired { reason }
            | Verdict::Locked { reason }
            | Verdict::MustChangePassword { reason }
            | Verdict::Error { reason } => Err(Refusal::new("account", format!("your account may not be used: {reason}"))),
        }
    }

    /// The requester proves who they are, unless they just did.
    pub(super) fn prove(&mut self, wanted: Authentication, remember: Option<Length>, policy: &PolicyRef) -> Result<(), Refusal> {
        match wanted {
            Authentication::None => return Ok(()),
            Authentication::Password if self.proved => return Ok(()),
            Authentication::Password => {}
        }
        let uid = self.account.user.uid;
        let session = self.connection.peer.terminal_session().map_err(|error| Refusal::new("peer", crate::chain(&error)))?;
        let proved = Proved { uid, session, policy: policy.id.clone() };
        if self.broker.proofs.is_remembered(&proved) {
            return Ok(());
        }
        let not = |reason: String| Refusal::new("not_authenticated", reason).under(policy).about(&self.examined.facts);
        if !self.run.interactive {
            return Err(not("a password is needed and nobody can be asked".to_owned()).hint("run it from a terminal"));
        }
        let delay = self.broker.proofs.delay(uid);
        if delay > 0 {
            let seconds = delay.div_ceil(1000);
            return Err(not("too many wrong passwords".to_owned()).hint(format!("try again in {seconds} s")));
        }
        let mut last = String::new();
        for left in (1..=TRIES).rev() {
            match self.attempt_once(left)? {
                Verdict::Ok {} => {
                    self.broker.proofs.succeeded(uid);
                    self.broker.proofs.remember(proved, remember.map_or(0, Length::millis));
                    self.proved = true;
                    return Ok(());
                }
                Verdict::Failed { reason } => last = reason,
                Verdict::AccountExpired { reason }
                | Verdict::Locked { reason }
                | Verdict::MustChangePassword { reason }
                | Verdict::Error { reason } => {
                    self.record_failure(TRIES.saturating_sub(left).saturating_add(1), &reason)?;
                    return Err(not(reason));
                }
            }
        }
        self.broker.proofs.failed(uid);
        self.record_failure(TRIES, &last)?;
        Err(not("the password was wrong three times".to_owned()))
    }

    /// One attempt: the password goes from the client straight to the authn role.
    fn attempt_once(&self, attempts_left: u32) -> Result<Verdict, Refusal> {
        let (theirs, ours) = fdpass::pair(Kind::Stream).map_err(|error| Refusal::new("system", crate::chain(&error)))?;
        self.connection.tell_with(&Tell::Authenticate { attempts_left }, &[theirs.as_fd()])?;
        drop(theirs);
        Ok(authn::attempt(&self.broker.launcher, &self.question(AttemptMode::Authenticate, ATTEMPT_MS), Some(ours)))
    }

    fn question(&self, mode: AttemptMode, timeout_ms: u64) -> spec::Attempt {
        spec::Attempt {
            service: self.broker.config.pam_service.clone(),
            user: self.account.user.name.clone(),
            requester: self.account.user.name.clone(),
            terminal: None,
            mode,
            timeout_ms,
        }
    }

    fn record_failure(&self, attempts: u32, reason: &str) -> Result<(), Refusal> {
        let user = self.account.member.user.clone();
        let failed = AuthenticationFailed { user, attempts, reason: reason.to_owned() };
        Ok(self.broker.ledger().commit(&[Body::AuthenticationFailed(failed)])?)
    }
}
