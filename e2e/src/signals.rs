//! Catching the signals that ask a program to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;

pub use signal_hook::consts::{SIGHUP as HANGUP, SIGINT as INTERRUPT, SIGTERM as TERMINATE};

/// Sets a flag when a signal comes, instead of ending the process.
///
/// # Errors
/// When the signal cannot be caught.
pub fn flag(signal: i32, flag: &Arc<AtomicBool>) -> Result<()> {
    signal_hook::flag::register(signal, Arc::clone(flag))?;
    Ok(())
}
