//! Between `brevet` and the broker, and once a session runs, between `brevet` and its supervisor, on the same connection.
//!
//! The client speaks first, with one `Ask`; for `Run` the descriptors 0, 1, 2 and the working directory travel with that frame
//! (`SCM_RIGHTS`, in this order). Nothing in these messages says who the caller is: the socket does.

use brevet_core::application::Facts;
use brevet_core::digest::Digest;
use brevet_core::id::{GrantId, RequestId, SessionId};
use brevet_core::policy::Mode;
use brevet_core::request::RequestState;
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

/// What a client wants; the first frame of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Run a command. Answered by a stream of `Tell`.
    Run(Box<Run>),
    /// What `Run` would do, without doing it. Descriptor: the working directory. Answered by `Answer::Explained`.
    Explain(Box<Run>),
    /// What the caller may run here. Answered by `Answer::Listed`.
    List {},
    /// The agent's state. Answered by `Answer::Status`.
    Status {},
    /// The caller's requests. Answered by `Answer::Requests`.
    Requests {},
    /// The caller's grants and sessions. Answered by `Answer::Grants`.
    Grants {},
    /// Take back a pending request of the caller's. Answered by `Answer::Done`.
    Withdraw {
        /// Which.
        request: RequestId,
    },
    /// Finish a grant of the caller's, with its sessions. Answered by `Answer::Done`.
    End {
        /// Which.
        grant: GrantId,
    },
    /// Forget remembered authentication of the caller. Answered by `Answer::Done`.
    Lock {},
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The program as typed, and its arguments. A name without `/` is looked up in the broker's own path.
    pub command: Vec<OsText>,
    /// Environment that the broker may keep, at most 256 variables and 64 KiB; it decides which.
    pub environment: Vec<(OsText, OsText)>,
    /// As whom, if said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_user: Option<String>,
    /// Why, if said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long, if said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Length>,
    /// Ticket number, if said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Do not wait for a decision: `Tell::Pending` is then the last message.
    #[serde(default)]
    pub no_wait: bool,
    /// Whether somebody can answer questions (reason, password) on this connection.
    #[serde(default)]
    pub interactive: bool,
    /// Size of the caller's terminal, where any of descriptors 0, 1, 2 is one (the broker looks for itself which are).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Height.
    pub rows: u16,
    /// Width.
    pub columns: u16,
}

/// From the broker, then the supervisor, to a client that asked `Run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tell {
    /// Last message: nothing runs.
    Refused(Refused),
    /// A reason (and for a request a duration) is needed. Answered by `Reply::Reason`.
    NeedReason(Box<NeedReason>),
    /// Prove who you are. One descriptor comes with it: the PAM conversation (`Prompt` frames to the client, `Response` frames back).
    /// No reply on this connection; when the descriptor closes, the next `Tell` follows.
    Authenticate {
        /// Attempts left, this one included.
        attempts_left: u32,
    },
    /// A request waits for a decision.
    Pending(Box<Pending>),
    /// It was approved; a start follows by itself.
    Approved(Approved),
    /// Last message: it was declined.
    Declined {
        /// Which request.
        request: RequestId,
        /// By whom.
        by: String,
        /// Their comment.
        comment: String,
    },
    /// Last message: nobody decided in time, or it was withdrawn elsewhere.
    Closed {
        /// Which request.
        request: RequestId,
        /// `lapsed` or `withdrawn`.
        state: RequestState,
    },
    /// The program is about to start; from here on the supervisor speaks.
    Started(Started),
    /// A line for the person at the terminal: time is nearly up, it was extended, it was revoked.
    Notice {
        /// Escaped as `Refused::reason` is.
        text: String,
    },
    /// The program was stopped by this signal: the client stops itself and says `Reply::Continue` when it goes on. 21 and 22
    /// (`SIGTTIN`, `SIGTTOU`): it wants the terminal. A program with a terminal whose standard input or output is a pipe or
    /// socket begins in its terminal's background: the client leaves the user's terminal alone until this comes, takes it raw
    /// where it is in its foreground, and says `Reply::Continue` at once; else it stops itself first.
    Stopped {
        /// The signal's number.
        signal: i32,
    },
    /// Last message: the program ended.
    Ended(Ended),
}

