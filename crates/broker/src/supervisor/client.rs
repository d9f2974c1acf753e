//! The broker's side of a session: starting it in two steps, orders, reports, and finding it again after a restart.

use super::state::StateDirectory;
use crate::launcher;
use crate::spec::{self, EndReason, Ended, Identity, MAX_ROLE, Order, Report, SessionSpec, Started, Status};
use brevet_api::frame::{self, FrameError};
use brevet_sys::cgroup::Group;
use brevet_sys::{clock, pidfd, poll, process, signal};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

/// How long a supervisor may take for each step of a start.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the last step of a start may take: somebody who may signal the target user's processes can stop it there.
const LAST_STEP: Duration = Duration::from_secs(10);
/// How long a sweep goes on.
const SWEEP_MS: u64 = 10_000;

/// The descriptors of a start, borrowed: copies travel to the supervisor, close yours when you like.
#[derive(Debug)]
pub struct Descriptors<'a> {
    /// The open file that is executed.
    pub executable: BorrowedFd<'a>,
    /// The working directory.
    pub directory: BorrowedFd<'a>,
    /// The client's connection. After a successful start only the supervisor may use it.
    pub client: BorrowedFd<'a>,
    /// Those of 0, 1, 2 that are passed through, in order.
    pub passed: Vec<BorrowedFd<'a>>,
}

