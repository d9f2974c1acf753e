//! Waiting for something to be so, with a deadline: never for time to pass.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on every wait ends with an error once this flag is set.
pub fn end_when(flag: &Arc<AtomicBool>) {
    let _ = STOP.set(Arc::clone(flag));
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// When there is none after `limit`, naming what was waited for, or when asking fails.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if STOP.get().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            bail!("asked to stop while waiting for {what}");
        }
        if start.elapsed() > limit {
            bail!("waited {} s for {what}, in vain", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
