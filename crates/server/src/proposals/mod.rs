//! Four eyes: with the setting on, a change of policy, people or settings is tried, shown as a difference, and undone; it takes effect
//! when a second person confirms, by being made again.
//!
//! INVARIANT: what is confirmed is what was shown. The change is made again in the transaction that closes the proposal, and only if it
//! makes exactly the difference that was stored, from exactly the versions that stood there.

mod decide;
mod diff;
mod layer;
pub(crate) mod pages;
mod routes;
mod run;
mod store;

pub use diff::Guarded;
pub(crate) use layer::guards;
pub use layer::{Replayed, layer};
pub use routes::routes;
pub use run::{Settled, before, confirming, settle};
pub use store::{after_restore, sweep};
