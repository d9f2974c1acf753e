//! The program: reads the command line, does what it says, prints what went wrong. Nothing else.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    brevet_sys::memory::in_one_place();
    let command = brevet_server::cli::Cli::parse();
    // What calls others (webhooks, the provider of single sign-on) has no TLS without it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("brevet-server: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(brevet_server::cli::run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("brevet-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
