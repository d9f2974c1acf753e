//! Running a program to its end, bounded in time, with everything that it said.

use std::ffi::OsStr;
use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::wait;

/// How a program ended and what it said.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Exit code; 128 and the signal where one ended it, as a shell says it.
    #[must_use]
    pub fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt as _;
        self.status.code().or_else(|| self.status.signal().map(|s| s + 128)).unwrap_or(-1)
    }

    /// # Errors
    /// When the program did not exit with 0, with what it said.
    pub fn ok(self) -> Result<Self> {
        if self.status.success() { Ok(self) } else { bail!("exit {}: {}{}", self.code(), self.stdout, self.stderr) }
    }

    /// Standard output as JSON.
    ///
    /// # Errors
    /// When it failed or did not print JSON.
    pub fn json(self) -> Result<serde_json::Value> {
        let output = self.ok()?;
        serde_json::from_str(&output.stdout).with_context(|| format!("not JSON: {}", output.stdout))
    }
}

/// Runs a command without standard input, for at most `limit`.
///
/// # Errors
/// When it cannot be started, or is not done in time (it is killed then).
pub fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null());
    run_with_input(command, limit)
}

/// As `run`, with the standard input that the command already has.
///
/// # Errors
/// As `run`.
pub fn run_with_input(command: &mut Command, limit: Duration) -> Result<Output> {
    let name = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| format!("starting {name}"))?;
    let reader = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = reader(child.stdout.take().map(|s| Box::new(s) as Box<_>));
    let stderr = reader(child.stderr.take().map(|s| Box::new(s) as Box<_>));
    let status = wait::until(&format!("{name} to end"), limit, || Ok(child.try_wait()?)).inspect_err(|_| {
        let _ = child.kill();
        let _ = child.wait();
    })?;
    let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
    Ok(Output { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Runs a program of the system as root and wants it to succeed.
///
/// # Errors
/// When it does not.
pub fn system<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<Output> {
    run(Command::new(program).args(arguments), Duration::from_secs(60))?.ok().with_context(|| program.to_owned())
}
