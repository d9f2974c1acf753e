//! Who has proved who they are, and whose account may be used: PAM by the authn role, remembered within bounds.
//!
//! A proof is remembered for one user, terminal session and policy; too many failures delay the next attempt.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use brevet_core::id::PolicyId;
use brevet_sys::clock;
use brevet_sys::peer::TerminalSession;

/// Attempts before the delay.
pub const TRIES: u32 = 3;
/// The first delay after too many failures; it doubles with each further one.
const DELAY_MS: u64 = 30_000;
const MOST_DELAY_MS: u64 = 3_600_000;
/// How long a positive account check is kept.
const ACCOUNT_MS: u64 = 60_000;
const MOST: usize = 10_000;

/// What a proof is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proved {
    /// Who.
    pub uid: u32,
    /// Where.
    pub session: TerminalSession,
    /// For which policy's rule.
    pub policy: PolicyId,
}

#[derive(Debug, Default)]
struct Lockout {
    until: u64,
    times: u32,
}

#[derive(Debug, Default)]
struct Inner {
    proofs: HashMap<Proved, u64>,
    lockouts: HashMap<u32, Lockout>,
    accounts: HashMap<u32, (u64, Vec<Option<FileStamp>>)>,
}

type FileStamp = (u64, u64, i64, i64);

/// Everything remembered; gone with the broker.
#[derive(Debug)]
pub struct Proofs {
    inner: Mutex<Inner>,
    watched: Vec<PathBuf>,
}

impl Proofs {
    /// `service` is the PAM service whose file decides about accounts.
    #[must_use]
    pub fn new(service: &str) -> Self {
        let pam = PathBuf::from("/etc/pam.d");
        let watched = ["/etc/passwd", "/etc/shadow", "/etc/group"].iter().map(PathBuf::from);
        let watched = watched.chain([pam.join(service), pam.join("common-account"), pam]).collect();
        Self { inner: Mutex::default(), watched }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // WHY: each change is one insertion or removal; what a panicking thread left is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this was proved and is still remembered.
    #[must_use]
    pub fn is_remembered(&self, proved: &Proved) -> bool {
        self.inner().proofs.get(proved).is_some_and(|until| clock::boottime_ms() < *until)
    }

    /// Remembers a proof. One without a terminal is never remembered: it has no session to be bound to.
    pub fn remember(&self, proved: Proved, millis: u64) {
        if proved.session.terminal != 0 && millis > 0 {
            let now = clock::boottime_ms();
            let mut inner = self.inner();
            inner.proofs.retain(|_, until| *until > now);
            if inner.proofs.len() < MOST {
                inner.proofs.insert(proved, now.saturating_add(millis));
            }
        }
    }

    /// Forgets every proof of a user; answers how many.
    pub fn forget(&self, uid: u32) -> usize {
        let mut inner = self.inner();
        let before = inner.proofs.len();
        inner.proofs.retain(|proved, _| proved.uid != uid);
        before.saturating_sub(inner.proofs.len())
    }

    /// Milliseconds until a user may try again; 0 at once.
    #[must_use]
    pub fn delay(&self, uid: u32) -> u64 {
        self.inner().lockouts.get(&uid).map_or(0, |lockout| lockout.until.saturating_sub(clock::boottime_ms()))
    }

    /// Every try of an authentication failed.
    pub fn failed(&self, uid: u32) {
        let mut inner = self.inner();
        let lockout = inner.lockouts.entry(uid).or_default();
        let delay = DELAY_MS.saturating_mul(1u64.checked_shl(lockout.times).unwrap_or(u64::MAX)).min(MOST_DELAY_MS);
        lockout.times = lockout.times.saturating_add(1).min(16);
        lockout.until = clock::boottime_ms().saturating_add(delay);
    }

    /// An authentication succeeded.
    pub fn succeeded(&self, uid: u32) {
        self.inner().lockouts.remove(&uid);
    }

    /// Whether a user's account was found usable less than a minute ago, and no file that decides that has changed.
    #[must_use]
    pub fn account_is_known(&self, uid: u32) -> bool {
        let stamps = self.stamps();
        self.inner().accounts.get(&uid).is_some_and(|(until, seen)| clock::boottime_ms() < *until && *seen == stamps)
    }

    /// What the files that decide about accounts are now: taken before the check whose result is kept.
    #[must_use]
    pub fn stamps(&self) -> Vec<Option<FileStamp>> {
        let stamp = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
        };
        self.watched.iter().map(stamp).collect()
    }

    /// A user's account was found usable.
    pub fn account_is_usable(&self, uid: u32, stamps: Vec<Option<FileStamp>>) {
        let mut inner = self.inner();
        if inner.accounts.len() >= MOST {
            inner.accounts.clear();
        }
        inner.accounts.insert(uid, (clock::boottime_ms().saturating_add(ACCOUNT_MS), stamps));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proved(uid: u32, leader: i32, terminal: u64) -> Proved {
        let session = TerminalSession { leader, leader_started: 7, terminal };
        Proved { uid, session, policy: PolicyId::new(1, [1; 10]) }
    }

    #[test]
    fn a_proof_is_good_for_its_own_terminal_session_until_it_is_forgotten() {
        let proofs = Proofs::new("none");
        proofs.remember(proved(1, 10, 34817), 60_000);
        assert!(proofs.is_remembered(&proved(1, 10, 34817)));
        assert!(!proofs.is_remembered(&proved(1, 11, 34817)));
        assert!(!proofs.is_remembered(&proved(2, 10, 34817)));
        proofs.remember(proved(1, 12, 0), 60_000);
        assert!(!proofs.is_remembered(&proved(1, 12, 0)), "without a terminal nothing is remembered");
        assert_eq!(proofs.forget(1), 1);
        assert!(!proofs.is_remembered(&proved(1, 10, 34817)));
    }

    #[test]
    fn failures_delay_longer_each_time_until_a_success() {
        let proofs = Proofs::new("none");
        assert_eq!(proofs.delay(1), 0);
        proofs.failed(1);
        let first = proofs.delay(1);
        proofs.failed(1);
        assert!(first > 0 && proofs.delay(1) > first && proofs.delay(2) == 0);
        proofs.succeeded(1);
        assert_eq!(proofs.delay(1), 0);
    }
}
