//! `brevetctl event`: the audit log as a table or a file, and the computers' journals, verified here.

mod journal;
mod verify;

use std::path::PathBuf;

use brevet_api::rest::Page;
use brevet_api::rest::event::{Event as Item, EventQuery};
use brevet_core::time::Timestamp;
use clap::{Args, Subcommand};

use crate::cli::{Limit, Session};
use crate::error::{CtlError, Result};
use crate::output::{moment, page_table, shown};
use crate::profile::io;

/// What to do with events.
#[derive(Subcommand)]
pub enum Event {
    /// List events, newest first
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        limit: Limit,
    },
    /// Write every event that fits the filter, oldest first
    Export {
        #[command(flatten)]
        filter: Filter,
        /// csv or jsonl; journal for the computers' journals themselves, which verify --file reads
        #[arg(long, value_parser = ["csv", "jsonl", "journal"], default_value = "jsonl")]
        format: String,
        /// Where to; standard output where absent
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Verify journals: every record follows from the one before it, up to the head that the computer signed
    Verify {
        /// Only this computer, by name or id
        #[arg(long)]
        computer: Option<String>,
        /// Journals from a file of `event export --format journal` instead of the server
        #[arg(long, value_name = "FILE", conflicts_with = "computer")]
        file: Option<PathBuf>,
    },
}

/// Which events; every condition must hold.
#[derive(Debug, Args)]
pub struct Filter {
    /// A kind such as session.ended, or the beginning of one with its dot (grant.); several with commas
    #[arg(long)]
    kind: Option<String>,
    /// A computer's name or id
    #[arg(long)]
    computer: Option<String>,
    /// An OS user's name
    #[arg(long)]
    user: Option<String>,
    /// A policy's name or id
    #[arg(long)]
    policy: Option<String>,
    /// A request's id
    #[arg(long)]
    request: Option<String>,
    /// A grant's id
    #[arg(long)]
    grant: Option<String>,
    /// A session's id
    #[arg(long)]
    session: Option<String>,
    /// A person's name or id
    #[arg(long)]
    person: Option<String>,
    /// From this moment on, such as 2026-12-01T20:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "MOMENT", value_parser = Timestamp::parse)]
    to: Option<Timestamp>,
    /// Text anywhere in the event
    #[arg(long)]
    text: Option<String>,
}

impl Filter {
    fn query(self, format: Option<String>) -> EventQuery {
        EventQuery {
            format,
            kind: self.kind,
            computer: self.computer,
            user: self.user,
            policy: self.policy,
            request: self.request,
            grant: self.grant,
            session: self.session,
            person: self.person,
            from: self.from,
            to: self.to,
            text: self.text,
            ..EventQuery::default()
        }
    }
}

/// # Errors
/// When the server cannot be reached or refuses, or a journal does not verify.
pub fn run(session: &Session, command: Event) -> Result<()> {
    match command {
        Event::List { filter, limit } => {
            let page: Page<Item> = session.client()?.list(&["events"], &filter.query(None), limit.limit)?;
            session.output.print(&page, |page| page_table(page, &["time", "kind", "computer", "user", "policy", "by", "what"], row))
        }
        Event::Export { filter, format, output } => export(session, filter, format, output),
        Event::Verify { computer, file } => {
            if let Some(file) = file {
                let mut pages = journal::from_file(&file)?.peekable();
                if pages.peek().is_none() {
                    return Err(CtlError::Usage(format!("'{}' has no journal in it", file.display())));
                }
                return verify::report(session, Box::new(pages));
            }
            let client = session.client()?;
            verify::report(session, journal::download(&client, computer.as_deref())?)
        }
    }
}

fn export(session: &Session, filter: Filter, format: String, output: Option<PathBuf>) -> Result<()> {
    let client = session.client()?;
    let mut writer: Box<dyn std::io::Write> = match &output {
        Some(file) => Box::new(std::fs::File::create(file).map_err(|source| io("write", file, source))?),
        None => Box::new(std::io::stdout().lock()),
    };
    if format != "journal" {
        return client.copy(&["events", "export"], &filter.query(Some(format)), &mut writer);
    }
    let computer = filter.computer.clone();
    if filter.query(None) != (EventQuery { computer: computer.clone(), ..EventQuery::default() }) {
        return Err(CtlError::Usage("journals are exported whole: only --computer can be given with --format journal".into()));
    }
    journal::export(&client, computer.as_deref(), &mut writer)
}

fn row(event: &Item) -> Vec<String> {
    vec![
        moment(event.time),
        shown(&event.kind),
        event.computer_name.as_deref().map(shown).unwrap_or_default(),
        event.user.as_deref().map(shown).unwrap_or_default(),
        event.policy_name.as_deref().map(shown).unwrap_or_default(),
        shown(&event.actor.name),
        shown(&event.summary),
    ]
}