/// Nothing runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// A stable code, as in the journal's `launch.refused`.
    pub code: String,
    /// In words. Whoever composes a text for people (here, `hint`, `Tell::Notice`, `Ended::because`, `Explained::reason`)
    /// escapes in it what somebody else chose (`escape::terminal`); the client makes visible what could still act on a
    /// terminal and escapes nothing twice.
    pub reason: String,
    /// Whom to turn to, or what to do next. Escaped as `reason` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The command was not found where the caller could have seen that themself: exit status 127 instead of 126.
    #[serde(default)]
    pub not_found: bool,
}

/// A reason is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeedReason {
    /// What would run.
    pub would_run: WouldRun,
    /// The policy's name.
    pub policy: String,
    /// `justify` or `request`.
    pub mode: Mode,
    /// Longest duration that can be asked for.
    pub max_duration: Length,
    /// Who can approve, for people, with `request`.
    pub approvers: Vec<String>,
    /// The policy's message.
    pub message: String,
}

/// What would run, for people to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WouldRun {
    /// Every argument, the program's name first.
    pub arguments: Vec<OsText>,
    /// The application's facts.
    pub application: Facts,
    /// Working directory.
    pub directory: OsText,
    /// As whom.
    pub target_user: String,
}

/// From a client that asked `Run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// Answers `Tell::NeedReason`.
    Reason {
        /// Why.
        reason: String,
        /// How long; the policy's maximum where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Length>,
        /// Ticket number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<String>,
    },
    /// The terminal's size changed.
    Window(Window),
    /// A signal that the client got (1, 2, 3, 10, 12, 15, 20) and passes on: to the foreground process group of the session's
    /// terminal, or where the session has no terminal or nothing in its foreground, to the program's group. After 20 (Ctrl-Z)
    /// the client does not stop by itself: it waits for `Tell::Stopped`, which does not come if the program goes on.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// The client goes on after `Tell::Stopped`.
    Continue {},
    /// Nothing more comes from the client's terminal. Where the session's own reads lines, the program reads the end of its
    /// input, as after Ctrl-D; else (a full-screen program) its terminal hangs up, as when a window is closed.
    InputEnd {},
}

/// A request waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// Which.
    pub request: RequestId,
    /// Its digest.
    pub digest: Digest,
    /// The short code that the approver sees too.
    pub code: String,
    /// What would run.
    pub would_run: WouldRun,
    /// Why, as recorded.
    pub reason: String,
    /// How long was asked for.
    pub duration: Length,
    /// How long the policy allows.
    pub max_duration: Length,
    /// Who can approve, for people.
    pub approvers: Vec<String>,
    /// Milliseconds since it was asked.
    pub waited_millis: u64,
    /// When it lapses.
    pub lapses: Timestamp,
    /// Milliseconds until then.
    pub lapses_in_millis: u64,
    /// The policy's message.
    pub message: String,
    /// Whether the server is known to have it.
    pub delivered: bool,
}

/// A request was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Which request.
    pub request: RequestId,
    /// The grant.
    pub grant: GrantId,
    /// Names of the approvers, or the rule's name.
    pub by: Vec<String>,
    /// Their comments, empty ones left out.
    pub comments: Vec<String>,
    /// How long was given.
    pub duration: Length,
    /// Whether a rule approved.
    pub autonomous: bool,
}

/// About to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The session.
    pub session: SessionId,
    /// The grant.
    pub grant: GrantId,
    /// Which of descriptors 0, 1, 2 are the session's own terminal.
    pub terminal: [bool; 3],
    /// Its hard end.
    pub ends: Timestamp,
    /// Milliseconds until then.
    pub ends_in_millis: u64,
}

/// The program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Its exit status, if it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u8>,
    /// The signal that ended it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why Brevet ended it, or why it did not start, if so. Escaped as `Refused::reason` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// In the PAM conversation: from authn to the client, on the descriptor that came with `Tell::Authenticate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What to show.
    pub text: String,
    /// Whether an answer is wanted, and whether it may be seen while typed.
    pub kind: PromptKind,
}

/// What a prompt wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// An answer that stays hidden. The client answers with one `TERMINAL` frame of at most 1024 bytes.
    Hidden,
    /// An answer that may be seen. The client answers likewise.
    Visible,
    /// No answer.
    Info,
    /// No answer.
    Error,
}

