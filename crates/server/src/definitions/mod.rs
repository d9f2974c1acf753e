//! What `apply` takes: groups, lists, policies, autonomous rules. One store, one history and one check serve all four;
//! their routes are in folders of their own.
//!
//! INVARIANT: every change goes through `write`, `renew` or `remove`, checks the whole set, and publishes documents.

pub mod apply;
pub mod check;
pub mod checking;
pub mod content;
pub mod counted;
pub mod current;
pub mod defined;
mod differences;
pub mod findings;
pub mod form;
pub mod formed;
pub mod mistakes;
pub mod near;
pub mod pages;
pub mod routes;
mod sight;
pub mod write;

pub use content::{Content, Definition, Kind, Snapshot};
pub use sight::Sight;
