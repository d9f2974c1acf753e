//! Persons: who signs in, with which roles, and which OS users they are.

mod routes;
pub mod scopes;
pub mod store;

pub use routes::routes;
