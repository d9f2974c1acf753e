//! The audit log: events are written in the transaction of what they say, and never changed.

mod export;
mod query;
pub mod record;

pub use query::{in_reach, routes, shown};
pub use record::{By, NewEvent, record};
