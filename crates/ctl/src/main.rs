//! `brevetctl`: everything that the console can do, from a terminal. It has no API of its own and decides nothing itself.

mod apply;
mod autonomous;
mod cli;
mod client;
mod computer;
mod enrolment;
mod error;
mod event;
mod grant;
mod group;
mod list;
mod output;
mod person;
mod policy;
mod profile;
mod reference;
mod request;
mod session;
mod setting;
mod stored;
mod token;
mod toml_text;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // The one cryptography provider of this process; a second call would only say that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                eprintln!("brevetctl: {line}");
            }
            ExitCode::from(error.exit_status())
        }
    }
}