/// Why nothing runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No supervisor could be started.
    #[error("cannot start a supervisor")]
    Launcher(#[from] launcher::Error),
    /// The connection to it failed: it did not execute anything that lives on.
    #[error("the supervisor does not answer")]
    Broken(#[from] FrameError),
    /// The supervisor could not start the program.
    #[error("cannot {step}: {reason}")]
    Failed {
        /// The step, as the end of a sentence that begins "cannot".
        step: String,
        /// The kernel's reason, 0 where there is none.
        errno: i32,
        /// The reason in words.
        reason: String,
    },
}

/// Why a session cannot be taken up again.
#[derive(Debug, thiserror::Error)]
pub enum ReconnectError {
    /// It ended while no broker ran.
    #[error("the session has ended")]
    Ended(Box<Ended>),
    /// Its supervisor is gone without a word: killed, or the computer was started anew.
    #[error("the session's supervisor is gone")]
    Lost(Box<Identity>),
    /// It never came as far as being a session.
    #[error("the session's state is incomplete")]
    Incomplete,
    /// The state cannot be read.
    #[error("cannot read the session's state")]
    State(#[source] io::Error),
    /// The supervisor does not answer as one.
    #[error("the supervisor does not answer")]
    Broken(#[from] FrameError),
}

/// Ready to start. Dropping it ends the supervisor, and nothing has run.
#[derive(Debug)]
#[must_use]
pub struct Prepared {
    control: UnixStream,
    pidfd: OwnedFd,
    go: bool,
}

/// A supervisor that is checking and making everything: `prepared` waits for it. Dropping it ends the supervisor.
#[derive(Debug)]
#[must_use]
pub struct Preparing(Prepared);

impl Preparing {
    /// Waits until it is ready.
    ///
    /// # Errors
    /// When it could not be made ready: nothing has run.
    pub fn prepared(self) -> Result<Prepared, StartError> {
        if !self.0.go {
            match self.0.next()? {
                Report::Prepared {} => {}
                other => return Err(unexpected(other)),
            }
        }
        Ok(self.0)
    }
}

/// A running session: orders from any thread, reports from one at a time.
#[derive(Debug)]
pub struct Session {
    orders: Mutex<UnixStream>,
    reports: Mutex<UnixStream>,
}

/// Has a supervisor check and make everything. With `spec.go` the program is executed at once.
///
/// # Errors
/// When anything of it failed.
pub fn prepare(supervisor: launcher::Started, spec: &SessionSpec, descriptors: &Descriptors<'_>) -> Result<Prepared, StartError> {
    begin(supervisor, spec, descriptors)?.prepared()
}

/// As `prepare`, without waiting until everything is ready.
///
/// # Errors
/// When it does not listen.
pub fn begin(supervisor: launcher::Started, spec: &SessionSpec, descriptors: &Descriptors<'_>) -> Result<Preparing, StartError> {
    let mut all = vec![descriptors.executable, descriptors.directory, descriptors.client];
    all.extend(&descriptors.passed);
    supervisor.control.set_read_timeout(Some(PATIENCE)).map_err(FrameError::Io)?;
    supervisor.control.set_write_timeout(Some(PATIENCE)).map_err(FrameError::Io)?;
    spec::send_with(&supervisor.control, spec, &all)?;
    Ok(Preparing(Prepared { control: supervisor.control, pidfd: supervisor.pidfd, go: spec.go }))
}

impl Prepared {
    /// Executes the program.
    ///
    /// # Errors
    /// When it was not executed; with `Broken` the supervisor was killed, and what it may have started with it.
    pub fn go(self) -> Result<(Session, Started), StartError> {
        match self.execute() {
            Ok(started) => Ok((Session::over(self.control)?, started)),
            Err(error) => {
                if matches!(error, StartError::Broken(_)) {
                    // The program dies with its supervisor (PR_SET_PDEATHSIG); what it left is in the cgroup: `sweep`.
                    drop(pidfd::send_signal(self.pidfd.as_fd(), signal::KILL));
                }
                Err(error)
            }
        }
    }

    fn execute(&self) -> Result<Started, StartError> {
        if !self.go {
            spec::send_with(&self.control, &Order::Go {}, &[])?;
            self.control.set_read_timeout(Some(LAST_STEP)).map_err(FrameError::Io)?;
        }
        match self.next()? {
            Report::Started(started) => Ok(started),
            other => Err(unexpected(other)),
        }
    }

    fn next(&self) -> Result<Report, StartError> {
        let mut from = &self.control;
        Ok(frame::read_control(&mut from, MAX_ROLE)?)
    }
}

fn unexpected(report: Report) -> StartError {
    match report {
        Report::Failed { step, errno, reason } => StartError::Failed { step, errno, reason },
        _ => StartError::Broken(FrameError::Content("a report out of order".to_owned())),
    }
}

/// Takes up a session after the broker was restarted.
///
/// # Errors
/// `Ended` or `Lost` when there is no supervisor any more.
pub fn reconnect(state_directory: &Path) -> Result<(Session, Status), ReconnectError> {
    let state = StateDirectory::open(state_directory).map_err(ReconnectError::State)?;
    let identity = match state.identity() {
        Ok(identity) => identity,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ReconnectError::Incomplete),
        Err(error) => return Err(ReconnectError::State(error)),
    };
    let stream = match state.connect() {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            return Err(gone(&state, identity, state_directory));
        }
        Err(error) => return Err(ReconnectError::State(error)),
    };
    stream.set_read_timeout(Some(PATIENCE)).map_err(FrameError::Io)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(FrameError::Io)?;
    let mut from = &stream;
    match frame::read_control::<Report>(&mut from, MAX_ROLE) {
        Ok(Report::Status(status)) => Ok((Session::over(stream)?, status)),
        Ok(_) => Err(ReconnectError::Broken(FrameError::Content("a report out of order".to_owned()))),
        Err(error) if is_gone(&error) => Err(gone(&state, identity, state_directory)),
        Err(error) => Err(ReconnectError::Broken(error)),
    }
}

/// What a supervisor left that is gone. Looked at after it was found gone, so that a last word cannot be missed.
fn gone(state: &StateDirectory, identity: Identity, state_directory: &Path) -> ReconnectError {
    match state.ended() {
        Ok(Some(ended)) => ReconnectError::Ended(Box::new(ended)),
        // It took everything back, since nobody told it to go.
        Ok(None) if !state_directory.exists() => ReconnectError::Incomplete,
        Ok(None) => ReconnectError::Lost(Box::new(identity)),
        Err(error) => ReconnectError::State(error),
    }
}

fn is_gone(error: &FrameError) -> bool {
    match error {
        FrameError::Closed => true,
        FrameError::Io(error) => matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof),
        FrameError::Length { .. } | FrameError::Content(_) => false,
    }
}

