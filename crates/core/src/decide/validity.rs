//! Whether a policy holds at a moment, and for how long still.

use super::Fixed;
use crate::policy::Validity;
use crate::time::Timestamp;

/// Whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// It does, for so many milliseconds still (`u64::MAX`: without end).
    For(u64),
    /// It does not, and why.
    No(String),
}

/// Where a validity stands at a moment.
#[must_use]
pub fn holds(_validity: &Validity, _fixed: Fixed, _wall: Timestamp) -> Holds {
    Holds::No("not decided".into())
}
