//! What people see: tables, fields, questions. With `--json` the API's own types instead.
//!
//! INVARIANT: text that somebody else chose passes `shown` before it reaches the terminal.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};

use brevet_core::escape;
use brevet_core::time::Timestamp;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::{CtlError, Result};

/// Text that somebody else chose, escaped. What the server has escaped already is left as it is.
#[must_use]
pub fn shown(text: &str) -> String {
    escape::terminal(text.as_bytes()).replace("\\\\", "\\")
}

/// A moment in UTC to the second.
#[must_use]
pub fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// The same, or nothing.
#[must_use]
pub fn optional_moment(time: Option<Timestamp>) -> String {
    time.map(moment).unwrap_or_default()
}

/// A state, kind or mode, as the API writes it.
#[must_use]
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => shown(&text),
        Ok(other) => shown(&other.to_string()),
        Err(_) => String::new(),
    }
}

/// `yes` or nothing, so that what is unusual stands out.
#[must_use]
pub const fn mark(value: bool) -> &'static str {
    if value { "yes" } else { "" }
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// `--json`.
    pub json: bool,
    /// `--csv`: tables only.
    pub csv: bool,
    /// `--yes`.
    pub yes: bool,
}

impl Output {
    /// Prints the API's own type, or what people see of it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> Result<()> {
        self.text(&self.render(value, people)?)
    }

    /// The text of that.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn render<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> Result<String> {
        if !self.json {
            return Ok(people(value));
        }
        let text = serde_json::to_string_pretty(value).map_err(|error| CtlError::Failed(format!("no JSON form: {error}")))?;
        Ok(format!("{text}\n"))
    }

    /// Prints text as it is.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn text(self, text: &str) -> Result<()> {
        self.text_while_read(text)?;
        Ok(())
    }

    /// The same, and whether anybody still reads.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn text_while_read(self, text: &str) -> Result<bool> {
        let written = std::io::stdout().lock().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
        match written {
            // `brevetctl … | head` has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            other => other.map(|()| true).map_err(|source| CtlError::Io { what: "write the result".into(), source }),
        }
    }

    /// Says what will be done to one thing, which the command names, and asks where a person sits at the terminal. A script that names
    /// it has said what it means.
    ///
    /// # Errors
    /// When they say no.
    pub fn confirm(self, what: &str) -> Result<()> {
        if nobody_to_ask() { Ok(()) } else { self.ask(what) }
    }

    /// As `confirm`, for what ends or deletes many things that the command does not name: nobody to ask is a no.
    ///
    /// # Errors
    /// When they say no, or nobody is there and `--yes` was not given.
    pub fn confirm_many(self, what: &str) -> Result<()> {
        if !self.yes && nobody_to_ask() { Err(CtlError::NobodyToAsk) } else { self.ask(what) }
    }

    fn ask(self, what: &str) -> Result<()> {
        if self.yes {
            return Ok(());
        }
        eprint!("{what}\ngo on? [y/N] ");
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(|source| CtlError::Io { what: "read the answer".into(), source })?;
        if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(CtlError::NotConfirmed) }
    }
}

fn nobody_to_ask() -> bool {
    !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal()
}

/// Cells up to this width stay whole: ids, moments and names are copied by hand.
const WHOLE: usize = 40;
/// Text that is broken into lines is still read when it has so much room.
const READABLE: usize = 24;
/// Between columns.
const GAP: usize = 2;
/// No cell is longer, so that no column is padded beyond it; of what is longer, a table says how much more there is.
const LONGEST: usize = 80;
/// The last one, which nothing is padded for.
const LONGEST_LAST: usize = 400;