/// Removes what is left of a session whose end is recorded.
///
/// # Errors
/// As the file system says.
pub fn forget(state_directory: &Path) -> io::Result<()> {
    match StateDirectory::open(state_directory).and_then(|state| state.remove()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Ends what a lost supervisor left, in its cgroup and by its audit session, and removes the group; returns how many
/// processes were ended. After a reboot there is nothing to end.
///
/// # Errors
/// When something of it cannot be ended.
pub fn sweep(identity: &Identity) -> brevet_sys::Result<u32> {
    if clock::boot_id()? != identity.boot {
        return Ok(0);
    }
    let group = if identity.cgroup.exists() { Some(Group::open(&identity.cgroup)?) } else { None };
    let mut ended: BTreeSet<i32> = BTreeSet::new();
    let until = clock::boottime_ms().saturating_add(SWEEP_MS);
    loop {
        let mut left = group.as_ref().map(Group::processes).transpose()?.unwrap_or_default();
        if let Some(group) = &group {
            group.kill()?;
        }
        for pid in identity.audit_session.map(process::of_audit_session).transpose()?.unwrap_or_default() {
            let _gone = process::signal_if(pid, signal::KILL, |pid| process::audit_session(pid) == identity.audit_session);
            left.push(pid);
        }
        ended.extend(&left);
        if left.is_empty() && group.as_ref().is_none_or(|group| group.remove().is_ok()) {
            return Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX));
        }
        if clock::boottime_ms() >= until {
            let source = io::Error::other("something of it cannot be killed");
            return Err(brevet_sys::Error { doing: "end what a lost session left", source });
        }
        poll::wait(&[], Some(20))?;
    }
}

impl Session {
    fn over(stream: UnixStream) -> Result<Self, FrameError> {
        let other = stream.try_clone()?;
        Ok(Self { orders: Mutex::new(stream), reports: Mutex::new(other) })
    }

    /// Another hard end and other warnings, in milliseconds of `CLOCK_BOOTTIME`. A session that is being ended stays so.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub fn reschedule(&self, deadline_ms: u64, warn_at_ms: Vec<u64>, unheard: bool) -> Result<(), FrameError> {
        self.order(&Order::Reschedule { deadline_ms, warn_at_ms, unheard })
    }

    /// Ends it: `SIGTERM`, and after the grace the kill. `Report::Ended` follows.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub fn end(&self, reason: EndReason, grace_ms: u64) -> Result<(), FrameError> {
        self.order(&Order::End { reason, grace_ms })
    }

    /// Asks for `Report::Status`.
    ///
    /// # Errors
    /// When the supervisor is gone.
    pub fn query(&self) -> Result<(), FrameError> {
        self.order(&Order::Query {})
    }

    /// The end is recorded: the supervisor removes its state and ends.
    ///
    /// # Errors
    /// When the supervisor is gone: `forget` the directory then.
    pub fn acknowledge(&self) -> Result<(), FrameError> {
        self.order(&Order::Acknowledge {})
    }

    fn order(&self, order: &Order) -> Result<(), FrameError> {
        let stream = self.orders.lock().map_err(|_| FrameError::Content("an earlier order failed badly".to_owned()))?;
        spec::send_with(&stream, order, &[])
    }

    /// The next report; `None` when none came in time.
    ///
    /// # Errors
    /// `Closed` when the supervisor is gone: `reconnect` says how it ended.
    pub fn next_report(&self, timeout: Option<Duration>) -> Result<Option<Report>, FrameError> {
        let stream = self.reports.lock().map_err(|_| FrameError::Content("an earlier report failed badly".to_owned()))?;
        let wait = timeout.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let ready = poll::wait(&[(stream.as_fd(), poll::Interest::READ)], wait).map_err(|error| FrameError::Io(error.source))?;
        if !ready.iter().any(|ready| ready.readable()) {
            return Ok(None);
        }
        let mut from = &*stream;
        match frame::read_control(&mut from, MAX_ROLE) {
            Ok(report) => Ok(Some(report)),
            Err(error) if is_gone(&error) => Err(FrameError::Closed),
            Err(error) => Err(error),
        }
    }
}
