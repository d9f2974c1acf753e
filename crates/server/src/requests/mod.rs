//! Requests: what computers asked, and what persons decided.

pub mod decide;
pub mod event;
pub(crate) mod pages;
pub mod received;
pub mod remind;
pub mod reset;
mod routes;
mod search;
pub mod show;

pub use routes::{policy_id, routes};
pub use show::shown;

use brevet_core::request::RequestState;

/// As the column holds it.
#[must_use]
pub const fn state_name(state: RequestState) -> &'static str {
    match state {
        RequestState::Pending => "pending",
        RequestState::Approved => "approved",
        RequestState::AutoApproved => "auto_approved",
        RequestState::Declined => "declined",
        RequestState::Withdrawn => "withdrawn",
        RequestState::Lapsed => "lapsed",
    }
}

/// And back; only our own names are ever stored.
#[must_use]
pub fn state_named(name: &str) -> Option<RequestState> {
    use RequestState::{Approved, AutoApproved, Declined, Lapsed, Pending, Withdrawn};
    [Pending, Approved, AutoApproved, Declined, Withdrawn, Lapsed].into_iter().find(|state| state_name(*state) == name)
}
