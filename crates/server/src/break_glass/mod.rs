//! Break-glass: an owner opens access without approval. It is a policy of mode `justify` with a window that ends by itself, made here
//! and changed by nothing else (docs/adr/0006); everybody who was not asked is told, and it waits for the review of another person.
//!
//! It never gets past a policy that denies, nor past what a computer refuses.

mod open;
mod over;
pub(crate) mod pages;
mod review;
mod routes;

pub use over::sweep;
pub use review::shown;
pub use routes::routes;

/// What the names of its policies begin with. Nobody else's policy may be called so.
const PREFIX: &str = "Break-glass brk_";

/// Whether a policy is one of these.
#[must_use]
pub fn owns(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The id of the break-glass that a policy of this name belongs to.
#[must_use]
pub fn of_policy(name: &str) -> Option<&str> {
    owns(name).then(|| name.trim_start_matches("Break-glass "))
}
