//! The audit log: events are written in the transaction of what they say, and never changed but by redaction (`retention`).

mod beyond;
mod counts;
mod export;
mod filter;
pub mod log;
pub mod pages;
mod places;
mod query;
pub mod record;
mod views;
pub mod words;

pub use filter::in_reach;
pub use query::{routes, shown};
pub use record::{By, NewEvent, record};
