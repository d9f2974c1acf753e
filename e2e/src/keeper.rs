//! A process that waits for its maker to end, in whatever way, and then undoes what the record says.
//!
//! Any program that makes an `Installation` calls `run_if_asked` first: the keeper is that same program, started again.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::record::Record;

const VARIABLE: &str = "BREVET_E2E_KEEPER";

/// Holds the keeper back; when this is dropped, or its process dies, everything is undone.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    held: Option<ChildStdin>,
}

impl Keeper {
    /// Starts a keeper for a record.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(record: &Record) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(VARIABLE, record.file())
            // WHY: in a test binary the keeper is the test of this name, which calls `run_if_asked`; programs call it before anything else.
            .args(["keeper_entry", "--exact", "--nocapture"])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .context("starting the keeper")?;
        let held = child.stdin.take();
        Ok(Self { child, held })
    }

    /// Undoes everything now and waits until it is done.
    ///
    /// # Errors
    /// When something could not be undone; the keeper has said what.
    pub fn finish(&mut self) -> Result<()> {
        if self.held.take().is_none() {
            return Ok(());
        }
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "not everything could be undone");
        Ok(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// In the keeper: waits, undoes and ends the process. Elsewhere: nothing.
pub fn run_if_asked() {
    let Some(file) = std::env::var_os(VARIABLE) else { return };
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let done = Record::existing(Path::new(&file)).undo();
    if let Err(error) = &done {
        eprintln!("keeper: {error:#}");
    }
    std::process::exit(i32::from(done.is_err()));
}
