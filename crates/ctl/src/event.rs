//! `brevetctl event`: the audit log as a table or a file, and the computers' journals, verified here.

mod count;
mod filter;
mod journal;
mod log;
mod pins;
mod redact;
mod show;
mod verify;
mod view;

use std::path::PathBuf;

use brevet_api::rest::event::EventQuery;
use brevet_api::rest::event_log::EventProof;
use clap::Subcommand;

pub use filter::{Filter, When, moment};
pub use show::{Rows, list};

use journal::Line;

use crate::cli::Session;
use crate::clock::now;
use crate::error::{CtlError, Result};
use crate::reference;
use crate::whole_file::WholeFile;

/// What to do with events.
#[derive(Subcommand)]
pub enum Event {
    /// List events, newest first
    List {
        /// As a saved view says, with its columns; further conditions narrow or replace its own
        #[arg(long, value_name = "NAME")]
        view: Option<String>,
        #[command(flatten)]
        filter: Box<Filter>,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show an event with everything that its body says
    Show {
        /// Id
        event: String,
    },
    /// Saved views: searches and columns that you keep for yourself, here and in the console
    #[command(subcommand)]
    View(view::View),
    /// Count events of some kinds on each of the last days (days of UTC, or of a zone)
    Count {
        /// Kinds with commas between them
        #[arg(long, value_name = "KINDS", default_value = count::USUAL)]
        kind: String,
        /// How many days, 1 to 92
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// The zone whose days are meant, such as Europe/Berlin
        #[arg(long)]
        zone: Option<String>,
    },
    /// Write every event that fits the filter, oldest first
    Export {
        /// As a saved view says; further conditions narrow or replace its own
        #[arg(long, value_name = "NAME")]
        view: Option<String>,
        #[command(flatten)]
        filter: Box<Filter>,
        /// csv or jsonl; journal for the computers' journals and the server's log as they are signed, which verify --file reads
        #[arg(long, value_parser = ["csv", "jsonl", "journal"], default_value = "jsonl")]
        format: String,
        /// Where to; standard output where absent. The file appears when it is whole
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take away the text of what is old and held by nothing; what remains still verifies
    Redact(redact::Which),
    /// Prove that the server's signed log has an event: what this writes, verify --proof verifies anywhere
    Proof {
        /// Id
        event: String,
        /// Where to; standard output where absent
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Verify the computers' journals and the server's log: nothing was changed, left out or added since it was signed
    Verify {
        /// Only this computer, by name or id
        #[arg(long)]
        computer: Option<String>,
        /// Journals and log from a file of `event export --format journal` instead of the server
        #[arg(long, value_name = "FILE", conflicts_with = "computer")]
        file: Option<PathBuf>,
        /// Only what `event proof` wrote: one event, in the log that the server signed
        #[arg(long, value_name = "FILE", conflicts_with_all = ["computer", "file", "write_pins"])]
        proof: Option<PathBuf>,
        /// The key that signs journals (with --proof: the log), got elsewhere than from the server: as brevetd enrol printed it, sha256:…, or base64
        #[arg(long, value_name = "KEY", value_parser = pins::PinnedKey::parse)]
        key: Option<pins::PinnedKey>,
        /// Keys, and how far each journal and the log went when they were verified before: lines COMPUTER KEY [LIFE NUMBER HASH] and @log KEY [EPOCH EVENTS ROOT]
        #[arg(long, value_name = "FILE")]
        pins: Option<PathBuf>,
        /// Where all verify, write what --pins takes the next time
        #[arg(long, value_name = "FILE")]
        write_pins: Option<PathBuf>,
    },
}

/// # Errors
/// When the server cannot be reached or refuses, or a journal does not verify.
pub fn run(session: &Session, command: Event) -> Result<()> {
    match command {
        Event::List { view: None, filter, rows } => list(session, filter.query(), &rows),
        Event::List { view: Some(name), filter, rows } => {
            let view = view::find(&session.client()?, &name)?;
            let columns = view.columns.clone();
            list(session, view::asked(view, now(), &filter.query())?, &rows.or_columns(columns))
        }
        Event::View(command) => view::run(session, command),
        Event::Show { event } => show::one(session, &event),
        Event::Count { kind, days, zone } => count::run(session, kind, days, zone),
        Event::Export { view, filter, format, output } => {
            let own = filter.query();
            let query = match view {
                Some(name) => view::asked(view::find(&session.client()?, &name)?, now(), &own)?,
                None => own,
            };
            export(session, EventQuery { order: None, ..query }, &format, output)
        }
        Event::Redact(which) => redact::run(session, &which),
        Event::Proof { event, output } => {
            let proof: EventProof = session.client()?.get(&["events", &event, "proof"])?;
            let text = serde_json::to_string_pretty(&proof).map_err(|error| CtlError::Failed(error.to_string()))? + "\n";
            written(output, |to| to.write_all(text.as_bytes()).map_err(|source| CtlError::Io { what: "write the proof".into(), source }))
        }
        Event::Verify { proof: Some(proof), key, pins, .. } => log::proof(session, &proof, &pins::Pins::read(pins.as_deref(), key)?),
        Event::Verify { computer, file, key, pins, write_pins, proof: None } => {
            let pins = pins::Pins::read(pins.as_deref(), key)?;
            let against = verify::Against { pins, whole: computer.is_none() && file.is_none(), write: write_pins };
            if let Some(file) = file {
                let mut lines = journal::from_file(&file)?.peekable();
                if lines.peek().is_none() {
                    return Err(CtlError::Usage(format!("'{}' has no journal in it", file.display())));
                }
                return verify::report(session, Box::new(lines), &against);
            }
            let client = session.client()?;
            let journals = journal::download(&client, computer.as_deref())?.map(|page| page.map(|page| Line::Journal(Box::new(page))));
            if computer.is_some() {
                return verify::report(session, Box::new(journals), &against);
            }
            let log = log::download(&client).map(|page| page.map(|page| Line::Log(Box::new(page))));
            verify::report(session, Box::new(journals.chain(log)), &against)
        }
    }
}

fn export(session: &Session, query: EventQuery, format: &str, output: Option<PathBuf>) -> Result<()> {
    let client = session.client()?;
    let query = reference::in_query(&client, query)?;
    let computer = query.computer.clone();
    if format == "journal" && query != (EventQuery { computer: computer.clone(), ..EventQuery::default() }) {
        return Err(CtlError::Usage("journals are exported whole: only --computer can be given with --format journal".into()));
    }
    let write = |to: &mut dyn std::io::Write| match format {
        "journal" => {
            journal::export(&client, computer.as_deref(), to)?;
            if computer.is_none() { log::export(&client, to) } else { Ok(()) }
        }
        _ => client.copy(&["events", "export"], &EventQuery { format: Some(format.into()), ..query }, to),
    };
    written(output, write)
}

fn written(output: Option<PathBuf>, write: impl FnOnce(&mut dyn std::io::Write) -> Result<()>) -> Result<()> {
    let Some(file) = output else { return write(&mut std::io::stdout().lock()) };
    let mut whole = WholeFile::begin(file)?;
    write(&mut whole)?;
    whole.finish()
}
