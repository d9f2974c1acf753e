//! Who changed what: versions of policies, lists, groups and autonomous rules, and what each changed, as differing lines of TOML.

use brevet_api::rest::Page;
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::Change;
use brevet_core::file::File;
use clap::Args;
use serde::de::DeserializeOwned;
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::output::{moment, shown};
use crate::stored::to_toml;

/// After so long a difference need not be the shortest.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which history.
#[derive(Debug, Args)]
pub struct History {
    /// Name, or id; of what was deleted, the id
    name: String,
    /// Show what each version changed
    #[arg(long, conflicts_with = "csv")]
    diff: bool,
    #[command(flatten)]
    rows: Listing,
}

const CHANGES: Columns<Change> = Columns { headings: &["version", "time", "change", "by"], row };

fn row(change: &Change) -> Vec<String> {
    vec![change.version.to_string(), moment(change.time), shown(&change.change), shown(&change.by)]
}

/// How one kind's content becomes a file.
pub type IntoFile<T> = fn(T) -> File;

/// Prints it.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub fn print<T: DeserializeOwned>(session: &Session, kind: &str, command: &History, into_file: IntoFile<T>) -> Result<()> {
    let path = [kind, command.name.as_str(), "history"];
    if !command.diff || session.output.json {
        return command.rows.print(session, &path, &PageQuery::default(), &CHANGES);
    }
    let page: Page<Change> = session.client()?.list(&path, &PageQuery::default(), usize::MAX)?;
    let mut text = String::new();
    for (index, change) in page.items.iter().enumerate() {
        let before = page.items.get(index + 1).map(|older| toml_of(older, into_file)).transpose()?.unwrap_or_default();
        let after = toml_of(change, into_file)?;
        text.push_str(&format!(
            "version {}, {} at {} by {}\n",
            change.version,
            shown(&change.change),
            moment(change.time),
            shown(&change.by)
        ));
        for line in differing(&before, &after) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    session.output.text(&text)
}

fn toml_of<T: DeserializeOwned>(change: &Change, into_file: IntoFile<T>) -> Result<String> {
    let Some(content) = &change.content else { return Ok(String::new()) };
    let content = serde_json::from_value(content.clone()).map_err(|error| CtlError::Answer(error.to_string()))?;
    to_toml(&into_file(content))
}

/// One version's content as TOML.
///
/// # Errors
/// When there is no such version.
pub fn version<T: DeserializeOwned>(session: &Session, kind: &str, name: &str, version: u64, into_file: IntoFile<T>) -> Result<()> {
    let page: Page<Change> = session.client()?.list(&[kind, name, "history"], &PageQuery::default(), usize::MAX)?;
    let found = page.items.iter().find(|change| change.version == version).ok_or_else(|| {
        let last = page.items.iter().map(|change| change.version).max().unwrap_or(0);
        CtlError::NotFound(format!("'{}' has no version {version}; its last is {last}", shown(name)))
    })?;
    let header = format!("# version {version}, {} at {} by {}\n", shown(&found.change), moment(found.time), shown(&found.by));
    if found.content.is_none() && !session.output.json {
        return session.output.text(&header);
    }
    let text = toml_of(found, into_file)?;
    session.output.print(found, |_| format!("{header}{text}"))
}

/// Lines that were taken away and added, in their order; what stayed is left out.
#[must_use]
pub fn differing(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let difference = TextDiff::configure().timeout(PATIENCE).diff_slices(&before, &after);
    let line = |change: similar::Change<&str>| match change.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("- {}", change.value())),
        ChangeTag::Insert => Some(format!("+ {}", change.value())),
    };
    difference.iter_all_changes().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_what_went_and_what_came_in_order() {
        assert_eq!(differing("a\nb\nc\n", "a\nB\nc\nd\n"), ["- b", "+ B", "+ d"]);
        assert_eq!(differing("", "a\n"), ["+ a"]);
        assert_eq!(differing("a\n", ""), ["- a"]);
        assert!(differing("a\nb\n", "a\nb\n").is_empty());
        assert_eq!(differing("x\ny\nz", "y\nz\nx"), ["- x", "+ x"]);
    }
}
