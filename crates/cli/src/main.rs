//! `brevet`: the user's command. It asks the broker over a unix socket, shows what the broker says, and once a session runs
//! carries bytes between the user's terminal and the session's.
//!
//! It has no privileges and decides nothing. It must never hand anything to a socket that is not root's, never show text
//! that somebody else chose without escaping it, and never leave the terminal changed.

mod arguments;
mod connection;
mod environment;
mod failure;
mod fit;
mod help;
mod manual;
mod query;
mod run;
mod show;
mod status;
mod table;
mod terminal;
mod voice;

use arguments::Command;
use failure::Form;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else is read: passwords pass through this process.
    let hardened = brevet_sys::process::forbid_dumping();
    let mut given = std::env::args_os();
    if given.next().is_none() {
        // A caller that gives no argument vector is up to something (pkexec, CVE-2021-4034).
        return ExitCode::from(status::FAILED);
    }
    if let Err(error) = hardened {
        return failure::report(&failure::Failure::Harden(error), Form::Words);
    }
    let command = match arguments::parse(given) {
        Ok(command) => command,
        Err(usage) => return failure::report(&failure::Failure::Usage(usage), Form::Words),
    };
    let form = match &command {
        Command::Run(options) if options.json => Form::Tell,
        Command::Query(query) if query.json => Form::Answer,
        Command::Run(_) | Command::Query(_) | Command::Help(_) | Command::Completion(_) | Command::Manual(_) | Command::Version => {
            Form::Words
        }
    };
    let outcome = match command {
        Command::Help(text) => print(&fit::fit(text, terminal::columns(std::io::stdout().as_fd()))),
        Command::Completion(text) => print(text),
        Command::Version => print(concat!("brevet ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Run(options) => run::run(&options),
        Command::Query(query) => query::run(&query),
        Command::Manual(folder) => manual::pages(&folder).map(|()| 0),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => failure::report(&failure, form),
    }
}

/// A reader that went away (`brevet --help | head -1`) is no failure.
#[expect(clippy::unnecessary_wraps, reason = "one of several outcomes of a command")]
fn print(text: &str) -> Result<u8, failure::Failure> {
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(0)
}
