//! What can go wrong on our side, and the one place that prints it.

use crate::fit::fit;
use crate::status;
use crate::terminal;
use crate::voice;
use brevet_api::frame::FrameError;
use brevet_core::escape;
use brevet_core::id::RequestId;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

/// Why `brevet` itself failed: exit status 125.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line.
    #[error(transparent)]
    Usage(#[from] crate::arguments::Usage),
    /// `brevet man`.
    #[error("cannot write '{}'", escape::terminal(.path.as_bytes()))]
    Page {
        /// Which file or folder.
        path: OsString,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `PR_SET_DUMPABLE`.
    #[error("cannot protect this process from being read")]
    Harden(#[source] brevet_sys::Error),
    /// No socket, or nobody behind it.
    #[error("cannot reach the broker at '{}'", escape::terminal(.socket.as_bytes()))]
    Unreachable {
        /// Where.
        socket: OsString,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// Not a socket, or not root's.
    #[error("'{}' is not the broker's socket: {reason}", escape::terminal(.socket.as_bytes()))]
    NotTheBroker {
        /// Where.
        socket: OsString,
        /// In words.
        reason: &'static str,
    },
    /// Too large for a frame.
    #[error("the command line is too long: {length} bytes, the broker takes {limit}")]
    TooLong {
        /// As it would be sent.
        length: usize,
        /// As the broker takes it.
        limit: usize,
    },
    /// The first message could not be sent.
    #[error("cannot send to the broker")]
    Send(#[source] io::Error),
    /// What came is no message.
    #[error("the broker's answer cannot be understood")]
    Answer(#[source] FrameError),
    /// Reading failed.
    #[error("the connection to the broker failed")]
    Receive(#[source] io::Error),
    /// It closed before it said how it ends.
    #[error("the broker closed the connection before anything ran")]
    BrokerGone,
    /// The same, while a request waits.
    #[error("the broker closed the connection; request {request} is not withdrawn by that")]
    BrokerGonePending {
        /// Which.
        request: RequestId,
    },
    /// The supervisor closed before it said how the program ended.
    #[error("the connection to the running session was lost; the program may still be running")]
    SessionLost,
    /// A system call.
    #[error("an operating-system call failed")]
    System(#[from] brevet_sys::Error),
    /// The working directory.
    #[error("cannot open the working directory")]
    Directory(#[source] io::Error),
}

impl Failure {
    /// What to do next.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage(_) => Some("see 'brevet --help'".to_owned()),
            Self::Unreachable { .. } => Some("is brevet-broker running? BREVET_SOCKET names another socket".to_owned()),
            Self::NotTheBroker { .. } => Some("look at BREVET_SOCKET, and tell your administrator".to_owned()),
            Self::BrokerGone => Some("try again; 'brevet status' shows whether the broker is back".to_owned()),
            Self::BrokerGonePending { request } => {
                Some(format!("run the same command again to go on waiting, or 'brevet withdraw {request}' to take it back"))
            }
            Self::SessionLost => Some("'brevet grants' shows your running sessions, 'brevet end ID' ends one".to_owned()),
            Self::Answer(_) => Some("are 'brevet' and the broker of the same version? see 'brevet status'".to_owned()),
            Self::Page { .. }
            | Self::Harden(_)
            | Self::TooLong { .. }
            | Self::Send(_)
            | Self::Receive(_)
            | Self::System(_)
            | Self::Directory(_) => None,
        }
    }
}

/// How a failure is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In words on standard error.
    Words,
    /// A line beside the messages of `run --json`, on standard error.
    Tell,
    /// In the place of the answer that another command prints with `--json`, on standard output.
    Answer,
}

/// Says the chain of causes and the hint; the exit status is 125.
pub fn report(failure: &Failure, form: Form) -> ExitCode {
    let mut line = failure.to_string();
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&crate::show::words(&error.to_string()));
        cause = error.source();
    }
    let hint = failure.hint();
    let said = |key: &str| format!("{}\n", voice::ascii(&serde_json::json!({ key: "failed", "reason": line, "hint": hint }).to_string()));
    drop(match form {
        Form::Words => {
            let hint = hint.as_ref().map(|hint| format!("  hint: {hint}\n")).unwrap_or_default();
            let text = fit(&format!("brevet: {line}\n{hint}"), terminal::columns(io::stderr().as_fd()));
            io::Write::write_all(&mut io::stderr(), text.as_bytes())
        }
        Form::Tell => io::Write::write_all(&mut io::stderr(), said("tell").as_bytes()),
        Form::Answer => io::Write::write_all(&mut io::stdout(), said("answer").as_bytes()),
    });
    ExitCode::from(status::FAILED)
}
