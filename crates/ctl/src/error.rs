//! Why a command failed, and with which exit status; the statuses are part of the interface (`brevetctl --help`).

use brevet_api::rest::Problem;
use brevet_api::rest::proposal::Proposal;
use brevet_core::escape;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// The command line or a file is wrong; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// There is none of that name or id.
    #[error("{0}")]
    NotFound(String),
    /// The server said no.
    #[error("the server refused")]
    Refused(Box<Problem>),
    /// It could not be reached, or its certificate is not trusted.
    #[error("cannot reach {url}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It answered something else.
    #[error("the server's answer cannot be read: {0}")]
    Answer(String),
    /// A file or the terminal.
    #[error("cannot {what}")]
    Io {
        /// Such as `read 'policies.toml'`.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A journal does not verify, or a corpus came out otherwise; the findings are printed already.
    #[error("{0}")]
    Verification(String),
    /// An import left something out; what it did is written already.
    #[error("{0}")]
    Partly(String),
    /// Something did not happen in time, or not as wanted.
    #[error("{0}")]
    Failed(String),
    /// It would end or delete many things, and no person sits at a terminal.
    #[error("nothing was done: this ends or deletes what the command does not name one by one, and nobody is at a terminal to be asked")]
    NobodyToAsk,
    /// Nothing has changed yet: a second person confirms it. What was asked for did not fail.
    #[error("proposed")]
    Proposed(Box<Proposal>),
    /// The person at the terminal said no.
    #[error("nothing was done")]
    NotConfirmed,
}

impl CtlError {
    /// 1 failed, 2 usage, 3 not found, 4 not authenticated or not allowed, 5 conflict, 6 does not verify, 7 an import left something out, 8 proposed.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NobodyToAsk => 2,
            Self::NotFound(_) => 3,
            Self::Proposed(_) => 8,
            Self::Verification(_) => 6,
            Self::Partly(_) => 7,
            Self::Refused(problem) => match problem.status {
                401 | 403 => 4,
                404 => 3,
                409 | 412 => 5,
                _ => 1,
            },
            Self::Unreachable { .. } | Self::Answer(_) | Self::Io { .. } | Self::Failed(_) | Self::NotConfirmed => 1,
        }
    }

    /// The lines for the terminal, without the program's name.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if let Self::Proposed(proposal) = self {
            let mut lines: Vec<String> = crate::proposal::describe(proposal).lines().map(str::to_owned).collect();
            lines.push(format!("nothing has changed yet; a second person confirms it with: brevetctl proposal confirm {}", proposal.id));
            return lines;
        }
        if let Self::Refused(problem) = self {
            return problem_lines(problem);
        }
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if matches!(self, Self::NobodyToAsk) {
            lines.push("hint: look at what it would do, then add --yes".into());
        }
        if matches!(self, Self::Unreachable { .. }) {
            lines.push("hint: check --server (or BREVET_SERVER), and --ca (or BREVET_CA) where the server made its own certificate".into());
        }
        lines
    }
}

fn problem_lines(problem: &Problem) -> Vec<String> {
    let plain = |text: &str| escape::terminal(text.as_bytes()).replace("\\\\", "\\");
    let mut line = plain(&problem.title);
    if let Some(detail) = &problem.detail {
        line.push_str(&format!(": {}", plain(detail)));
    }
    // One field is said on the same line, several each on its own.
    let fields: Vec<String> = problem.errors.iter().map(|error| format!("{}: {}", plain(&error.field), plain(&error.reason))).collect();
    if let [only] = fields.as_slice() {
        line.push_str(&format!(": {only}"));
    }
    line.push_str(&format!(" [code: {} (request id {})]", plain(&problem.code), plain(&problem.request_id)));
    let mut lines = vec![line];
    if fields.len() > 1 {
        lines.extend(fields.iter().map(|field| format!("  {field}")));
    }
    // Where the next step is a command of ours, that is the better hint.
    let hint = match problem.code.as_str() {
        "unauthenticated" => Some(
            "give a token that works by --token-file FILE or BREVET_TOKEN; an owner makes one: brevetctl token create NAME --person PERSON"
                .into(),
        ),
        "token_may_not_decide" => Some("make one that may: brevetctl token create NAME --decides".into()),
        "no_os_user_recorded" => Some(
            "an owner records it: brevetctl person link PERSON USER; of who has none, another owner: brevetctl person no-os-user PERSON"
                .into(),
        ),
        "own_request" => Some("somebody else has to decide".into()),
        _ => problem.hint.as_deref().map(plain),
    };
    lines.extend(hint.map(|hint| format!("hint: {hint}")));
    lines
}

/// What every command gives.
pub type Result<T> = std::result::Result<T, CtlError>;
