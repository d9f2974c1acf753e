//! Forms of what `apply` takes: what a browser sent, as a policy, a rule, a list or a group and back, and the controls that show it.
//!
//! INVARIANT: nothing that somebody filled in is lost: what cannot be read is shown again as it was written, with the reason beside it.

mod control;
mod entered;
mod reader;
mod rules;

pub use control::{Choice, Control, Section, Shape};
pub use entered::Entered;
pub use reader::Reader;
pub use rules::{KINDS, Row, Rows, in_form, part_label};
