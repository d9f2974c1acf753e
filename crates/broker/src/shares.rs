//! A bounded whole of bytes that users take from, each up to a share of it, for as long as what they took lasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct Shares {
    whole: u64,
    each: u64,
    little: u64,
    used: Mutex<HashMap<u32, u64>>,
}

/// What a user took, free again when dropped.
#[derive(Debug)]
pub struct Part {
    of: Arc<Shares>,
    uid: u32,
    bytes: u64,
}

/// What counts as taken beside the parts that last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Elsewhere {
    /// The user's own.
    pub theirs: u64,
    /// Everybody's.
    pub all: u64,
}

impl Shares {
    /// So many bytes for all together and for each; `little` is what a user may have also where the whole is used up, so that others
    /// cannot keep them out.
    #[must_use]
    pub fn new(whole: u64, each: u64, little: u64) -> Arc<Self> {
        Arc::new(Self { whole, each, little, used: Mutex::default() })
    }

    /// So many bytes for a user, if they are left of their share and of the whole. Who has nothing at all gets what they ask for, if
    /// it is left of the whole.
    pub fn take(self: &Arc<Self>, uid: u32, bytes: u64, elsewhere: Elsewhere) -> Option<Part> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let all = used.values().fold(bytes.saturating_add(elsewhere.all), |sum, part| sum.saturating_add(*part));
        let taken = used.get(&uid).copied().unwrap_or(0);
        let theirs = taken.saturating_add(bytes);
        let (with, has_none) = (theirs.saturating_add(elsewhere.theirs), taken == 0 && elsewhere.theirs == 0);
        if (all > self.whole && with > self.little) || (with > self.each && !has_none) {
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

    const NONE: Elsewhere = Elsewhere { theirs: 0, all: 0 };

    fn own(bytes: u64) -> Elsewhere {
        Elsewhere { theirs: bytes, all: bytes }
    }

    #[test]
    fn a_user_has_a_share_and_all_have_the_whole() {
        let shares = Shares::new(40, 10, 0);
        let one = shares.take(1, 10, NONE).unwrap();
        assert!(shares.take(1, 1, NONE).is_none(), "their share is used up");
        let others: Vec<Part> = (2..=4).map(|uid| shares.take(uid, 10, NONE).unwrap()).collect();
        assert!(shares.take(5, 1, NONE).is_none(), "the whole is used up");
        drop(one);
        assert!(shares.take(5, 10, NONE).is_some());
        drop(others);
        assert!(shares.take(1, 10, NONE).is_some());
        assert!(shares.used.lock().unwrap().is_empty(), "nobody who has nothing is remembered");
    }

    #[test]
    fn what_a_user_has_elsewhere_counts_and_the_first_is_never_too_large() {
        let shares = Shares::new(40, 10, 0);
        assert!(shares.take(1, 5, own(6)).is_none());
        assert!(shares.take(1, 4, own(6)).is_some());
        let first = shares.take(1, 15, NONE).unwrap();
        assert!(shares.take(1, 1, NONE).is_none());
        drop(first);
    }

    #[test]
    fn others_can_use_the_whole_up_and_not_keep_a_user_out_of_a_little() {
        let shares = Shares::new(40, 30, 5);
        let full = Elsewhere { theirs: 0, all: 36 };
        assert!(shares.take(1, 6, full).is_none());
        let little = shares.take(1, 5, full).unwrap();
        assert!(shares.take(1, 1, full).is_none(), "no more than a little");
        assert!(shares.take(2, 5, full).is_some(), "everybody has it");
        drop(little);
        assert!(shares.take(1, 30, Elsewhere::default()).is_some());
    }
}
