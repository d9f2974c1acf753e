//! The question of a plain `brevet run`, asked before the C library has started (ADR 12).
//!
//! Starting that library is half a millisecond of every process here, an eighth of an elevation. The program's entry is therefore
//! ours (`start`): where the command line is a plain `brevet run [--] PROGRAM …`, it connects to the broker, asks, and waits. Where
//! the session has no terminal and ends by itself, that was all. Whatever is not plain, or does not work at once, is left to the
//! program as it is written: nothing is said or shown from here, and what is asked is, byte for byte, what the program would ask
//! (`tests/early.rs` of the CLI).
//!
//! INVARIANT: nothing here calls the C library or the standard one, reads a pointer that a loader would have to fix first (tables
//! of texts), or touches thread-local memory: none of them is there yet. Hence no `std`, and no built-in memory functions; a
//! panic would be a fault of memory, so nothing here can.
//! INVARIANT: nothing is sent before the other end is known to be root, as in the CLI's `connection.rs`.
#![no_std]
#![no_builtins]

mod frame;

pub use frame::{Asked, LONGEST, compose};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod ask;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod call;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod follow;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod start;

/// The signals that are the session's once it runs, by their numbers (`asm-generic/signal.h`): HUP, INT, QUIT, TERM, USR1, USR2, TSTP,
/// CONT, WINCH.
pub const SIGNALS: [i32; 9] = [1, 2, 3, 15, 10, 12, 20, 18, 28];

/// The descriptor of a connection on which the question has been sent already, and what was read from it, once: it is the caller's
/// from then on. Where anything was read, `SIGNALS` are blocked.
#[must_use]
pub fn connection() -> Option<(i32, &'static [u8])> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    return start::connection();
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    None
}
