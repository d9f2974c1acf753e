//! A bounded whole of bytes that users take from, each up to a share of it, for as long as what they took lasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct Shares {
    whole: u64,
    each: u64,
    used: Mutex<HashMap<u32, u64>>,
}

/// What a user took, free again when dropped.
#[derive(Debug)]
pub struct Part {
    of: Arc<Shares>,
    uid: u32,
    bytes: u64,
}

impl Shares {
    /// So many bytes for all together and for each.
    #[must_use]
    pub fn new(whole: u64, each: u64) -> Arc<Self> {
        Arc::new(Self { whole, each, used: Mutex::default() })
    }

    /// So many bytes for a user, if they are left of their share and of the whole. `already` are what they have elsewhere of
    /// their share; who has nothing at all gets what they ask for.
    pub fn take(self: &Arc<Self>, uid: u32, bytes: u64, already: u64) -> Option<Part> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let all = used.values().fold(bytes, |sum, part| sum.saturating_add(*part));
        let taken = used.get(&uid).copied().unwrap_or(0);
        let theirs = taken.saturating_add(bytes);
        let has_none = taken == 0 && already == 0;
        if all > self.whole || (theirs.saturating_add(already) > self.each && !has_none) {
            return None;
        }
        used.insert(uid, theirs);
        Some(Part { of: Arc::clone(self), uid, bytes })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut used = self.of.used.lock().unwrap_or_else(PoisonError::into_inner);
        let left = used.get(&self.uid).copied().unwrap_or(0).saturating_sub(self.bytes);
        if left == 0 {
            used.remove(&self.uid);
        } else {
            used.insert(self.uid, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_share_and_all_have_the_whole() {
        let shares = Shares::new(40, 10);
        let one = shares.take(1, 10, 0).unwrap();
        assert!(shares.take(1, 1, 0).is_none(), "their share is used up");
        let others: Vec<Part> = (2..=4).map(|uid| shares.take(uid, 10, 0).unwrap()).collect();
        assert!(shares.take(5, 1, 0).is_none(), "the whole is used up");
        drop(one);
        assert!(shares.take(5, 10, 0).is_some());
        drop(others);
        assert!(shares.take(1, 10, 0).is_some());
        assert!(shares.used.lock().unwrap().is_empty(), "nobody who has nothing is remembered");
    }

    #[test]
    fn what_a_user_has_elsewhere_counts_and_the_first_is_never_too_large() {
        let shares = Shares::new(40, 10);
        assert!(shares.take(1, 5, 6).is_none());
        assert!(shares.take(1, 4, 6).is_some());
        let first = shares.take(1, 15, 0).unwrap();
        assert!(shares.take(1, 1, 0).is_none());
        drop(first);
    }
}
