//! The one place that reads a clock or makes random bytes; everything else is handed a `Clock` or their values.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_core::time::{Length, Timestamp};

/// Wall time, which a test may move forward.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_millis: Arc<AtomicI64>,
}

impl Clock {
    /// Now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the server's one clock")]
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        Timestamp::from_millis(since.saturating_add(self.ahead_millis.load(Ordering::Relaxed)))
    }

    /// Moves this clock forward, for tests.
    pub fn advance(&self, by: Length) {
        self.ahead_millis.fetch_add(i64::try_from(by.millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// When something is done again: at each beginning, then every hour.
#[derive(Debug, Default)]
pub struct Hourly(AtomicI64);

impl Hourly {
    /// Whether it is time.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now.millis() >= self.0.load(Ordering::Relaxed)
    }

    /// It was done.
    pub fn done(&self, now: Timestamp) {
        self.0.store(now.plus(Length::from_hours(1)).millis(), Ordering::Relaxed);
    }
}

/// The kernel gave no random bytes; nothing can go on without them.
#[derive(Debug, thiserror::Error)]
#[error("the kernel gives no random bytes")]
pub struct NoRandomness;

/// Fresh random bytes.
///
/// # Errors
/// When the kernel gives none.
#[expect(clippy::disallowed_methods, reason = "the server's one place for random bytes")]
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A fresh secret with 256 bits, in characters that need no quoting anywhere.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn secret() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// A new id of any kind, from its `new`.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn id<T>(new: fn(i64, [u8; 10]) -> T, now: Timestamp) -> Result<T, NoRandomness> {
    Ok(new(now.millis(), random()?))
}
