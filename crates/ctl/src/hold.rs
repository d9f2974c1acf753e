//! `brevetctl hold`: legal holds, which keep what they cover from being redacted.

use brevet_api::rest::computer::Because;
use brevet_api::rest::hold::{Covers, Hold as Item, HoldQuery, NewHold};
use brevet_core::time::Timestamp;
use clap::{Args, Subcommand};

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::listing::{Columns, Listing};
use crate::output::{fields, moment, optional_moment, shown};
use crate::reference;

/// What to do with legal holds.
#[derive(Subcommand)]
pub enum Hold {
    /// List legal holds, newest first
    List {
        /// Only those that hold (true) or only those that were released (false)
        #[arg(long)]
        active: Option<bool>,
        #[command(flatten)]
        rows: Listing,
    },
    /// Show a legal hold
    Show {
        /// Name, or id
        hold: String,
    },
    /// Make a legal hold: what it covers is not redacted, however old
    Create {
        /// Its name
        name: String,
        /// Why; whoever reads the whole audit log reads it, so a file number says enough
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        covers: Covered,
    },
    /// End a legal hold: what it kept is redacted when its time is up
    Release {
        /// Name, or id
        hold: String,
        /// Why
        #[arg(long)]
        comment: String,
    },
}

/// What it covers: what fits every condition.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Covered {
    /// A computer's name or id
    #[arg(long)]
    computer: Option<String>,
    /// An OS user's name
    #[arg(long)]
    user: Option<String>,
    /// A policy's name or id
    #[arg(long)]
    policy: Option<String>,
    /// A person's name or id: what they did, what concerns them, and what they decided on
    #[arg(long)]
    person: Option<String>,
    /// A request's id or short code, with its grants and sessions
    #[arg(long)]
    request: Option<String>,
    /// From this moment on, such as 2026-12-01T20:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = crate::event::moment)]
    from: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "MOMENT", value_parser = crate::event::moment)]
    to: Option<Timestamp>,
    /// Everything
    #[arg(long, conflicts_with_all = ["computer", "user", "policy", "person", "request", "from", "to"])]
    everything: bool,
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Hold) -> Result<()> {
    let client = session.client()?;
    match command {
        Hold::List { active, rows } => rows.print(session, &["holds"], &HoldQuery { active, ..HoldQuery::default() }, &COLUMNS),
        Hold::Show { hold } => {
            let item: Item = client.get(&["holds", &hold])?;
            session.output.print(&item, describe)
        }
        Hold::Create { name, reason, covers } => {
            let request = covers.request.map(|text| reference::request(&client, &text)).transpose()?;
            let request =
                request.map(|id| id.parse().map_err(|_| CtlError::Usage(format!("'{}' is no request", shown(&id))))).transpose()?;
            let Covered { computer, user, policy, person, from, to, .. } = covers;
            let covers = Covers { computer, user, policy, person, request, from, to };
            let item: Item = client.post(&["holds"], &NewHold { name, reason, covers })?;
            session.output.print(&item, |item| format!("made '{}' ({})\n", shown(&item.name), item.id))
        }
        Hold::Release { hold, comment } => {
            let found: Item = client.get(&["holds", &hold])?;
            session
                .output
                .confirm(&format!("release the hold '{}'; what only it keeps is redacted when its time is up", shown(&found.name)))?;
            let item: Item = client.post(&["holds", found.id.as_str(), "release"], &Because { comment })?;
            session.output.print(&item, |item| format!("released '{}'\n", shown(&item.name)))
        }
    }
}

const COLUMNS: Columns<Item> = Columns { headings: &["name", "created", "by", "released", "covers", "reason"], row };

fn row(item: &Item) -> Vec<String> {
    vec![
        shown(&item.name),
        moment(item.created),
        shown(&item.created_by_name),
        optional_moment(item.released),
        covers(&item.covers),
        shown(&item.reason),
    ]
}

fn covers(covers: &Covers) -> String {
    let parts = [
        ("computer", covers.computer.clone()),
        ("user", covers.user.clone()),
        ("policy", covers.policy.clone()),
        ("person", covers.person.clone()),
        ("request", covers.request.as_ref().map(ToString::to_string)),
        ("from", covers.from.map(moment)),
        ("to", covers.to.map(moment)),
    ];
    let parts: Vec<String> = parts.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", shown(&value?)))).collect();
    if parts.is_empty() { "everything".into() } else { parts.join(", ") }
}

fn describe(item: &Item) -> String {
    let text = |text: &Option<String>| text.as_deref().map(shown).unwrap_or_default();
    fields(&[
        ("hold", shown(&item.name)),
        ("id", item.id.to_string()),
        ("covers", covers(&item.covers)),
        ("reason", shown(&item.reason)),
        ("created", moment(item.created)),
        ("by", shown(&item.created_by_name)),
        ("released", optional_moment(item.released)),
        ("released by", text(&item.released_by_name)),
        ("because", text(&item.release_comment)),
    ])
}
