//! What the broker role and the executing roles say to each other: sessions, authentication attempts, questions about names.
//!
//! Frames of `brevet_api::frame` over unix sockets that only root has; still closed types and hard limits, because a role
//! that was taken over must not reach further than its own messages.

use brevet_api::broker::Window;
use brevet_api::frame::{self, FrameError};
use brevet_core::id::{GrantId, SessionId};
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;
use brevet_sys::fdpass;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Largest message between roles; arguments and environment together stay well below.
pub const MAX_ROLE: usize = 4 << 20;

/// Everything about one session. The descriptors that come with it: the executable, the working directory, the client's
/// connection, then those of 0, 1, 2 that are passed through, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSpec {
    /// The session.
    pub session: SessionId,
    /// The grant that it runs under.
    pub grant: GrantId,
    /// As whom it runs.
    pub target: Target,
    /// Who asked.
    pub requester: Requester,
    /// The argument vector; at least the program's name.
    pub arguments: Vec<OsText>,
    /// The complete environment, `TERM` included; each name once.
    pub environment: Vec<(OsText, OsText)>,
    /// The program's umask.
    pub umask: u32,
    /// How its processes are held together.
    pub containment: Containment,
    /// Which of descriptors 0, 1, 2 become the session's own terminal, and its size; none of them if absent.
    pub terminal: Option<Terminal>,
    /// The hard end, in milliseconds of `CLOCK_BOOTTIME`.
    pub deadline_ms: u64,
    /// When the person is warned that the end is near, same clock.
    pub warn_at_ms: Vec<u64>,
    /// The end is not that of its time: the server was not heard of for so long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
    /// How long after `SIGTERM` the kill comes; 0 kills at once.
    pub grace_ms: u64,
    /// The cgroup directory below which the session gets its own, named like the session.
    pub cgroup_parent: PathBuf,
    /// The directory of this session's control socket and outcome; made by the supervisor, its parent exists.
    pub state_directory: PathBuf,
    /// The login uid for the audit system: normally the requester's.
    pub login_uid: Option<u32>,
    /// The PAM service whose session modules run around the program, if any.
    pub pam_service: Option<String>,
    /// The executable is a script: its interpreter opens it through the descriptor that is left open.
    pub script: bool,
    /// The record is on disk already: start without waiting for `Order::Go`.
    pub go: bool,
}

/// As whom the program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups, complete.
    pub groups: Vec<u32>,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// Name.
    pub name: String,
    /// User id.
    pub uid: u32,
}

/// How a session's processes are held together (DESIGN section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// Its own cgroup, subreaper and audit session.
    Cgroup,
    /// Besides, its own pid and mount namespace with its own `/proc`.
    PidNamespace,
}

impl Containment {
    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::PidNamespace => "pid_namespace",
        }
    }
}

/// The session's own terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Which of descriptors 0, 1, 2.
    pub on: [bool; 3],
    /// Its size.
    pub window: Window,
}

/// From the broker to a supervisor, after the specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// The record is on disk: execute.
    Go {},
    /// Another hard end and other warnings.
    Reschedule {
        /// `CLOCK_BOOTTIME` milliseconds.
        deadline_ms: u64,
        /// Same clock.
        warn_at_ms: Vec<u64>,
        /// As in the specification.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unheard: bool,
    },
    /// End it now.
    End {
        /// Why.
        reason: EndReason,
        /// How long after `SIGTERM` the kill comes.
        grace_ms: u64,
    },
    /// Say how things are.
    Query {},
    /// The outcome is recorded: remove the state directory.
    Acknowledge {},
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Every process of it ended by itself.
    Exited,
    /// Its time ran out.
    Expired,
    /// Somebody or a policy's change took the right away.
    Revoked,
    /// Its user ended it.
    Finished,
    /// The computer stopped the supervisor.
    Stopped,
}

/// How the main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this status.
    Status(u8),
    /// By this signal.
    Signal(i32),
}

/// From a supervisor to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum Report {
    /// Everything is ready, nothing runs yet.
    Prepared {},
    /// Last: it could not be started, and the program never ran.
    Failed {
        /// The step, as the end of a sentence that begins "cannot".
        step: String,
        /// The kernel's reason, 0 where there is none.
        errno: i32,
        /// The reason in words.
        reason: String,
    },
    /// The program was executed.
    Started(Started),
    /// The main process ended; the session goes on while anything of it runs.
    Exited {
        /// How.
        exit: Exit,
    },
    /// Last: nothing of it runs any more.
    Ended(Ended),
    /// To `Query`, and first on every reconnection.
    Status(Status),
}

/// The program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The program's pid.
    pub pid: i32,
    /// The session's cgroup.
    pub cgroup: PathBuf,
    /// Its audit session id, where it has one of its own.
    pub audit_session: Option<u32>,
}

/// How a session ended; also what `ended.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The session.
    pub session: SessionId,
    /// Its grant.
    pub grant: GrantId,
    /// Why.
    pub reason: EndReason,
    /// How the main process ended.
    pub exit: Option<Exit>,
    /// Processes that were ended by us.
    pub processes_ended: u32,
    /// Processes that even a kill did not end within half a minute (stuck in the kernel).
    pub remaining: u32,
    /// When, by wall time.
    pub at: Timestamp,
    /// When, by `CLOCK_BOOTTIME`.
    pub at_boot_ms: u64,
}

