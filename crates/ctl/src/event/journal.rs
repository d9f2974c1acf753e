//! Getting journals: page by page from the server, or from a file with one page a line.

use std::io::{BufRead as _, Error, ErrorKind, Read as _, Write};
use std::path::Path;

use brevet_api::rest::Page;
use brevet_api::rest::computer::{Computer, ComputerQuery, JournalPage, JournalQuery};
use brevet_api::rest::event_log::LogPage;
use brevet_core::id::Incarnation;

use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::input;
use crate::profile::io;

/// What verification takes in: the pages of every journal, one journal after the other, and those of the server's log.
pub type Lines<'a> = Box<dyn Iterator<Item = Result<Line>> + 'a>;

/// A page of a journal or of the log.
#[derive(Debug, Clone)]
pub enum Line {
    /// Of a computer's journal.
    Journal(Box<JournalPage>),
    /// Of the server's log.
    Log(Box<LogPage>),
}

impl Line {
    /// How many records it has.
    #[must_use]
    pub const fn records(&self) -> usize {
        match self {
            Self::Journal(page) => page.records.len(),
            Self::Log(page) => page.records.len(),
        }
    }

    fn parse(text: &str) -> std::result::Result<Self, serde_json::Error> {
        // Each has a field that the other lacks.
        let value: serde_json::Value = serde_json::from_str(text)?;
        match value.get("signed") {
            Some(_) => serde_json::from_value(value).map(Self::Log),
            None => serde_json::from_value(value).map(Self::Journal),
        }
    }
}

/// Pages of all computers' journals, or of one's, every life of each; fetched as they are asked for.
///
/// # Errors
/// When the computers cannot be listed.
pub fn download<'a>(client: &'a Client, computer: Option<&str>) -> Result<Box<dyn Iterator<Item = Result<JournalPage>> + 'a>> {
    let names: Vec<String> = match computer {
        Some(name) => vec![name.to_owned()],
        None => computers(client)?,
    };
    Ok(Box::new(names.into_iter().flat_map(move |name| Walk { client, name, left: None, after: None, waited: 0, over: false })))
}

/// Removed computers too: their history stays.
fn computers(client: &Client) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for state in [None, Some("removed".to_owned())] {
        let query = ComputerQuery { state, ..ComputerQuery::default() };
        let page: Page<Computer> = client.list(&["computers"], &query, usize::MAX)?;
        ids.extend(page.items.into_iter().map(|item| item.id.to_string()));
    }
    ids.dedup();
    Ok(ids)
}

/// How often a head that is older than its records is asked for again, before it is taken for what it is.
const MOST_WAITS: u32 = 5;

/// One computer's pages.
struct Walk<'a> {
    client: &'a Client,
    name: String,
    /// Lives still to come, the present one last; absent before the first answer.
    left: Option<Vec<Incarnation>>,
    after: Option<u64>,
    /// How often a newer head was waited for.
    waited: u32,
    over: bool,
}

impl Walk<'_> {
    fn fetch(&self, incarnation: Option<Incarnation>) -> Result<JournalPage> {
        let query = JournalQuery { after: self.after, incarnation, limit: Some(1000) };
        self.client.get_with(&["computers", &self.name, "journal"], &query)
    }

    fn step(&mut self) -> Result<Option<JournalPage>> {
        let left = match &mut self.left {
            Some(left) => left,
            None => {
                let first = self.fetch(None)?;
                let mut all = first.incarnations.clone();
                all.reverse();
                if all.is_empty() {
                    self.over = true;
                    return Ok(Some(first));
                }
                self.left.insert(all)
            }
        };
        let Some(incarnation) = left.last().cloned() else { return Ok(None) };
        let page = self.fetch(Some(incarnation))?;
        self.after = page.next.or_else(|| self.newer_head_to_come(&page));
        if self.after.is_none() {
            self.waited = 0;
            let _ = self.left.as_mut().and_then(Vec::pop);
        }
        Ok(Some(page))
    }

    /// Records that came in while the page was put together may be newer than its head: the next page has a newer one.
    fn newer_head_to_come(&mut self, page: &JournalPage) -> Option<u64> {
        let last = page.records.last().and_then(|record| record.parse_header().ok()).map(|header| header.seq);
        let last = last.or(self.after)?;
        let signed = page.head.as_ref().map_or(0, |head| head.chain.seq);
        if signed >= last || self.waited >= MOST_WAITS {
            return None;
        }
        self.waited += 1;
        std::thread::sleep(std::time::Duration::from_millis(50));
        Some(last)
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<JournalPage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let step = self.step();
        self.over |= step.is_err();
        step.transpose()
    }
}

/// Writes journals so that `from_file` reads them.
///
/// # Errors
/// When the server cannot be reached or refuses, or writing fails.
pub fn export(client: &Client, computer: Option<&str>, to: &mut dyn Write) -> Result<()> {
    for page in download(client, computer)? {
        let text = serde_json::to_string(&page?).map_err(|error| CtlError::Failed(error.to_string()))?;
        writeln!(to, "{text}").map_err(|source| CtlError::Io { what: "write the journal".into(), source })?;
    }
    to.flush().map_err(|source| CtlError::Io { what: "write the journal".into(), source })
}

/// Pages from a file, one a line.
///
/// # Errors
/// When it cannot be read; a line that is not a page is an error in its place.
pub fn from_file(file: &Path) -> Result<Lines<'_>> {
    let mut reader = std::io::BufReader::new(std::fs::File::open(file).map_err(|source| io("read", file, source))?);
    let lines = std::iter::from_fn(move || {
        let mut line = Vec::new();
        match (&mut reader).take(input::LARGE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.len() as u64 >= input::LARGE => Some(Err(Error::other("a line is longer than any page of a journal"))),
            Ok(_) => Some(String::from_utf8(line).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))),
            Err(source) => Some(Err(source)),
        }
    });
    let page = move |(index, line): (usize, std::io::Result<String>)| {
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            Ok(line) => line,
            Err(source) => return Some(Err(io("read", file, source))),
        };
        let place = format!("{}:{}", file.display(), index.saturating_add(1));
        Some(Line::parse(&line).map_err(|error| CtlError::Verification(format!("{place}: not a page of a journal or of the log: {error}"))))
    };
    Ok(Box::new(lines.enumerate().filter_map(page)))
}
