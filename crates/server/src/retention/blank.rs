//! What remains of a request and of a session's start: who, where, under which policy, with which rights and for how long, not what or why.

use brevet_core::application::{Fact, Facts};
use brevet_core::digest::Digest;
use brevet_core::record::SessionStarted;
use brevet_core::request::{Command, Request};
use brevet_core::text::OsText;
use brevet_core::user::User;

/// Its digest stays, and does not fit it any more.
pub(super) fn request(old: Request) -> Request {
    Request { command: command(old.command.target), reason: String::new(), ticket: None, ..old }
}

pub(super) fn session(old: SessionStarted) -> SessionStarted {
    SessionStarted { command: command(old.command.target), reason: None, ..old }
}

fn command(target: User) -> Command {
    let empty = OsText::default;
    Command { application: facts(), arguments: Vec::new(), directory: empty(), target, kept_environment: Vec::new() }
}

fn facts() -> Facts {
    fn gone<T>() -> Fact<T> {
        Fact::Unknown("redacted".into())
    }
    Facts {
        path: OsText::default(),
        names: Vec::new(),
        chain: gone(),
        writable_by: None,
        sha256: Digest::from_bytes([0; 32]),
        size: 0,
        owner: gone(),
        mode: 0,
        package: gone(),
        interpreter: None,
        parent: gone(),
        store: gone(),
    }
}
