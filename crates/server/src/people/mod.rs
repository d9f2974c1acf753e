//! Persons: who signs in, with which roles, and which OS users they are.

pub mod pages;
mod routes;
pub mod scopes;
pub mod store;

pub(crate) use routes::refuse_last_owner;
pub use routes::routes;
