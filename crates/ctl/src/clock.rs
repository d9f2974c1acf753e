//! The moment, where a command needs one.

use std::time::{SystemTime, UNIX_EPOCH};

use brevet_core::time::Timestamp;

/// Now, by this computer's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
