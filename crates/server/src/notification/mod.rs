//! Telling people: an outbox that is filled in the transaction of the event, and emptied by e-mail and signed webhooks.
//!
//! Nothing here decides anything, and no answer from outside is believed. It must never hold up or undo what it tells of.

mod address;
mod dispatch;
mod email;
mod log;
pub mod outbox;
pub mod pages;
mod recipients;
mod routes;
mod targets;
mod template;
mod together;
mod webhook;
mod words;

pub use dispatch::{once, run};
pub(crate) use log::sweep;
pub use routes::routes;

/// The kind of the event that a target takes nothing.
const FAILED: &str = "notification.failed";
/// The kind of what is sent to see whether it comes.
const TEST: &str = "notification.test";
