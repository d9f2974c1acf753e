//! The launcher role: starts the other roles for the broker, which has confined itself and cannot.
//!
//! Single-threaded; started before the broker installs its filter, so that nothing inherits it. It starts
//! programs of this very binary and nothing else, reads no file that a user can name, and ends when the broker
//! goes away; supervisors live on. One or two supervisors wait with the broker, so that a session need not wait for its start.
//!
//! # What the broker role calls
//!
//! ```text
//! // once, before seccomp; program: normally Path::new("/proc/self/exe")
//! // ahead: what a waiting supervisor makes ready for
//! launcher::Client::start(program: &Path, ahead: Option<Ahead<'_>>) -> Result<launcher::Client, launcher::Error>     // Send + Sync; share by Arc
//! client.start_role(Role::Supervisor | Role::Authn | Role::Names) -> Result<launcher::Started, launcher::Error>
//!     // Started { pid: i32, pidfd: OwnedFd, control: UnixStream, session: Option<SessionId> }; used by the three below
//! client.expect()                                         // a session may be on its way
//! client.supervisor() -> Result<launcher::Started, launcher::Error>; client.keep_waiting(containment)   // when nobody waits for us
//!     // a session that has the id for which it has waited need not wait for its directory and its group
//!
//! // sessions (module supervisor::client); spec.cgroup_parent: brevet_sys::cgroup::Group::ensure(&cgroup::own()?.join("…"))
//! let prepared = supervisor::client::prepare(client.supervisor()?, &spec, &Descriptors { executable, directory, client, passed })?;
//!     // passed: only what supervisor::passed::check(fd) lets through (never a terminal), else Failed { step: "pass a descriptor through" }
//!     // spec: spec::SessionSpec; everything is checked and ready, nothing runs; dropping `prepared` ends the supervisor
//! // ... write the journal record session.started durably, send Tell::Started to the client, then:
//! let (session, started) = prepared.go()?;               // started: spec::Started { pid, cgroup, audit_session }
//!     // close your copies of the descriptors now; from here on the client's connection is the supervisor's
//!     // Err(StartError::Failed { step, errno, reason }): the program never ran; the client's connection is still yours
//!     // Err(StartError::Broken(_)): the supervisor was killed; reconnect(state_directory) says Lost or Incomplete
//! let (session, status) = supervisor::client::reconnect(state_directory)?;  // after a broker restart
//!     // Err(ReconnectError::Ended(spec::Ended)): it ended meanwhile; record it, then supervisor::client::forget(state_directory)
//!     // Err(ReconnectError::Lost(spec::Identity)): supervisor killed or computer rebooted; supervisor::client::sweep(&identity)
//!     //     kills and removes its cgroup -> processes ended; record session.ended(lost), then forget(state_directory)
//! let session = Arc::new(session);                       // orders from any thread, reports from one
//! session.reschedule(deadline_boottime_ms, warn_at_ms, unheard)?; // extend or shorten
//! session.end(spec::EndReason::Expired | Revoked | Finished, grace_ms)?;
//! session.query()?;                                      // answered by Report::Status
//! session.acknowledge()?;                                // after session.ended is durable: removes the state directory
//! session.next_report(timeout: Option<Duration>) -> Result<Option<spec::Report>, FrameError>   // None: timeout
//!     // Report::Exited { exit } (main process) · Ended(Ended { reason, exit, processes_ended, .. }) · Status(..)
//!     // Err(FrameError::Closed): the supervisor went away; call reconnect, which says Ended or Lost
//!
//! // authentication, a fresh process an attempt
//! authn::attempt(&client, &spec::Attempt { service, user, requester, terminal, mode, timeout_ms }, conversation: Option<OwnedFd>)
//!     -> spec::Verdict                                   // every failure is Verdict::Error
//!     // conversation: one end of fdpass::pair(Kind::Stream) whose other end goes to the client with Tell::Authenticate
//!
//! // names, one worker with a deadline
//! let names = names::Client::new(Arc<launcher::Client>, Duration::from_secs(2));
//! names.user_by_name("alice") / user_by_uid(1000) -> names::Answer<spec::NamedUser>  // Known(..) | Absent | Unknown(reason)
//! names.groups_of("alice", gid) -> Answer<Vec<spec::NamedGroup>>   // all groups of the user, primary included
//! names.group_by_name("webteam") -> Answer<spec::NamedGroup>
//! names.forget()                                          // drop cached answers
//! ```

mod line;
mod role;
mod waiting;

use line::Line;
pub(crate) use line::next_request;
pub use role::run;
use waiting::Supervisors;

use crate::random::RandomError;
use crate::spec::Containment;
use brevet_core::id::SessionId;
use brevet_sys::exec::{self, Child, Program, Session};
use brevet_sys::fdpass::{self, Kind, PassError};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;

/// The descriptor at which every role but the broker finds its socket.
pub const CONTROL: i32 = 3;

/// To a supervisor that waits: its session may be on its way. No frame begins so.
pub const EXPECT: u8 = 0xff;

/// How long the launcher may take to start a role.
const PATIENCE_MS: u64 = 10_000;

