//! What can go wrong on our side, and the one place that prints it.

use crate::status;
use brevet_api::frame::FrameError;
use brevet_core::escape;
use brevet_core::id::RequestId;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;

/// Why `brevet` itself failed: exit status 125.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line.
    #[error(transparent)]
    Usage(#[from] crate::arguments::Usage),
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
            Self::Harden(_) | Self::TooLong { .. } | Self::Send(_) | Self::Receive(_) | Self::System(_) | Self::Directory(_) => None,
        }
    }
}

/// Prints the chain of causes and the hint on standard error; the exit status is 125.
pub fn report(failure: &Failure) -> ExitCode {
    let mut line = format!("brevet: {failure}");
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&crate::show::words(&error.to_string()));
        cause = error.source();
    }
    line.push('\n');
    if let Some(hint) = failure.hint() {
        line.push_str(&format!("  hint: {hint}\n"));
    }
    drop(io::Write::write_all(&mut io::stderr(), line.as_bytes()));
    ExitCode::from(status::FAILED)
}