/// How things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Which session, and where.
    pub identity: Identity,
    /// The program, once started.
    pub started: Option<Started>,
    /// The main process's end, once it ended.
    pub exit: Option<Exit>,
    /// Why it is being ended, if it is.
    pub ending: Option<EndReason>,
    /// The hard end, `CLOCK_BOOTTIME` milliseconds.
    pub deadline_ms: u64,
    /// The outcome, once nothing runs.
    pub ended: Option<Ended>,
}

/// Which session lives in a state directory; what `session.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The session.
    pub session: SessionId,
    /// Its grant.
    pub grant: GrantId,
    /// Its cgroup.
    pub cgroup: PathBuf,
    /// The boot that it belongs to.
    pub boot: String,
    /// Its supervisor.
    pub supervisor: i32,
    /// Its audit session id, once the program runs and where it has one of its own.
    pub audit_session: Option<u32>,
}

/// One authentication attempt. With it comes the conversation's descriptor, except for `AccountOnly`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The PAM service (a file of `/etc/pam.d`).
    pub service: String,
    /// Who has to prove that it is them.
    pub user: String,
    /// Who asks (`PAM_RUSER`).
    pub requester: String,
    /// The requester's terminal (`PAM_TTY`), such as `pts/3`.
    pub terminal: Option<String>,
    /// What is asked of PAM.
    pub mode: AttemptMode,
    /// How long it may take altogether.
    pub timeout_ms: u64,
}

/// What is asked of PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptMode {
    /// Authentication, then the account check.
    Authenticate,
    /// The account check alone.
    AccountOnly,
}

/// What PAM said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// It is them, and the account may be used. The only variant that means yes.
    Ok {},
    /// Wrong answer, unknown user, or too many tries.
    Failed {
        /// In words, for the journal.
        reason: String,
    },
    /// The account has expired.
    AccountExpired {
        /// In words.
        reason: String,
    },
    /// The account is locked, or may not be used now.
    Locked {
        /// In words.
        reason: String,
    },
    /// The password must be changed first.
    MustChangePassword {
        /// In words.
        reason: String,
    },
    /// PAM could not tell: counts as no, but not as a wrong password.
    Error {
        /// In words.
        reason: String,
    },
}

/// A question to the names role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// A user by name.
    UserByName {
        /// The name.
        name: String,
    },
    /// A user by id.
    UserByUid {
        /// The id.
        uid: u32,
    },
    /// All groups of a user.
    GroupsOf {
        /// The user's name.
        name: String,
        /// Their primary group.
        gid: u32,
    },
    /// A group by name.
    GroupByName {
        /// The name.
        name: String,
    },
}

/// The names role's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case", deny_unknown_fields)]
pub enum Found {
    /// A user.
    User(NamedUser),
    /// A group.
    Group(NamedGroup),
    /// Groups.
    Groups {
        /// By id.
        groups: Vec<NamedGroup>,
    },
    /// There is none.
    Absent {},
    /// The directory did not say.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A user account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedUser {
    /// Name, as the directory writes it.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: OsText,
    /// Login shell; empty when none is named.
    pub shell: OsText,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedGroup {
    /// Group id.
    pub gid: u32,
    /// Name, where the directory has one.
    pub name: Option<String>,
}

/// Sends one message with descriptors.
///
/// # Errors
/// When the other role is gone or the message is too long.
pub fn send_with<T: Serialize>(stream: &UnixStream, message: &T, descriptors: &[BorrowedFd<'_>]) -> Result<(), FrameError> {
    let bytes = frame::encode_control(message)?;
    if bytes.len() > MAX_ROLE {
        return Err(FrameError::Length { length: bytes.len(), limit: MAX_ROLE });
    }
    let sent = fdpass::send(stream.as_fd(), &bytes, descriptors).map_err(pass_failed)?;
    let mut stream = stream;
    stream.write_all(bytes.get(sent..).unwrap_or_default()).map_err(FrameError::Io)
}

/// Receives one message with up to `most` descriptors.
///
/// # Errors
/// When the other role is gone, or what came is not such a message.
pub fn receive_with<T: DeserializeOwned>(stream: &UnixStream, most: usize) -> Result<(T, Vec<OwnedFd>), FrameError> {
    let mut header = [0u8; 4];
    let (length, descriptors) = fdpass::receive(stream.as_fd(), &mut header, most).map_err(pass_failed)?;
    if length == 0 {
        return Err(FrameError::Closed);
    }
    let mut rest = stream;
    let whole = header.get(..length).unwrap_or_default().chain(&mut rest);
    let message = frame::read_control(&mut { whole }, MAX_ROLE)?;
    Ok((message, descriptors))
}

fn pass_failed(error: fdpass::PassError) -> FrameError {
    match error {
        fdpass::PassError::Send(error) | fdpass::PassError::Receive(error) => FrameError::Io(error),
        other => FrameError::Content(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_and_its_descriptors_arrive_whole() {
        let (one, other) = UnixStream::pair().unwrap();
        let question = Question::UserByName { name: "x".repeat(1 << 20) };
        let expected = question.clone();
        let sender = std::thread::spawn(move || send_with(&one, &question, &[std::io::stdin().as_fd()]).unwrap());
        let (got, descriptors) = receive_with::<Question>(&other, 1).unwrap();
        sender.join().unwrap();
        assert_eq!((got, descriptors.len()), (expected, 1));
        assert!(matches!(receive_with::<Question>(&other, 1), Err(FrameError::Closed)));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<Order>(r#"{"order":"go","extra":1}"#).is_err());
        assert!(serde_json::from_str::<Order>(r#"{"order":"go"}"#).is_ok());
    }
}
