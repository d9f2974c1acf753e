//! The program: reads the command line, does what it says, prints what went wrong. Nothing else.

use std::process::ExitCode;

use clap::Parser as _;

/// WHY not the C library's: rows are read on one thread and let go of on another, for which its threads wait for each other (ADR 13).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
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
