//! `brevetd`: talks to the server for the computer. Without rights of its own; see `brevet_agent` for what it must never do.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use brevet_agent::{enrol, run, user};
use brevet_api::config::Config;
use clap::{Args, Parser, Subcommand};

/// Carries documents from the server to brevet-broker, and its journal up.
#[derive(Parser)]
#[command(name = "brevetd", version)]
struct Cli {
    /// The configuration file [default: /etc/brevet/agent.toml where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Enrol this computer with a server (as root)
    Enrol(Enrol),
}

#[derive(Args)]
struct Enrol {
    /// A file with the enrolment token, or - for standard input
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Enrol again although this computer is enrolled already: it becomes a new computer to the server
    #[arg(long)]
    replace: bool,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("BREVET_LOG").unwrap_or_else(|_| "info".into()))
        .init();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("brevetd: {error:#}");
            if let Some(hint) = error.downcast_ref::<enrol::EnrolError>().and_then(enrol::EnrolError::hint) {
                eprintln!("brevetd: hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let config = Config::load(cli.config.as_deref())?;
    // The one cryptography provider of this process; a second call would only say that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(Command::Enrol(arguments)) = cli.command {
        let options = enrol::Options { token_file: arguments.token_file, replace: arguments.replace };
        let done = runtime()?.block_on(enrol::enrol(&config, &options))?;
        print!("{done}");
        return Ok(());
    }
    // WHY: before any thread exists, and by executing ourselves again, so that no part of root's process is kept.
    let arguments = match &cli.config {
        Some(file) => vec!["--config".into(), std::path::absolute(file).context("cannot find the configuration")?.into()],
        None => Vec::new(),
    };
    user::become_agent_user(&config, &arguments)?;
    runtime()?.block_on(run::run(&config)).map_err(Into::into)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the asynchronous runtime")
}
