//! A script's first line, read by the kernel's rules (`fs/binfmt_script.c`). What the kernel would cut or guess is refused.

use crate::text::OsText;

/// What the kernel reads of a program's beginning.
pub const HEADER: usize = 256;

/// What a first line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstLine {
    /// The interpreter, as named.
    pub interpreter: OsText,
    /// The one argument, if any.
    pub argument: Option<OsText>,
}

/// Why a first line cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Longer than the kernel reads.
    #[error("its first line is longer than the kernel reads")]
    TooLong,
    /// Names nothing.
    #[error("its first line names no interpreter")]
    Empty,
    /// Depends on the working directory.
    #[error("its interpreter is not an absolute path")]
    Relative,
    /// A NUL byte in it.
    #[error("its first line has a NUL byte")]
    Nul,
}

/// The first line of a script; `None` for anything that is not one.
///
/// # Errors
/// When it is a script whose interpreter cannot be told for sure.
pub fn first_line(beginning: &[u8]) -> Result<Option<FirstLine>, ScriptError> {
    let Some(rest) = beginning.strip_prefix(b"#!") else { return Ok(None) };
    let rest = rest.get(..rest.len().min(HEADER.saturating_sub(2))).unwrap_or_default();
    let ended = rest.iter().position(|byte| *byte == b'\n');
    let line = match ended {
        Some(end) => rest.get(..end).unwrap_or_default(),
        // A whole file without a newline still has its first line.
        None if rest.len() < HEADER.saturating_sub(2) => rest,
        None => return Err(ScriptError::TooLong),
    };
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let trimmed = trim(line, blank);
    let split = trimmed.iter().position(blank).unwrap_or(trimmed.len());
    let (name, argument) = trimmed.split_at_checked(split).unwrap_or((trimmed, &[]));
    let argument = trim(argument, blank);
    match name.first() {
        None => Err(ScriptError::Empty),
        Some(b'/') => {
            let text = |bytes: &[u8]| OsText::new(bytes).map_err(|_| ScriptError::Nul);
            let argument = if argument.is_empty() { None } else { Some(text(argument)?) };
            Ok(Some(FirstLine { interpreter: text(name)?, argument }))
        }
        Some(_) => Err(ScriptError::Relative),
    }
}

fn trim(bytes: &[u8], blank: impl Fn(&u8) -> bool) -> &[u8] {
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last.saturating_add(1));
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreter_and_its_one_argument_are_read_as_the_kernel_does() {
        let line = first_line(b"#! /usr/bin/python3 -I -s \nprint()").unwrap().unwrap();
        assert_eq!(line.interpreter.as_str(), Some("/usr/bin/python3"));
        assert_eq!(line.argument.unwrap().as_str(), Some("-I -s"));
        assert_eq!(first_line(b"#!/bin/sh").unwrap().unwrap().argument, None);
        assert_eq!(first_line(b"\x7fELF").unwrap(), None);
    }

    #[test]
    fn a_line_that_is_cut_relative_or_empty_is_refused() {
        assert_eq!(first_line(&[b"#!/".as_slice(), &[b'x'; 300]].concat()), Err(ScriptError::TooLong));
        assert_eq!(first_line(b"#!sh\n"), Err(ScriptError::Relative));
        assert_eq!(first_line(b"#! \n"), Err(ScriptError::Empty));
        assert_eq!(first_line(b"#!/bin/sh\0\n"), Err(ScriptError::Nul));
    }
}
