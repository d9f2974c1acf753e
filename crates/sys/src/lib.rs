//! The only unsafe code of Brevet: Linux system calls, each behind a safe function.
//!
//! Functions here check, they never decide: who may do what is the callers' business. Every failure says which step
//! failed. Nothing here logs, keeps global state or starts a thread.

pub mod cgroup;
pub mod client;
pub mod clock;
mod clone;
pub mod error;
pub mod exec;
pub mod fdpass;
pub mod fork;
pub mod memory;
pub mod mount;
mod namespaces;
pub mod nss;
pub mod open;
pub mod pam;
pub mod peer;
pub mod pidfd;
pub mod poll;
pub mod process;
pub mod pty;
pub mod seccomp;
pub mod signal;
pub mod space;
pub mod watch;

pub use error::{Error, Result};
