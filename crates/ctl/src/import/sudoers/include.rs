//! A file and what it includes, in the order in which sudo reads it.

use super::ast::{Statement, Written};
use super::parse::parse;
use super::{FileWrong, Wrong};

/// Deepest nesting of includes, as sudo's.
const DEEPEST: usize = 128;
/// Most files.
const MOST_FILES: usize = 1000;
/// Most text of all of them, in bytes.
const MOST_TEXT: usize = 16 << 20;

/// Where files come from: a disk, or a test.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&mut self, path: &str) -> Result<String, String>;
    /// Names of the files of a folder, sorted; none where there is no folder.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn names(&mut self, folder: &str) -> Result<Vec<String>, String>;
}

/// Every statement, in order, and the files that they stand in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whole {
    /// Paths, by the numbers of places.
    pub files: Vec<String>,
    /// What stands in them; includes are followed and not listed.
    pub statements: Vec<Written>,
}

/// Reads a file and everything that it includes.
///
/// # Errors
/// When one cannot be read, or sudo would not read it: an include left out might take something away.
pub fn read(files: &mut impl Files, path: &str, host: Option<&str>) -> Result<Whole, FileWrong> {
    let mut reader = Reader { files, host, whole: Whole::default(), text: 0 };
    reader.file(path, 0).map_err(|wrong| FileWrong { file: path.to_owned(), wrong })??;
    Ok(reader.whole)
}

struct Reader<'f, F> {
    files: &'f mut F,
    host: Option<&'f str>,
    whole: Whole,
    text: usize,
}

impl<F: Files> Reader<'_, F> {
    /// The outer error is about the line that asked for the file, the inner one about the file itself.
    fn file(&mut self, path: &str, depth: usize) -> Result<Result<(), FileWrong>, Wrong> {
        let refuse = |why: String| Wrong { line: 1, why };
        if depth > DEEPEST || self.whole.files.len() >= MOST_FILES {
            return Err(refuse(format!("more than {DEEPEST} includes inside one another, or {MOST_FILES} files")));
        }
        let text = self.files.read(path).map_err(refuse)?;
        self.text = self.text.saturating_add(text.len());
        if self.text > MOST_TEXT {
            return Err(refuse(format!("more than {MOST_TEXT} bytes in all")));
        }
        let number = self.whole.files.len();
        self.whole.files.push(path.to_owned());
        let here = |wrong| FileWrong { file: path.to_owned(), wrong };
        let statements = match parse(number, &text) {
            Ok(statements) => statements,
            Err(wrong) => return Ok(Err(here(wrong))),
        };
        for written in statements {
            let line = written.place.line;
            let found = match &written.statement {
                Statement::Include(named) => self.beside(path, named).map(|named| vec![named]),
                Statement::IncludeFolder(named) => self.beside(path, named).and_then(|folder| self.folder(&folder)),
                _ => {
                    self.whole.statements.push(written);
                    continue;
                }
            };
            let found = match found {
                Ok(found) => found,
                Err(why) => return Ok(Err(here(Wrong { line, why }))),
            };
            for file in found {
                match self.file(&file, depth + 1) {
                    Ok(Ok(())) => {}
                    Ok(Err(inner)) => return Ok(Err(inner)),
                    Err(wrong) => return Ok(Err(here(Wrong { line, why: format!("includes {}: {}", shown(&file), wrong.why) }))),
                }
            }
        }
        Ok(Ok(()))
    }

    /// A relative name is beside the file that names it; `%h` is the host's short name.
    fn beside(&self, path: &str, named: &str) -> Result<String, String> {
        let named = if named.contains("%h") {
            let host = self.host.ok_or("names a file by the host's name (%h): say whose with --hostname")?;
            named.replace("%h", host.split('.').next().unwrap_or(host))
        } else {
            named.to_owned()
        };
        if named.starts_with('/') {
            return Ok(named);
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(if path.contains('/') { format!("{folder}/{named}") } else { named })
    }

    /// As sudo: names with a dot, or with `~` at the end, are not read.
    fn folder(&mut self, folder: &str) -> Result<Vec<String>, String> {
        let mut names = self.files.names(folder)?;
        names.retain(|name| !name.contains('.') && !name.ends_with('~'));
        names.sort();
        Ok(names.into_iter().map(|name| format!("{}/{name}", folder.trim_end_matches('/'))).collect())
    }
}

fn shown(text: &str) -> String {
    format!("'{}'", brevet_core::escape::terminal(text.as_bytes()))
}
