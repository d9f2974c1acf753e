//! Exit statuses, as people and scripts rely on them.

/// Brevet itself failed.
pub const FAILED: u8 = 125;
/// Refused: nothing ran.
pub const REFUSED: u8 = 126;
/// The command was not found.
pub const NOT_FOUND: u8 = 127;
/// With `--no-wait`: the request waits.
pub const PENDING: u8 = 75;

/// A signal ended it, as shells say it.
pub fn of_signal(signal: i32) -> u8 {
    u8::try_from(signal.clamp(0, 127)).unwrap_or(0).saturating_add(128)
}
