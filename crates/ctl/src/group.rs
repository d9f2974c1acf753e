//! `brevetctl group`: sets of computers or of users, defined on the server.

use brevet_api::rest::page::PageQuery;
use brevet_api::rest::policy::StoredGroup;
use brevet_core::file::File;
use brevet_core::id::GroupId;
use clap::Subcommand;

use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::history::{self, History};
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
    /// Make a group of computers or of users
    Create {
        /// Unique among groups
        name: String,
        /// A computer in it; may be given again
        #[arg(long = "computer", value_name = "NAME", required_unless_present_any = ["users", "of"], conflicts_with = "users")]
        computers: Vec<String>,
        /// A user in it; may be given again
        #[arg(long = "user", value_name = "NAME")]
        users: Vec<String>,
        /// Of what, where it begins empty
        #[arg(long, value_parser = ["computers", "users"])]
        of: Option<String>,
    },
    /// Put computers or users into a group
    Add {
        /// Name or id
        group: String,
        /// Who
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Take computers or users out of a group; rights that they had by it end
    Remove {
        /// Name or id
        group: String,
        /// Who
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Show every version, and with --diff what each changed
    History(History),
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
        Group::Show { group } => stored::show::<GroupId, _>(session, "groups", &group, into_file),
        Group::Create { name, computers, users, of } => {
            let of_users = !users.is_empty() || of.as_deref() == Some("users");
            let (computers, users) = if of_users { (None, Some(users)) } else { (Some(computers), None) };
            let content = brevet_core::file::Group { name, computers, users };
            let client = session.client()?;
            let made: StoredGroup = client.post(&["groups"], &content)?;
            session.output.print(&made, |made| format!("made the group '{}'\n", shown(&made.content.name)))?;
            warn_of_unknown(&client, made.content.computers.as_deref().unwrap_or_default())
        }
        Group::Add { group, members } => {
            let done = change(session, &group, |there| {
                members.iter().for_each(|member| {
                    if !there.contains(member) {
                        there.push(member.clone());
                    }
                });
                Ok(())
            })?;
            if done.content.computers.is_some() {
                warn_of_unknown(&session.client()?, &members)?;
            }
            Ok(())
        }
        Group::Remove { group, members } => {
            let who = members.join(", ");
            session.output.confirm(&format!("take {} out of '{}'; rights that they had by it end", shown(&who), shown(&group)))?;
            change(session, &group, |there| {
                if let Some(missing) = members.iter().find(|member| !there.contains(member)) {
                    return Err(CtlError::NotFound(format!("'{}' is not in the group", shown(missing))));
                }
                there.retain(|member| !members.contains(member));
                Ok(())
            })
            .map(drop)
        }
        Group::History(command) => history::print(session, "groups", &command, into_file),
        Group::Delete { group } => stored::delete(session, "group", "groups", &group, ""),
    }
}

const COLUMNS: Columns<StoredGroup> = Columns { headings: &["name", "of", "version", "members"], row };

/// The next version of a group from the one that is there.
fn change(session: &Session, group: &str, edit: impl FnOnce(&mut Vec<String>) -> Result<()>) -> Result<StoredGroup> {
    let client = session.client()?;
    let mut found: StoredGroup = client.get(&["groups", group])?;
    let members = match (&mut found.content.computers, &mut found.content.users) {
        (Some(members), _) | (None, Some(members)) => members,
        (None, None) => return Err(CtlError::Answer("a group without members".into())),
    };
    edit(members)?;
    let done: StoredGroup = client.put_version(&["groups", found.id.as_str()], found.version, &found.content)?;
    session.output.print(&done, |done| format!("'{}' has {} now, version {}\n", shown(&done.content.name), count(done), done.version))?;
    Ok(done)
}

/// So many computers are looked up.
const MOST_LOOKED_UP: usize = 20;

/// A computer may enrol later; one that is nearly there is a slip.
fn warn_of_unknown(client: &Client, computers: &[String]) -> Result<()> {
    for name in computers.iter().take(MOST_LOOKED_UP) {
        match client.get::<serde_json::Value>(&["computers", name]) {
            Err(CtlError::Refused(problem)) if problem.code == "not_found" => {
                let hint = problem.hint.as_deref().map_or_else(|| "it counts once one of that name enrols".to_owned(), shown);
                eprintln!("brevetctl: warning: no computer '{}' is enrolled; {hint}", shown(name));
            }
            Err(CtlError::Refused(_)) | Ok(_) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

fn count(group: &StoredGroup) -> String {
    let content = &group.content;
    match (&content.computers, &content.users) {
        (Some(computers), _) => format!("{} computers", computers.len()),
        (None, users) => format!("{} users", users.as_ref().map_or(0, Vec::len)),
    }
}

fn into_file(content: brevet_core::file::Group) -> File {
    File { group: vec![content], ..File::default() }
}

fn row(group: &StoredGroup) -> Vec<String> {
    let content = &group.content;
    let (of, members) = match (&content.computers, &content.users) {
        (Some(computers), _) => ("computers", computers.as_slice()),
        (None, Some(users)) => ("users", users.as_slice()),
        (None, None) => ("", [].as_slice()),
    };
    vec![shown(&content.name), of.into(), group.version.to_string(), shown(&members.join(", "))]
}
