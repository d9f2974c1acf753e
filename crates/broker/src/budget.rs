//! How much of one user's doing is recorded: each has a store of bytes that fills again with time.
//!
//! What is recorded stays in the journal, on the server and in everybody's lists. A script that starts thousands of ordinary
//! commands goes on; one that gives each the longest arguments has to wait before the disk is full.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// What may be recorded of one user at once, in bytes: some twelve thousand ordinary launches.
const AT_ONCE: u64 = 32 << 20;
/// What of it comes back in a second.
const A_SECOND: u64 = 16 << 10;
/// Users whose store is not full that are known at a time.
const MOST_USERS: usize = 1024;
/// What every record has around its body, and the short ones that follow it.
const AROUND: u64 = 512;

/// What is left of a store, and when that was so.
#[derive(Debug, Clone, Copy)]
struct Left {
    bytes: u64,
    at: u64,
}

impl Left {
    fn by(self, now: u64) -> Self {
        let filled = now.saturating_sub(self.at).saturating_mul(A_SECOND) / 1000;
        Self { bytes: self.bytes.saturating_add(filled).min(AT_ONCE), at: now.max(self.at) }
    }
}

/// The stores of all users; one that is full is not kept.
#[derive(Debug, Default)]
pub struct Budgets {
    left: Mutex<HashMap<u32, Left>>,
}

impl Budgets {
    /// Takes so many bytes from a user's store; `now` is of `CLOCK_BOOTTIME`, in milliseconds.
    ///
    /// # Errors
    /// When there are not so many: after how many milliseconds there will be.
    pub fn spend(&self, uid: u32, bytes: u64, now: u64) -> Result<(), u64> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = left.get(&uid).copied().unwrap_or(Left { bytes: AT_ONCE, at: now }).by(now);
        let Some(rest) = theirs.bytes.checked_sub(bytes) else {
            return Err(bytes.saturating_sub(theirs.bytes).saturating_mul(1000).div_ceil(A_SECOND));
        };
        if !left.contains_key(&uid) && left.len() >= MOST_USERS {
            make_room(&mut left, now);
        }
        left.insert(uid, Left { bytes: rest, at: theirs.at });
        Ok(())
    }
}

/// Forgets full stores or, where there are none, the fullest.
fn make_room(left: &mut HashMap<u32, Left>, now: u64) {
    left.retain(|_, store| store.by(now).bytes < AT_ONCE);
    if left.len() >= MOST_USERS
        && let Some(fullest) = left.iter().max_by_key(|(_, store)| store.by(now).bytes).map(|(uid, _)| *uid)
    {
        left.remove(&fullest);
    }
}

/// What a record of this takes up, in bytes.
#[must_use]
pub fn recorded<T: Serialize>(body: &T) -> u64 {
    let length = serde_json::to_vec(body).map_or(usize::MAX, |json| json.len());
    u64::try_from(length).unwrap_or(u64::MAX).saturating_add(AROUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_ordinary_launches_pass_and_long_ones_soon_wait() {
        let budgets = Budgets::default();
        assert!((0..12_000).all(|_| budgets.spend(1, 2_500, 0).is_ok()));
        let passed = (0..1_000).take_while(|_| budgets.spend(2, 480_000, 0).is_ok()).count();
        assert_eq!(passed, 69);
    }

    #[test]
    fn after_the_wait_that_is_told_it_passes_and_not_before() {
        let budgets = Budgets::default();
        budgets.spend(0, AT_ONCE, 1_000).unwrap();
        let wait = budgets.spend(0, 3 * A_SECOND, 1_000).unwrap_err();
        assert_eq!(wait, 3_000);
        assert!(budgets.spend(1, AT_ONCE, 1_000).is_ok(), "another user's store is their own");
        assert!(budgets.spend(0, 3 * A_SECOND, 3_999).is_err());
        assert_eq!(budgets.spend(0, 3 * A_SECOND, 4_000), Ok(()));
        assert!(budgets.spend(0, AT_ONCE, u64::MAX).is_ok(), "it is full after long enough, and never fuller");
        assert!(budgets.spend(0, 1, u64::MAX).is_err());
        assert!(budgets.spend(0, 1, 5).is_err(), "an earlier moment gives nothing");
    }

    #[test]
    fn a_bounded_number_of_users_is_known_and_whoever_used_most_is_not_forgotten() {
        let budgets = Budgets::default();
        budgets.spend(7, AT_ONCE, 0).unwrap();
        for uid in 1_000..5_000 {
            budgets.spend(uid, 10, 0).unwrap();
        }
        assert_eq!(budgets.left.lock().unwrap().len(), MOST_USERS);
        assert!(budgets.spend(7, 1, 0).is_err());
        budgets.spend(5_000, 10, 1_000).unwrap();
        assert_eq!(budgets.left.lock().unwrap().len(), 2, "full ones are forgotten first");
    }
}
