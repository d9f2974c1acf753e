//! `brevetctl list`: application lists.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::StoredList;
use brevet_core::file::File;
use brevet_core::id::ListId;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::history::{self, History};
use crate::listing::{Columns, Listing};
use crate::output::{moment, shown};
use crate::stored;

/// What to do with application lists.
#[derive(Subcommand)]
#[expect(clippy::enum_variant_names, reason = "the command is `list list`")]
pub enum List {
    /// List application lists
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show an application list as TOML that apply takes
    Show {
        /// Name or id
        list: String,
    },
    /// Show every version, and with --diff what each changed
    History(History),
    /// Delete an application list that nothing uses
    Delete {
        /// Name or id
        list: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: List) -> Result<()> {
    match command {
        List::List { rows } => rows.print(session, &["lists"], &PageQuery::default(), &COLUMNS),
        List::Show { list } => stored::show::<ListId, _>(session, "lists", &list, into_file),
        List::History(command) => history::print(session, "lists", &command, into_file),
        List::Delete { list } => stored::delete(session, "application list", "lists", &list, ""),
    }
}

const COLUMNS: Columns<StoredList> = Columns { headings: &["name", "rules", "version", "changed"], row };

fn into_file(content: brevet_core::file::List) -> File {
    File { list: vec![content], ..File::default() }
}

fn row(list: &StoredList) -> Vec<String> {
    vec![shown(&list.content.name), list.content.rules.len().to_string(), list.version.to_string(), moment(list.changed)]
}