/// Answers to everything but `Run`; a connection's only message from the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `Explain`.
    Explained(Box<Explained>),
    /// To `List`.
    Listed {
        /// Policies that name the caller.
        policies: Vec<ListedPolicy>,
    },
    /// To `Status`.
    Status(Status),
    /// To `Requests`.
    Requests {
        /// Newest first.
        requests: Vec<RequestSummary>,
    },
    /// To `Grants`.
    Grants {
        /// Newest first.
        grants: Vec<GrantSummary>,
    },
    /// To `Withdraw`, `End`, `Lock`.
    Done {
        /// What happened.
        text: String,
    },
    /// Not done.
    Refused(Refused),
}

/// What a run would do. WHY not strict: it is only shown, and an older client shows what it knows of a newer broker's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// What would run.
    pub would_run: WouldRun,
    /// `refuse`, `elevate` or `ask`.
    pub outcome: String,
    /// In words.
    pub reason: String,
    /// The policy, where one decided.
    pub policy: Option<String>,
    /// In words, where it would run or may be asked for: as whom, with what proof, for how long and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// What that policy tells its users. Absent where it tells them nothing, and from a broker that does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Policies that name the caller and did not decide, with why not, what came nearest first: as many as fit into an answer, and none
    /// that is for other applications altogether.
    pub others: Vec<OtherPolicy>,
    /// How many more there are, those for other applications among them.
    #[serde(default)]
    pub more_others: usize,
}

/// A policy that did not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherPolicy {
    /// Its name.
    pub policy: String,
    /// Why not.
    pub because: String,
}

/// A policy that names the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedPolicy {
    /// Its name.
    pub policy: String,
    /// Its mode.
    pub mode: Mode,
    /// Its applications, in words.
    pub applications: Vec<String>,
    /// As whom.
    pub run_as: String,
    /// When, in words.
    pub validity: String,
    /// Whether it may be used now, and until when, in words.
    #[serde(default)]
    pub usable: String,
    /// Whether its user proves who they are.
    #[serde(default)]
    pub password: bool,
    /// Longest duration.
    pub max_duration: Length,
    /// Its message.
    pub message: String,
}

/// The agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// The broker's version.
    pub version: String,
    /// The computer's name on the server, once known.
    pub computer: Option<String>,
    /// Its id.
    pub computer_id: String,
    /// Whether `brevetd` is connected to the broker, and by its last word to the server.
    pub connected: bool,
    /// The last good heartbeat.
    pub heartbeat: Option<Timestamp>,
    /// Seconds since then.
    pub heartbeat_age_seconds: Option<u64>,
    /// Policies in force.
    pub policies: usize,
    /// Policies refused here, with why.
    pub refused_policies: Vec<OtherPolicy>,
    /// Running sessions of the caller.
    pub sessions: usize,
    /// Why the journal cannot be trimmed for now, for root to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_grows: Option<String>,
    /// Why launches are refused soon, or are already: the disk with the journal is nearly full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub little_room: Option<String>,
    /// By how many seconds this computer's clock is ahead of the server's, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_seconds: Option<i64>,
    /// Records that the server has not acknowledged yet.
    pub unacknowledged: u64,
}

/// One of the caller's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestSummary {
    /// Which.
    pub request: RequestId,
    /// Where it stands.
    pub state: RequestState,
    /// Its short code.
    pub code: String,
    /// Every argument, the program's name first.
    pub arguments: Vec<OsText>,
    /// Why.
    pub reason: String,
    /// How long was asked for.
    pub duration: Length,
    /// When.
    pub created: Timestamp,
    /// When it lapses.
    pub lapses: Timestamp,
    /// Who decided, how, and what they wrote, in words; escaped as `Refused::reason` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// One of the caller's grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantSummary {
    /// Which.
    pub grant: GrantId,
    /// `issued`, `active`, or how it ended.
    pub state: String,
    /// The policy's name.
    pub policy: String,
    /// Every argument, the program's name first.
    pub arguments: Vec<OsText>,
    /// As whom.
    pub target_user: String,
    /// When it ends, once active.
    pub ends: Option<Timestamp>,
    /// Seconds left, once active.
    pub remaining_seconds: Option<u64>,
    /// Its running sessions.
    pub sessions: Vec<SessionId>,
    /// Why it ended, in words: by whom, by which change; escaped as `Refused::reason` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}
