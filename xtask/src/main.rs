//! What `make` calls: the demo, an installation in the background, and the checks that no compiler makes.

mod bench;
mod check;
mod demo;
mod long;
mod screenshots;
mod stop;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the Brevet repository
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The whole story, checked step by step; stays until Ctrl-C
    Demo {
        /// Folder with the built programs
        #[arg(long)]
        programs: PathBuf,
        /// End after the story
        #[arg(long)]
        once: bool,
    },
    /// Start server and agent in the background and print where they are, as JSON
    Up {
        /// Folder with the built programs
        #[arg(long)]
        programs: PathBuf,
        /// Folder for the state, in `brevet/` below it
        #[arg(long)]
        directory: PathBuf,
    },
    /// End what `up` started
    Down {
        /// As for `up`
        #[arg(long)]
        directory: PathBuf,
    },
    /// In the background, for `up`: hold an installation
    #[command(hide = true)]
    Hold {
        #[arg(long)]
        programs: PathBuf,
        #[arg(long)]
        directory: PathBuf,
    },
    /// Every figure beside its peer, as a table and as docs/benchmarks.md
    Bench {
        /// Folder with the built programs
        #[arg(long)]
        programs: PathBuf,
        /// Folder with brevet-bench, brevet-starter and brevet-stamp
        #[arg(long)]
        natives: PathBuf,
        /// How often each thing is done
        #[arg(long, default_value_t = 200)]
        rounds: usize,
        /// Only these of decisions, server, export, starts, grants, memory
        #[arg(long)]
        only: Vec<String>,
    },
    /// The full figures of properties and model, and docs/test-long.md
    TestLong {
        /// How many cases of each property
        #[arg(long, default_value_t = 1_000_000)]
        cases: u64,
    },
    /// A picture of every page of the console in both themes, and those of the guide in docs/guide/images
    Screenshots {
        /// Folder with the built programs
        #[arg(long)]
        programs: PathBuf,
    },
    /// Rules of the house that no compiler checks
    Check,
}

fn main() -> ExitCode {
    brevet_e2e::keeper::run_if_asked();
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Demo { programs, once } => demo::run(programs, once),
        Task::Up { programs, directory } => up::up(&programs, &directory),
        Task::Down { directory } => up::down(&directory),
        Task::Hold { programs, directory } => up::hold(programs, directory),
        Task::Bench { programs, natives, rounds, only } => bench::Bench { programs, natives, rounds, only }.run(),
        Task::TestLong { cases } => long::run(cases),
        Task::Screenshots { programs } => screenshots::run(programs),
        Task::Check => check::run(),
    }
}
