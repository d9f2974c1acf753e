//! `brevetctl event`: the audit log as a table or a file, and the computers' journals, verified here.

mod count;
mod filter;
mod journal;
mod pins;
mod redact;
mod show;
mod verify;

use std::path::PathBuf;

use brevet_api::rest::event::EventQuery;
use clap::Subcommand;

pub use filter::{Filter, When, moment};
pub use show::{Rows, list};

use crate::cli::Session;
use crate::error::{CtlError, Result};
use crate::reference;
use crate::whole_file::WholeFile;

/// What to do with events.
#[derive(Subcommand)]
pub enum Event {
    /// List events, newest first
    List {
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
    /// Count events of some kinds on each of the last days (days of UTC)
    Count {
        /// Kinds with commas between them
        #[arg(long, value_name = "KINDS", default_value = count::USUAL)]
        kind: String,
        /// How many days, 1 to 92
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// Write every event that fits the filter, oldest first
    Export {
        #[command(flatten)]
        filter: Box<Filter>,
        /// csv or jsonl; journal for the computers' journals themselves, which verify --file reads
        #[arg(long, value_parser = ["csv", "jsonl", "journal"], default_value = "jsonl")]
        format: String,
        /// Where to; standard output where absent. The file appears when it is whole
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take away the text of what is old and held by nothing; what remains still verifies
    Redact(redact::Which),
    /// Verify journals: every record follows from the one before it, up to the head that the computer signed
    Verify {
        /// Only this computer, by name or id
        #[arg(long)]
        computer: Option<String>,
        /// Journals from a file of `event export --format journal` instead of the server
        #[arg(long, value_name = "FILE", conflicts_with = "computer")]
        file: Option<PathBuf>,
        /// The key that signs, got elsewhere than from the server: as brevetd enrol printed it, sha256:…, or base64
        #[arg(long, value_name = "KEY", value_parser = pins::PinnedKey::parse)]
        key: Option<pins::PinnedKey>,
        /// Keys, and how far each journal went when it was verified before: a line for each, COMPUTER KEY [LIFE NUMBER HASH]
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
        Event::List { filter, rows } => list(session, filter.query(), &rows),
        Event::Show { event } => show::one(session, &event),
        Event::Count { kind, days } => count::run(session, kind, days),
        Event::Export { filter, format, output } => export(session, *filter, &format, output),
        Event::Redact(which) => redact::run(session, &which),
        Event::Verify { computer, file, key, pins, write_pins } => {
            let pins = pins::Pins::read(pins.as_deref(), key)?;
            let against = verify::Against { pins, whole: computer.is_none() && file.is_none(), write: write_pins };
            if let Some(file) = file {
                let mut pages = journal::from_file(&file)?.peekable();
                if pages.peek().is_none() {
                    return Err(CtlError::Usage(format!("'{}' has no journal in it", file.display())));
                }
                return verify::report(session, Box::new(pages), &against);
            }
            let client = session.client()?;
            verify::report(session, journal::download(&client, computer.as_deref())?, &against)
        }
    }
}

fn export(session: &Session, filter: Filter, format: &str, output: Option<PathBuf>) -> Result<()> {
    let client = session.client()?;
    let query = reference::in_query(&client, filter.query())?;
    let computer = query.computer.clone();
    if format == "journal" && query != (EventQuery { computer: computer.clone(), ..EventQuery::default() }) {
        return Err(CtlError::Usage("journals are exported whole: only --computer can be given with --format journal".into()));
    }
    let write = |to: &mut dyn std::io::Write| match format {
        "journal" => journal::export(&client, computer.as_deref(), to),
        _ => client.copy(&["events", "export"], &EventQuery { format: Some(format.into()), ..query }, to),
    };
    let Some(file) = output else { return write(&mut std::io::stdout().lock()) };
    let mut whole = WholeFile::begin(file)?;
    write(&mut whole)?;
    whole.finish()
}
