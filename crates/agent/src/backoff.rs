//! How long to wait before trying again: exponential with full jitter, so that computers do not come back all at once.

use std::time::Duration;

/// Grows with every wait until it is reset.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait is about `first`, none is longer than `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Towards the server.
    #[must_use]
    pub const fn for_server() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(30))
    }

    /// Towards the broker, which is on this computer and waits for nobody else.
    #[must_use]
    pub const fn for_broker() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(2))
    }

    /// Things work again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait: between half and all of what doubles each time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "jitter is drawn here and nowhere else")]
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.first.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        // A failing random source costs only the jitter.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        let half = ceiling / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// Waits.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_wait()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        for ceiling in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next_wait();
            assert!(wait >= Duration::from_millis(ceiling / 2) && wait <= Duration::from_millis(ceiling), "{wait:?} for {ceiling}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
    }
}
