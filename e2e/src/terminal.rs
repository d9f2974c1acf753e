//! A real terminal: `script(1)` holds a pty, a thread collects what is shown, and keys are typed through a pipe.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::user::OsUser;
use crate::wait;

/// A program on a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts a shell command line on a new terminal as a user, with variables in its environment.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(user: &OsUser, variables: &[(&str, &str)], command_line: &str) -> Result<Self> {
        let mut command = user.command(Path::new("/usr/bin/env"));
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(["TERM=xterm", "/usr/bin/script", "--quiet", "--flush", "--return", "--command", command_line, "/dev/null"]);
        Self::spawn(&mut command).with_context(|| command_line.to_owned())
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let keys = child.stdin.take();
        let mut screen = child.stdout.take().context("no output")?;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0u8; 4096];
            while let Ok(n @ 1..) = screen.read(&mut buffer) {
                collected.lock().unwrap_or_else(PoisonError::into_inner).extend(buffer.iter().take(n));
            }
        });
        Ok(Self { child, keys, shown })
    }

    /// Everything shown so far.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until a text is shown.
    ///
    /// # Errors
    /// When it is not shown in time, with what was.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<String> {
        wait::until(&format!("{text:?} on the terminal"), limit, || Ok(Some(self.shown()).filter(|shown| shown.contains(text))))
            .with_context(|| format!("shown was: {}", self.shown()))
    }

    /// Types.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn type_keys(&mut self, keys: &str) -> Result<()> {
        let pipe = self.keys.as_mut().context("the terminal is closed")?;
        pipe.write_all(keys.as_bytes())?;
        pipe.flush()?;
        Ok(())
    }

    /// Waits for the program's end.
    ///
    /// # Errors
    /// When it does not end in time, with what was shown.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let status = wait::until("the terminal's program to end", limit, || Ok(child.try_wait()?));
        status.with_context(|| format!("shown was: {}", self.shown()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.keys = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
