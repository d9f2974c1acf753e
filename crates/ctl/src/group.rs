//! `brevetctl group`: sets of computers or of users, defined on the server.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::StoredGroup;
use brevet_core::file::File;
use brevet_core::id::GroupId;
use clap::Subcommand;

use crate::cli::Session;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::shown;
use crate::stored;

/// What to do with groups.
#[derive(Subcommand)]
pub enum Group {
    /// List groups
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a group as TOML that apply takes
    Show {
        /// Name or id
        group: String,
    },
    /// Delete a group that nothing uses
    Delete {
        /// Name or id
        group: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Group) -> Result<()> {
    match command {
        Group::List { rows } => rows.print(session, &["groups"], &PageQuery::default(), &COLUMNS),
        Group::Show { group } => {
            stored::show::<GroupId, _>(session, "groups", &group, |content| File { group: vec![content], ..File::default() })
        }
        Group::Delete { group } => stored::delete(session, "group", "groups", &group, ""),
    }
}

const COLUMNS: Columns<StoredGroup> = Columns { headings: &["name", "of", "version", "members"], row };

fn row(group: &StoredGroup) -> Vec<String> {
    let content = &group.content;
    let (of, members) = match (&content.computers, &content.users) {
        (Some(computers), _) => ("computers", computers.as_slice()),
        (None, Some(users)) => ("users", users.as_slice()),
        (None, None) => ("", [].as_slice()),
    };
    vec![shown(&content.name), of.into(), group.version.to_string(), shown(&members.join(", "))]
}
