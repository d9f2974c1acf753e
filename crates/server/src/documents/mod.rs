//! Signing documents and putting them in each computer's sequence.
//!
//! INVARIANT: a place in a computer's sequence is taken and filled in the same transaction, so there is never a gap.

pub mod concern;
pub mod publish;
pub mod sequence;
