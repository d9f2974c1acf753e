//! How many events happened on each day.

use brevet_api::rest::event::{CountQuery, EventCounts};

use crate::cli::Session;
use crate::error::Result;
use crate::output::{csv, table};

/// What people count first.
pub const USUAL: &str = "request.created,request.approved,request.declined,request.auto_approved,launch.refused";

/// Prints a row for each day, the latest first.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, kind: String, days: u32, zone: Option<String>) -> Result<()> {
    let query = CountQuery { kind: Some(kind.clone()), days: Some(days), zone };
    let counts: EventCounts = session.client()?.get_with(&["events", "counts"], &query)?;
    let kinds = distinct(&kind);
    let headings: Vec<&str> = std::iter::once("day").chain(kinds).collect();
    let row = |day: &brevet_api::rest::event::DayCounts| {
        std::iter::once(day.day.clone()).chain(day.counts.iter().map(ToString::to_string)).collect::<Vec<_>>()
    };
    let rows = |counts: &EventCounts| counts.days.iter().rev().map(row).collect::<Vec<_>>();
    if session.output.csv {
        return session.output.text(&csv(&headings, &rows(&counts)));
    }
    session.output.print(&counts, |counts| table(&headings, rows(counts)))
}

/// As the server counts: each kind once, where it is first named.
fn distinct(kinds: &str) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for kind in kinds.split(',').map(str::trim) {
        if !all.contains(&kind) {
            all.push(kind);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_kind_that_is_named_twice_is_one_column() {
        assert_eq!(super::distinct("a.b, c.d,a.b"), ["a.b", "c.d"]);
    }
}
