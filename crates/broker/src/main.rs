//! Picks the role; every role lives in the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    let role = std::env::args_os().nth(1);
    match role.as_deref().and_then(|role| role.to_str()) {
        // Hidden roles: started by the launcher (itself by the broker) with their descriptors in place.
        Some("launcher") => brevet_broker::launcher::run(),
        Some("supervisor") => brevet_broker::supervisor::run(),
        Some("authn") => brevet_broker::authn::run(),
        Some("names") => brevet_broker::names::run(),
        _ => ExitCode::from(2),
    }
}
