//! One client's connection: who is at the other end (by the socket alone), its one ask, and the answers.

use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use brevet_api::broker::{Answer, Ask, Reply, Tell};
use brevet_api::frame::{self, FrameError, MAX_CLIENT};
use brevet_core::record::{Body, LaunchRefused};
use brevet_sys::fdpass::{self, PassError};
use brevet_sys::peer::Peer;
use serde::Serialize;

use crate::asks;
use crate::broker::{Broker, Recorded};
use crate::budget;
use crate::elevate::{self, Refusal, Running};
use crate::facts;

/// How long a client may take for its ask.
const ASK: Duration = Duration::from_secs(10);
/// How long a person may take for a reason.
const REPLY: Duration = Duration::from_secs(600);
/// How long a client may take to read an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// As much of a refusal's reason is recorded, in bytes.
const MOST_REASON: usize = 1000;
/// Descriptors 0, 1, 2 and the working directory.
const MOST_DESCRIPTORS: usize = 4;

/// What went wrong with a client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// It sent what was not expected, or too late.
    #[error("the client could not be understood")]
    Frame(#[from] FrameError),
    /// Its descriptors did not arrive.
    #[error("the client's descriptors did not arrive")]
    Pass(#[from] PassError),
    /// Its connection failed.
    #[error("the client's connection failed")]
    Io(#[from] io::Error),
}

impl ConnectionError {
    /// Whether the client is not there any more: somebody gave up, or closed their terminal.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let broken = |error: &io::Error| matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
        match self {
            Self::Frame(FrameError::Closed) => true,
            Self::Frame(FrameError::Io(error)) | Self::Pass(PassError::Send(error) | PassError::Receive(error)) | Self::Io(error) => {
                broken(error)
            }
            Self::Frame(FrameError::Length { .. } | FrameError::Content(_)) | Self::Pass(PassError::Cut | PassError::TooMany) => false,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: UnixStream,
    /// Who is at its other end.
    pub peer: Peer,
}

/// Serves a connection: answers, or starts a session, which then has the connection.
#[must_use]
pub fn serve(broker: &Broker, stream: UnixStream, peer: Peer) -> Option<Running> {
    let connection = Connection { stream, peer };
    if let Err(refusal) = check_namespaces(broker, &connection.peer) {
        connection.refuse(broker, None, None, &refusal);
        return None;
    }
    // A client that says nothing sensible is not told what it said.
    let (ask, descriptors) = connection.ask().ok()?;
    // Only a refusal names it.
    let directory = descriptors.last().and_then(|directory| directory.try_clone().ok());
    match &ask {
        Ask::Run(run) => {
            broker.launcher.expect();
            match elevate::run(broker, &connection, (**run).clone(), descriptors) {
                Ok(running) => return running,
                Err(refusal) => connection.refuse(broker, Some(&ask), directory, &refusal),
            }
        }
        Ask::Explain(run) => {
            let answer = match elevate::explain_run(broker, &connection, (**run).clone(), descriptors) {
                Ok(explained) => Answer::Explained(Box::new(explained)),
                Err(refusal) => Answer::Refused(refusal.told()),
            };
            drop(connection.send(&answer, &[]));
        }
        Ask::List {} | Ask::Status {} | Ask::Requests {} | Ask::Grants {} | Ask::Withdraw { .. } | Ask::End { .. } | Ask::Lock {} => {
            let answer = asks::answer(broker, connection.peer.uid, &ask).unwrap_or_else(|refusal| Answer::Refused(refusal.told()));
            drop(connection.send(&answer, &[]));
        }
    }
    None
}

/// Callers who see other users or other files than this computer's are not served (ATTACKS B22).
fn check_namespaces(broker: &Broker, peer: &Peer) -> Result<(), Refusal> {
    let unknown = |error: brevet_sys::Error| Refusal::new("peer", format!("who asks could not be found out: {}", crate::chain(&error)));
    let same = peer.same_namespaces().map_err(unknown)?;
    if !same.user {
        return Err(Refusal::new("namespace", "you are in another user namespace, where your user id means something else")
            .hint("run it outside of the container"));
    }
    let same_files = same.mount && peer.same_root().map_err(unknown)?;
    if !same_files && !broker.ledger().documents.in_force().other_mount_namespaces {
        return Err(Refusal::new("namespace", "you are in another mount namespace, where paths mean other files")
            .hint("run it outside of the container, or have an administrator allow it"));
    }
    Ok(())
}

impl Connection {
    /// The client's ask with its descriptors, within one deadline.
    fn ask(&self) -> Result<(Ask, Vec<OwnedFd>), ConnectionError> {
        let until = Instant::now() + ASK;
        let mut header = [0u8; 4];
        self.stream.set_read_timeout(Some(ASK))?;
        let (length, descriptors) = fdpass::receive(self.stream.as_fd(), &mut header, MOST_DESCRIPTORS)?;
        if length == 0 {
            return Err(FrameError::Closed.into());
        }
        let mut rest = header.get(..length).unwrap_or_default().chain(Timed { stream: &self.stream, until });
        Ok((frame::read_control(&mut rest, MAX_CLIENT)?, descriptors))
    }

    /// The person's answer to a question.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn reply(&self) -> Result<Reply, ConnectionError> {
        let until = Instant::now() + REPLY;
        let mut from = Timed { stream: &self.stream, until };
        loop {
            match frame::read_control(&mut from, MAX_CLIENT)? {
                // The terminal may change its size while somebody types.
                Reply::Window(_) => {}
                other => return Ok(other),
            }
        }
    }

    /// Tells the client something.
    ///
    /// # Errors
    /// When it is gone or does not read.
    pub fn tell(&self, tell: &Tell) -> Result<(), ConnectionError> {
        self.send(tell, &[])
    }

    /// Tells an encoded message without waiting: false where the client has not read what it was told before. Nothing can be told to it then.
    ///
    /// # Errors
    /// When it is gone.
    pub fn tell_now(&self, bytes: &[u8]) -> Result<bool, ConnectionError> {
        let sent = fdpass::send_now(self.stream.as_fd(), bytes)?;
        Ok(sent == Some(bytes.len()))
    }

    /// As `tell`, with descriptors.
    ///
    /// # Errors
    /// As `tell`.
    pub fn tell_with(&self, tell: &Tell, descriptors: &[BorrowedFd<'_>]) -> Result<(), ConnectionError> {
        self.send(tell, descriptors)
    }

    fn send<T: Serialize>(&self, message: &T, descriptors: &[BorrowedFd<'_>]) -> Result<(), ConnectionError> {
        self.stream.set_write_timeout(Some(ANSWER))?;
        let bytes = frame::encode_control(message)?;
        let sent = fdpass::send(self.stream.as_fd(), &bytes, descriptors)?;
        (&self.stream).write_all(bytes.get(sent..).unwrap_or_default())?;
        Ok(())
    }

    /// Whether a client whose socket became readable while it waits is still there. What it says is taken and not acted on.
    #[must_use]
    pub fn still_there(&self) -> bool {
        let mut from = Timed { stream: &self.stream, until: Instant::now() + ASK };
        frame::read_control::<Reply>(&mut from, MAX_CLIENT).is_ok()
    }

    /// Records a refusal and tells the client.
    fn refuse(&self, broker: &Broker, ask: Option<&Ask>, directory: Option<OwnedFd>, refusal: &Refusal) {
        let uid = self.peer.uid;
        let arguments = ask.and_then(elevate::typed).map(|run| run.command.clone()).unwrap_or_default();
        let long = arguments.iter().map(|argument| argument.as_bytes().len()).sum::<usize>() > 64 * 1024;
        let whole = LaunchRefused {
            user: brevet_core::user::User { uid, name: String::new() },
            arguments: if long { arguments.into_iter().take(1).collect() } else { arguments },
            directory: directory.and_then(|directory| facts::directory_path(directory.as_fd()).ok()),
            application: refusal.facts.clone(),
            code: refusal.code.clone(),
            reason: cut(&refusal.reason),
            policy: refusal.policy.as_deref().cloned(),
        };
        let recorded = match broker.refusal(uid, budget::recorded(&whole)) {
            Recorded::Whole => Some(whole),
            Recorded::Short => Some(LaunchRefused { arguments: Vec::new(), directory: None, application: None, ..whole }),
            Recorded::Not => None,
        };
        if let Some(mut refused) = recorded {
            refused.user.name = broker.account(uid).map_or_else(|_| format!("#{uid}"), |account| account.user.name);
            if let Err(error) = broker.ledger().commit(&[Body::LaunchRefused(refused)]) {
                crate::say("broker", &format!("a refusal could not be recorded: {}", crate::chain(&error)));
            }
        }
        drop(self.tell(&Tell::Refused(refusal.told())));
    }
}

/// A reason may quote what was typed: of that, the beginning says enough.
fn cut(reason: &str) -> String {
    let end = reason.floor_char_boundary(MOST_REASON);
    if end < reason.len() { format!("{}\u{2026}", reason.get(..end).unwrap_or_default()) } else { reason.to_owned() }
}

/// Reads with one deadline over all: a client that sends a byte now and then gains nothing.
struct Timed<'a> {
    stream: &'a UnixStream,
    until: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut stream = self.stream;
        stream.read(buffer)
    }
}
