//! API tokens: a person's rights, or fewer, for a program. The secret is shown once and kept as a hash.

pub mod pages;
mod routes;
pub mod store;

pub use routes::routes;
