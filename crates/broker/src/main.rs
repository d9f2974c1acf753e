//! Picks the role; every role lives in the library of this crate.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use brevet_broker::launcher::{Ahead, Awaited};
use brevet_broker::spec::Containment;
use clap::{Parser, Subcommand};

/// Decides about elevations on this computer, starts, contains and records them.
#[derive(Debug, Parser)]
#[command(name = "brevet-broker", version)]
struct Arguments {
    /// The configuration file [default: /etc/brevet/agent.toml, where there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// Started by the launcher (itself by the broker) with their descriptors in place.
#[derive(Debug, Clone, Copy, Subcommand)]
enum Role {
    #[command(hide = true)]
    Launcher,
    #[command(hide = true)]
    Supervisor,
    #[command(hide = true)]
    Authn,
    #[command(hide = true)]
    Names,
}

fn ahead<'a>(service: &'a str, sessions: &'a str, groups: &'a str) -> Ahead<'a> {
    Ahead { service, sessions: Path::new(sessions), groups: Path::new(groups) }
}

fn main() -> ExitCode {
    // WHY: a role's start counts in every elevation; its one word needs no parser.
    let words: Vec<String> = std::env::args_os().skip(1).take(7).filter_map(|word| word.into_string().ok()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["launcher"] => return brevet_broker::launcher::run(None),
        ["launcher", service, sessions, groups] => return brevet_broker::launcher::run(Some(ahead(service, sessions, groups))),
        ["supervisor"] => return brevet_broker::supervisor::run(None),
        ["supervisor", service, sessions, groups] => return brevet_broker::supervisor::run_template(ahead(service, sessions, groups)),
        ["supervisor", service, sessions, groups, session, containment] => {
            let containment =
                if *containment == Containment::PidNamespace.word() { Containment::PidNamespace } else { Containment::Cgroup };
            return brevet_broker::supervisor::run(Some(Awaited { ahead: ahead(service, sessions, groups), session, containment }));
        }
        ["authn"] => return brevet_broker::authn::run(),
        ["names"] => return brevet_broker::names::run(),
        _ => {}
    }
    let arguments = Arguments::parse();
    match arguments.role {
        None => brevet_broker::serve::main(arguments.config.as_deref()),
        Some(Role::Launcher | Role::Supervisor | Role::Authn | Role::Names) => ExitCode::from(2),
    }
}
