//! How often somebody may be wrong at the sign-in: for each account, and for each address.
//!
//! A stranger who is wrong all the time cannot keep a person out: a browser in which that person signed in before has an account of its
//! own, and passkeys, links and single sign-on are not counted by account. Unknown names are counted like known ones. Memory is fixed:
//! keys share slots by a hash that nobody outside can compute.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use brevet_api::rest::Code;
use brevet_core::time::{Length, Timestamp};

use crate::http::failure::{Failure, Outcome};

const SLOTS: usize = 1 << 16;

/// So many at once, and then one more each time this has passed; 0 is no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub attempts: u32,
    pub every: Length,
}

/// One kind of account.
struct Slots {
    /// When each would be empty if nobody tried any more, in Unix milliseconds (GCRA).
    until: Mutex<Vec<i64>>,
    seed: RandomState,
}

impl Default for Slots {
    fn default() -> Self {
        Self { until: Mutex::new(vec![0; SLOTS]), seed: RandomState::new() }
    }
}

impl Slots {
    fn with<T>(&self, key: &str, what: impl FnOnce(&mut i64) -> T) -> Option<T> {
        let slot = usize::try_from(self.seed.hash_one(key) % (SLOTS as u64)).unwrap_or(0);
        self.until.lock().unwrap_or_else(PoisonError::into_inner).get_mut(slot).map(what)
    }

    /// Counts one attempt; else how many milliseconds to wait.
    fn take(&self, key: &str, now: i64, rate: Rate) -> Result<(), i64> {
        if rate.attempts == 0 {
            return Ok(());
        }
        let every = i64::try_from(rate.every.millis()).unwrap_or(i64::MAX);
        let most = every.saturating_mul(i64::from(rate.attempts.saturating_sub(1)));
        let taken = self.with(key, |until| {
            let ahead = until.saturating_sub(now).max(0);
            if ahead > most {
                return Err(ahead.saturating_sub(most));
            }
            *until = now.saturating_add(ahead).saturating_add(every);
            Ok(())
        });
        taken.unwrap_or(Ok(()))
    }

    /// It was right: it does not count.
    fn give_back(&self, key: &str, rate: Rate) {
        let every = i64::try_from(rate.every.millis()).unwrap_or(i64::MAX);
        self.with(key, |until| *until = until.saturating_sub(every));
    }
}

/// Accounts and addresses.
#[derive(Default)]
pub(super) struct Throttle {
    accounts: Slots,
    addresses: Slots,
}

/// One attempt: what it is counted by.
pub(super) struct Attempt<'a> {
    pub account: &'a str,
    pub address: &'a str,
    pub by_account: Rate,
    pub by_address: Rate,
}

impl Throttle {
    /// Counts an attempt before anybody looks whether it is right, so that many at once are counted too.
    ///
    /// # Errors
    /// `rate_limited`, with when to try again.
    pub fn take(&self, attempt: &Attempt<'_>, now: Timestamp) -> Outcome<()> {
        let now = now.millis();
        self.addresses.take(attempt.address, now, attempt.by_address).map_err(|wait| refused(wait, "from here"))?;
        self.accounts.take(attempt.account, now, attempt.by_account).map_err(|wait| {
            self.addresses.give_back(attempt.address, attempt.by_address);
            refused(wait, "for this name")
        })
    }

    /// It was right.
    pub fn give_back(&self, attempt: &Attempt<'_>) {
        self.addresses.give_back(attempt.address, attempt.by_address);
        self.accounts.give_back(attempt.account, attempt.by_account);
    }
}

fn refused(wait: i64, whence: &str) -> Failure {
    let seconds = u64::try_from(wait).unwrap_or(0).div_ceil(1000).max(1);
    Failure::new(Code::RateLimited)
        .because(format!("there were too many wrong attempts {whence}; try again in {seconds} s"))
        .hint("a passkey or a sign-in link works at once; another owner, or brevet-server recover on the server, makes a link")
        .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { attempts: 3, every: Length::from_seconds(60) };

    #[test]
    fn so_many_at_once_then_one_each_minute_and_what_was_right_costs_nothing() {
        let slots = Slots::default();
        for _ in 0..100 {
            slots.take("right", 0, RATE).unwrap();
            slots.give_back("right", RATE);
        }
        for _ in 0..3 {
            slots.take("a", 0, RATE).unwrap();
        }
        assert_eq!(slots.take("a", 0, RATE), Err(60_000));
        assert_eq!(slots.take("a", 59_000, RATE), Err(1_000));
        slots.take("a", 60_000, RATE).unwrap();
        assert!(slots.take("a", 60_000, RATE).is_err());
        slots.take("b", 0, RATE).unwrap();
        slots.take("none", 0, Rate { attempts: 0, ..RATE }).unwrap();
    }
}
