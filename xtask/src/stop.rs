//! Being asked to stop: Ctrl-C, `SIGTERM` or a closed terminal end the story early, and everything is undone all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

/// Whether a stop was asked for.
#[derive(Debug, Clone)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the signals cannot be caught.
    pub fn listen() -> Result<Self> {
        use brevet_e2e::signals::{HANGUP, INTERRUPT, TERMINATE};
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [HANGUP, INTERRUPT, TERMINATE] {
            brevet_e2e::signals::flag(signal, &flag)?;
        }
        brevet_e2e::wait::end_when(&flag);
        Ok(Self(flag))
    }

    /// Whether to stop.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Stays until asked to stop.
    pub fn wait(&self) {
        while !self.asked() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
