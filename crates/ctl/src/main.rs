//! The process `brevetctl`: reads the command line, prints what went wrong, ends with the status.

use std::process::ExitCode;

use brevet_ctl::cli;
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
