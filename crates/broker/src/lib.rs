//! `brevet-broker`: the privileged half of the agent, five roles in one binary.
//!
//! - *broker* decides, keeps documents and journal, and owns the sockets; confined to unix sockets.
//! - *launcher* starts the other roles, so that nothing inherits the broker's filter.
//! - *supervisor* starts, contains and ends one session.
//! - *authn* runs Linux-PAM for one attempt.
//! - *names* answers questions about users and groups through NSS.
//!
//! It links no TLS, HTTP, DNS or SQL, and its broker role opens no network socket.

pub mod acceptors;
pub mod asks;
pub mod authn;
pub mod broker;
pub mod budget;
pub mod clock;
pub mod computer;
pub mod connection;
pub mod documents;
pub mod elevate;
pub mod environment;
pub mod facts;
pub mod fault;
pub mod journal;
pub mod launcher;
pub mod ledger;
pub mod link;
pub mod names;
pub mod proof;
pub mod random;
pub mod serve;
pub mod sessions;
pub mod shares;
pub mod socket;
pub mod spec;
pub mod state;
pub mod supervisor;

/// Says on standard error why a role ended, the whole chain of causes; a closed standard error is no reason to fail.
pub(crate) fn failed(role: &str, error: &dyn std::error::Error) -> std::process::ExitCode {
    say(role, &chain(error));
    std::process::ExitCode::FAILURE
}

/// A line on standard error.
pub(crate) fn say(role: &str, text: &str) {
    use std::io::Write;
    let text = brevet_core::escape::terminal(text.as_bytes());
    drop(writeln!(std::io::stderr(), "brevet-broker {role}: {text}"));
}

/// A line on standard error, as it stands: for what others wait for.
pub(crate) fn say_plain(text: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
