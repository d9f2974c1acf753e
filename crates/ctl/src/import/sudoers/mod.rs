//! `sudoers(5)` read and drafted as policies. Pure: files come through [`Files`].
//!
//! INVARIANT: a draft gives nothing that the file did not give. What a policy cannot say exactly is drafted as less, or not at all,
//! and every line says which. In sudo the last line that matches decides; policies have no order. So what a later line takes away or
//! tightens holds for every earlier line that it may concern.

mod aliases;
pub mod ast;
mod commands;
mod cursor;
mod defaults;
mod draft;
mod entry;
mod include;
mod parse;
mod rule;
mod time;
mod whom;

pub use draft::{Draft, Line, MOST, State, draft};
pub use include::{Files, Whole, read};
pub use parse::parse;

/// What sudo would not read either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    /// In words.
    pub why: String,
}

/// The same, and in which file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{}: {}", wrong.line, wrong.why)]
pub struct FileWrong {
    /// Its path.
    pub file: String,
    /// Line and reason.
    pub wrong: Wrong,
}
