//! How far long work is: on standard error, only on a terminal, only when it takes long, and gone when it is done.

use std::io::{IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// What is shown of work.
pub struct Progress {
    begun: Instant,
    shown: Option<Instant>,
    on_terminal: bool,
}

/// Before that nobody waits.
const SILENT: Duration = Duration::from_millis(500);
/// Between two lines.
const PAUSE: Duration = Duration::from_millis(100);

impl Default for Progress {
    fn default() -> Self {
        Self { begun: Instant::now(), shown: None, on_terminal: std::io::stderr().is_terminal() }
    }
}

impl Progress {
    /// Says how much there is so far.
    pub fn so_far(&mut self, count: usize, done: &str) {
        self.show(|| format!("{count} {done}"));
    }

    /// Says what is waited for, and for how long already.
    pub fn waiting(&mut self, what: &str) {
        let seconds = self.begun.elapsed().as_secs();
        self.show(|| format!("waiting for {what}: {seconds} s"));
    }

    fn show(&mut self, words: impl FnOnce() -> String) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= PAUSE) && self.begun.elapsed() >= SILENT;
        if self.on_terminal && due {
            eprint!("\r\x1b[K{}", words());
            let now = Instant::now();
            self.shown = Some(now);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

/// Writes, and says how much it was.
pub struct Counted<'w, W> {
    /// Where it goes.
    pub to: &'w mut W,
    /// What is shown.
    pub progress: Progress,
    /// How much it was.
    pub bytes: usize,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(buffer)?;
        self.bytes = self.bytes.saturating_add(written);
        self.progress.so_far(self.bytes / 1024, "KiB written");
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
