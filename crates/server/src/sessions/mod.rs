//! Sessions: each elevated run, as the computers' journals tell it. Nothing here starts or ends one.

pub(crate) mod pages;
pub mod received;
mod routes;

pub use routes::routes;
