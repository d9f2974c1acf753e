//! Retention: after so long the text of what happened is taken away and what remains still verifies, unless a legal hold keeps it.
//!
//! INVARIANT: text is taken away in one way alone, `redact::step`: in a change with its `event.redacted`, never from what a hold
//! covers. Of an event its place, time, kind and ids stay; of a record its header and the hash of salt and body, so that the
//! journal's chain verifies as before.

mod blank;
mod covers;
mod holds;
pub mod pages;
mod redact;

pub use holds::routes;
pub use redact::{SHORTEST, hourly, sweep};
