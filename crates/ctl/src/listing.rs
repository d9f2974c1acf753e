//! Every list: how much of it, in which order, which rows, in which form.
//!
//! What the server can choose by (state, computer, user) it chooses; `--filter` and `--sort` work on what came, by the table's columns.

use brevet_api::rest::Page;
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::known;
use crate::output::{csv, table};
use crate::watch::{Seen, Watch};

/// How much of a list, and how.
#[derive(Debug, Args)]
pub struct Listing {
    /// How many at most
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = at_least_one, help_heading = "Rows")]
    limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit", help_heading = "Rows")]
    all: bool,
    /// Order by a column of the table; -COLUMN the other way round
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, help_heading = "Rows")]
    sort: Option<String>,
    /// Only rows whose column contains the text (COLUMN=TEXT) or does not (COLUMN!=TEXT); may be given again
    #[arg(long = "filter", value_name = "COLUMN=TEXT", help_heading = "Rows")]
    filters: Vec<String>,
}

/// How many rows.
///
/// # Errors
/// When it is no number, or none.
pub fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number from 1".into())
}

/// A table's columns.
pub struct Columns<T> {
    /// What stands above them.
    pub headings: &'static [&'static str],
    /// The cells of one row.
    pub row: fn(&T) -> Vec<String>,
}

/// A condition on a column.
struct Filter<'a> {
    column: usize,
    wanted: bool,
    text: &'a str,
}

impl Listing {
    /// Fetches and prints a list once.
    ///
    /// # Errors
    /// When there is no such column, or the server cannot be reached or refuses.
    pub fn print<Q: Serialize, T: DeserializeOwned + Serialize>(
        &self,
        session: &Session,
        path: &[&str],
        query: &Q,
        columns: &Columns<T>,
    ) -> Result<()> {
        let client = session.client()?;
        session.output.text(&self.text(session, &client, (path, query), columns)?)
    }

    /// The same, watched.
    ///
    /// # Errors
    /// When there is no such column, or the server cannot be reached or refuses.
    pub fn watch<Q: Serialize, T: DeserializeOwned + Serialize>(
        &self,
        session: &Session,
        watch: &Watch,
        (path, query): (&[&str], &Q),
        columns: &Columns<T>,
    ) -> Result<()> {
        let client = session.client()?;
        watch.run(session, || Ok(Seen { text: self.text(session, &client, (path, query), columns)?, over: false }))
    }

    fn text<Q: Serialize, T: DeserializeOwned + Serialize>(
        &self,
        session: &Session,
        client: &Client,
        (path, query): (&[&str], &Q),
        columns: &Columns<T>,
    ) -> Result<String> {
        let column = |name: &str| column(columns.headings, name);
        let sort = self.sort.as_deref().map(|text| text.strip_prefix('-').map_or((text, false), |name| (name, true)));
        let sort = sort.map(|(name, reversed)| column(name).map(|column| (column, reversed))).transpose()?;
        let filters = self.filters.iter().map(|text| filter(columns.headings, text)).collect::<Result<Vec<_>>>()?;
        // What is chosen or ordered here must be chosen from all of it.
        let arranged = sort.is_some() || !filters.is_empty();
        let fetched = client.list(path, query, if self.all || arranged { usize::MAX } else { self.limit });
        let fetched: Page<T> = known::page(client, query, fetched)?;
        let mut rows: Vec<(T, Vec<String>)> =
            fetched.items.into_iter().map(|item| ((columns.row)(&item), item)).map(|(r, i)| (i, r)).collect();
        rows.retain(|(_, row)| filters.iter().all(|filter| filter.lets(row)));
        if let Some((column, reversed)) = sort {
            rows.sort_by(|(_, a), (_, b)| {
                let order = compare(a.get(column), b.get(column));
                if reversed { order.reverse() } else { order }
            });
        }
        let mut more = fetched.next.is_some();
        if !self.all && rows.len() > self.limit {
            rows.truncate(self.limit);
            more = true;
        }
        let (items, rows): (Vec<T>, Vec<Vec<String>>) = rows.into_iter().unzip();
        let count = items.len();
        if session.output.csv {
            return Ok(csv(columns.headings, &rows));
        }
        let page = Page { items, next: fetched.next };
        session.output.render(&page, |_| {
            let mut text = table(columns.headings, rows);
            if more {
                text.push_str(&format!("there are more than these {count}; see --limit and --all\n"));
            }
            text
        })
    }
}

/// A column by its heading or the beginning of one, with `-` or `_` for blanks.
fn column(headings: &[&str], name: &str) -> Result<usize> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], " ");
    let wanted = plain(name);
    let exact = headings.iter().position(|heading| plain(heading) == wanted);
    let mut beginning = headings.iter().enumerate().filter(|(_, heading)| !wanted.is_empty() && plain(heading).starts_with(&wanted));
    match (exact, beginning.next(), beginning.next()) {
        (Some(found), ..) | (None, Some((found, _)), None) => Ok(found),
        _ => {
            let name = brevet_core::escape::terminal(name.as_bytes());
            Err(CtlError::Usage(format!("no column '{name}'; there are: {}", headings.join(", "))))
        }
    }
}

fn filter<'a>(headings: &[&str], text: &'a str) -> Result<Filter<'a>> {
    let (name, text) = text.split_once('=').ok_or_else(|| CtlError::Usage("--filter is written COLUMN=TEXT or COLUMN!=TEXT".into()))?;
    let (name, wanted) = name.strip_suffix('!').map_or((name, true), |name| (name, false));
    Ok(Filter { column: column(headings, name)?, wanted, text })
}

impl Filter<'_> {
    /// An empty text asks for an empty cell.
    fn lets(&self, row: &[String]) -> bool {
        let cell = row.get(self.column).map(|cell| cell.to_lowercase()).unwrap_or_default();
        let holds = if self.text.is_empty() { cell.is_empty() } else { cell.contains(&self.text.to_lowercase()) };
        holds == self.wanted
    }
}

/// Numbers as numbers, everything else as text; moments are written so that their order is that of their text.
fn compare(a: Option<&String>, b: Option<&String>) -> std::cmp::Ordering {
    let number = |cell: Option<&String>| cell.and_then(|text| text.parse::<u64>().ok());
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(&b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_the_beginning_of_their_heading() {
        let headings = ["id", "last contact", "last used", "state"];
        assert_eq!(column(&headings, "last-contact").unwrap(), 1);
        assert_eq!(column(&headings, "STATE").unwrap(), 3);
        assert_eq!(column(&headings, "s").unwrap(), 3);
        for wrong in ["last", "", "colour"] {
            assert!(column(&headings, wrong).unwrap_err().to_string().contains("there are: id, last contact"), "{wrong}");
        }
    }

    #[test]
    fn filters_contain_exclude_and_ask_for_nothing() {
        let lets = |text: &str, cell: &str| filter(&["name"], text).unwrap().lets(&[cell.to_owned()]);
        assert!(lets("name=WEB", "web-1") && !lets("name=web", "db"));
        assert!(!lets("name!=web", "web-1") && lets("name!=web", "db"));
        assert!(lets("name=", "") && !lets("name=", "x") && lets("name!=", "x"));
        assert!(filter(&["name"], "name").is_err());
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let text = |text: &str| text.to_owned();
        assert_eq!(compare(Some(&text("9")), Some(&text("10"))), std::cmp::Ordering::Less);
        assert_eq!(compare(Some(&text("a9")), Some(&text("a10"))), std::cmp::Ordering::Greater);
    }
}
