//! `brevetctl session`: each elevated run.

use brevet_api::rest::session::{SessionItem, SessionQuery};
use brevet_core::record::Outcome;
use clap::Subcommand;

use crate::cli;
use crate::error::Result;
use crate::listing::{Columns, Listing};
use crate::output::{fields, moment, optional_moment, shown, word};
use crate::reference;
use crate::watch::Watch;

/// What to do with sessions.
#[derive(Subcommand)]
pub enum Session {
    /// List sessions, newest first
    List {
        /// started or ended
        #[arg(long, value_parser = ["started", "ended"])]
        state: Option<String>,
        /// A computer's name or id
        #[arg(long)]
        computer: Option<String>,
        /// An OS user's name
        #[arg(long)]
        user: Option<String>,
        /// A policy's name or id
        #[arg(long)]
        policy: Option<String>,
        /// A grant's id
        #[arg(long)]
        grant: Option<String>,
        #[command(flatten)]
        rows: Listing,
        #[command(flatten)]
        watch: Watch,
    },
    /// Show a session
    Show {
        /// Id
        session: String,
    },
}

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &cli::Session, command: Session) -> Result<()> {
    let client = session.client()?;
    match command {
        Session::List { state, computer, user, policy, grant, rows, watch } => {
            let grant = grant.map(|text| reference::grant(&client, &text)).transpose()?;
            let query = SessionQuery { state, computer, user, policy, grant, ..SessionQuery::default() };
            rows.watch(session, &watch, (&["sessions"], &query), &COLUMNS)
        }
        Session::Show { session: id } => {
            let item: SessionItem = client.get(&["sessions", &reference::session(&client, &id)?])?;
            session.output.print(&item, describe)
        }
    }
}

fn outcome(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => String::new(),
        Some(Outcome::Exited { status }) => format!("exit status {status}"),
        Some(Outcome::Signalled { signal }) => format!("signal {signal}"),
        Some(Outcome::NotStarted { reason }) => format!("not started: {}", shown(reason)),
        Some(Outcome::Expired) => "expired".into(),
        Some(Outcome::Revoked) => "revoked".into(),
        Some(Outcome::Finished) => "finished".into(),
        Some(Outcome::Lost) => "lost".into(),
    }
}

const COLUMNS: Columns<SessionItem> =
    Columns { headings: &["id", "state", "computer", "user", "as", "started", "ended", "outcome", "command"], row };

fn row(item: &SessionItem) -> Vec<String> {
    vec![
        item.id.to_string(),
        word(&item.state),
        shown(&item.computer.name),
        shown(&item.user),
        shown(&item.target_user),
        moment(item.started),
        optional_moment(item.ended),
        outcome(item.outcome.as_ref()),
        shown(&item.command),
    ]
}

fn describe(item: &SessionItem) -> String {
    let record = item.record.as_ref();
    fields(&[
        ("session", item.id.to_string()),
        ("state", word(&item.state)),
        ("outcome", outcome(item.outcome.as_ref())),
        ("processes", item.processes.map(|n| n.to_string()).unwrap_or_default()),
        ("processes ended", item.processes_ended.map(|n| n.to_string()).unwrap_or_default()),
        ("grant", item.grant.to_string()),
        ("computer", shown(&item.computer.name)),
        ("user", shown(&item.user)),
        ("runs as", shown(&item.target_user)),
        ("command", shown(&item.command)),
        ("directory", record.map(|r| r.command.directory.to_string()).unwrap_or_default()),
        ("file", record.map(|r| r.command.application.path.to_string()).unwrap_or_default()),
        ("sha256", record.map(|r| r.command.application.sha256.to_string()).unwrap_or_default()),
        ("reason", item.reason.as_deref().map(shown).unwrap_or_default()),
        ("policy", format!("{} (version {})", shown(&item.policy.name), item.policy.version)),
        ("containment", word(&item.containment)),
        ("started", moment(item.started)),
        ("hard end", moment(item.ends)),
        ("ended", optional_moment(item.ended)),
    ])
}