/// A role that the launcher starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// One session.
    Supervisor = b's',
    /// A supervisor that is made ahead: while nobody else wants the processor, with the PAM service's modules loaded.
    Waiting = b'w',
    /// The same, with a pid namespace made.
    WaitingApart = b'p',
    /// A supervisor that has the modules loaded and copies itself for each session that is to be waited for.
    Template = b't',
    /// One authentication attempt.
    Authn = b'a',
    /// Look-ups of users and groups.
    Names = b'n',
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Supervisor | Self::Waiting | Self::WaitingApart | Self::Template => "supervisor",
            Self::Authn => "authn",
            Self::Names => "names",
        }
    }

    /// How a session is contained that it waits for, where it waits for one.
    pub(crate) const fn awaits(self) -> Option<Containment> {
        match self {
            Self::Waiting => Some(Containment::Cgroup),
            Self::WaitingApart => Some(Containment::PidNamespace),
            Self::Supervisor | Self::Template | Self::Authn | Self::Names => None,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b's' => Some(Self::Supervisor),
            b'w' => Some(Self::Waiting),
            b'p' => Some(Self::WaitingApart),
            b't' => Some(Self::Template),
            b'a' => Some(Self::Authn),
            b'n' => Some(Self::Names),
            _ => None,
        }
    }
}

/// A role that was started.
#[derive(Debug)]
pub struct Started {
    /// Its pid (a child of the launcher's, or of the template's).
    pub pid: i32,
    /// The process.
    pub pidfd: OwnedFd,
    /// The other end of its descriptor 3.
    pub control: UnixStream,
    /// Of a supervisor that waited: the session for which it has made directory and group. Another one has it make others.
    pub session: Option<SessionId>,
}

/// What a waiting supervisor makes ready for.
#[derive(Debug, Clone, Copy)]
pub struct Ahead<'a> {
    /// The PAM service.
    pub service: &'a str,
    /// The directory of sessions.
    pub sessions: &'a Path,
    /// The group of their groups.
    pub groups: &'a Path,
}

/// The session for which a supervisor waits.
#[derive(Debug, Clone, Copy)]
pub struct Awaited<'a> {
    /// Its service and places.
    pub ahead: Ahead<'a>,
    /// Its id.
    pub session: &'a str,
    /// How it may be contained. One with less needs nothing more.
    pub containment: Containment,
}

/// Why a role could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step of the system's.
    #[error(transparent)]
    System(#[from] brevet_sys::Error),
    /// The launcher itself did not start.
    #[error("cannot open the broker's own program")]
    Program(#[source] std::io::Error),
    /// The program was not executed.
    #[error("cannot start a role")]
    Exec(#[from] exec::ExecError),
    /// There is no such role, or nothing is known for which it could make ready.
    #[error("there is no such role")]
    Unknown,
    /// The launcher is gone.
    #[error("the launcher is gone")]
    Gone,
    /// The launcher took too long.
    #[error("the launcher does not answer")]
    Silent,
    /// The launcher could not start the role.
    #[error("the launcher could not start a role")]
    Refused(#[source] std::io::Error),
    /// The connection to the launcher failed.
    #[error("cannot talk to the launcher")]
    Pass(#[from] PassError),
    /// No id for a session.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Another thread panicked while it talked to the launcher.
    #[error("the connection to the launcher is in an unknown state")]
    Poisoned,
}

/// The broker's connection to its launcher.
#[derive(Debug)]
pub struct Client {
    line: Mutex<Line>,
    launcher: Child,
    supervisors: Supervisors,
}

impl Client {
    /// Starts the launcher. To be called before the broker confines itself.
    ///
    /// # Errors
    /// When the program cannot be opened or executed.
    pub fn start(program: &Path, ahead: Option<Ahead<'_>>) -> Result<Self, Error> {
        let executable = File::open(program).map_err(Error::Program)?;
        let (ours, theirs) = fdpass::pair(Kind::Seqpacket)?;
        let ahead =
            ahead.map(|ahead| [ahead.service.as_bytes(), ahead.sessions.as_os_str().as_bytes(), ahead.groups.as_os_str().as_bytes()]);
        let words = ahead.as_ref().map_or(&[][..], |ahead| ahead.as_slice());
        let launcher = start_self(executable.as_fd(), "launcher", words, theirs.as_fd())?;
        Ok(Self { line: Mutex::new(Line::new(ours)), launcher, supervisors: Supervisors::new() })
    }

    /// The launcher's process, to notice its end.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.launcher.pidfd.as_fd()
    }

    /// Starts a role.
    ///
    /// # Errors
    /// When the launcher is gone, silent, or could not.
    pub fn start_role(&self, role: Role) -> Result<Started, Error> {
        self.start_with(role, "")
    }

    fn start_with(&self, role: Role, word: &str) -> Result<Started, Error> {
        self.line.lock().map_err(|_| Error::Poisoned)?.ask(role, word, PATIENCE_MS)
    }
}

/// Executes this program in a role, with nothing but its words, its socket, standard error and a path.
fn start_self(executable: BorrowedFd<'_>, role: &str, words: &[&[u8]], control: BorrowedFd<'_>) -> Result<Child, Error> {
    let null = File::options().read(true).write(true).open("/dev/null").map_err(Error::Program)?;
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let mut arguments = vec![text("brevet-broker"), text(role)];
    arguments.extend(words.iter().map(|word| CString::new(*word).unwrap_or_default()));
    let environment = [text("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")];
    let errors = std::io::stderr();
    Ok(exec::spawn(&Program {
        executable,
        keep_executable: false,
        arguments: &arguments,
        environment: &environment,
        descriptors: &[null.as_fd(), null.as_fd(), errors.as_fd(), control],
        directory: None,
        identity: None,
        session: Session::New,
        umask: Some(0o077),
        namespaces: None,
        cgroup: None,
        login_uid: None,
        death_signal: None,
        gate: None,
    })?)
}