/// A table with these headings; the last column, and long text, may be broken into lines, and very long text is shortened: one argument
/// may have a hundred thousand characters. On a terminal that is too narrow for that, a block of fields for each row.
#[must_use]
pub fn table(headings: &[&str], mut rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return "none\n".into();
    }
    let last = headings.len().saturating_sub(1);
    for row in &mut rows {
        for (index, cell) in row.iter_mut().enumerate() {
            *cell = escape::shortened(cell, if index == last { LONGEST_LAST } else { LONGEST });
        }
    }
    let mut wide: Vec<usize> = headings.iter().map(|heading| heading.len()).collect();
    for row in &rows {
        for (width, cell) in wide.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let whole: Vec<bool> = wide.iter().enumerate().map(|(index, width)| index != last && *width <= WHOLE).collect();
    let mut table = Table::new();
    let room = table.width().map_or(usize::MAX, usize::from);
    let wanted = wide.iter().zip(&whole).map(|(width, whole)| if *whole { *width } else { (*width).min(READABLE) } + GAP);
    if wanted.sum::<usize>() > room {
        return blocks(headings, &rows);
    }
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|h| h.to_uppercase()));
    table.add_rows(rows);
    for (column, whole) in table.column_iter_mut().zip(whole) {
        column.set_padding((0, 2));
        if whole {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

fn blocks(headings: &[&str], rows: &[Vec<String>]) -> String {
    let block = |row: &Vec<String>| fields(&headings.iter().copied().zip(row.iter().cloned()).collect::<Vec<_>>());
    rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// The same as CSV (RFC 4180).
#[must_use]
pub fn csv(headings: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<Cow<'_, str>>| format!("{}\r\n", cells.join(","));
    let mut text = line(headings.iter().map(|heading| escape::csv(heading)).collect::<Vec<_>>());
    for row in rows {
        text.push_str(&line(row.iter().map(|text| escape::csv(text)).collect::<Vec<_>>()));
    }
    text
}

/// A page as a table, saying when there is more.
#[must_use]
pub fn page_table<T>(page: &brevet_api::rest::Page<T>, headings: &[&str], row: impl Fn(&T) -> Vec<String>) -> String {
    let mut text = table(headings, page.items.iter().map(row).collect());
    if page.next.is_some() {
        text.push_str(&format!("there are more than these {}; see --limit\n", page.items.len()));
    }
    text
}

/// Names and values, one a line; those without a value are left out.
#[must_use]
pub fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name:width$}  {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through_and_escapes_are_not_doubled() {
        assert_eq!(shown("a\x1b[2J\u{202e}b\n"), "a\\u{1b}[2J\\u{202e}b\\n");
        assert_eq!(shown(&escape::terminal(b"a\x1b[2J")), "a\\u{1b}[2J");
    }

    #[test]
    fn rows_that_a_terminal_has_no_room_for_are_blocks_of_fields() {
        let rows = vec![vec!["one".into(), "a".into(), "x y".into()], vec!["two".into(), String::new(), "z".into()]];
        assert_eq!(blocks(&["name", "state", "why"], &rows), "name   one\nstate  a\nwhy    x y\n\nname  two\nwhy   z\n");
    }

    #[test]
    fn no_row_is_longer_than_its_cells_may_be() {
        let long = "x".repeat(100_000);
        let text = table(&["id", "command", "reason"], vec![vec!["one".into(), long.clone(), long]]);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(longest <= 3 + LONGEST + LONGEST_LAST + 2 * GAP, "{longest}");
        assert!(text.contains("x… (+999"), "{text}");
    }

    #[test]
    fn moments_are_utc_to_the_second() {
        assert_eq!(moment(Timestamp::from_millis(1_700_000_000_123)), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn csv_quotes_what_it_must_and_disarms_formulas() {
        let rows = [vec!["a,b".to_owned(), "say \"x\"".into(), "=1+1".into()]];
        assert_eq!(csv(&["a", "b", "c"], &rows), "a,b,c\r\n\"a,b\",\"say \"\"x\"\"\",\"'=1+1\"\r\n");
    }

    #[test]
    fn an_empty_table_says_so_and_empty_fields_are_left_out() {
        assert_eq!(table(&["a"], vec![]), "none\n");
        assert_eq!(fields(&[("name", "x".into()), ("because", String::new())]), "name  x\n");
    }
}
