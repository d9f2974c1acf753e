//! The authn role: Linux-PAM for one attempt, in a process that ends with it.
//!
//! The password goes from the client's descriptor straight to PAM in here: the broker role never sees it, and this
//! process decides nothing but what PAM said. Whom PAM authenticated must be whom it was asked about.

use crate::launcher::{self, Role};
use crate::spec::{self, Attempt, AttemptMode, Verdict};
use brevet_api::broker::{Prompt, PromptKind};
use brevet_api::frame::{self, FrameError};
use brevet_sys::pam::{self, Item, PamError, Transaction, code};
use brevet_sys::{fdpass, pidfd, process, signal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest answer to a prompt.
const MAX_ANSWER: usize = 1024;
/// The longest prompt that is shown; the rest is cut.
const MAX_PROMPT: usize = 2048;
/// The most questions of one attempt.
const MAX_PROMPTS: u32 = 32;
/// The longest time for one attempt, whatever the broker says.
const MAX_TIMEOUT_MS: u64 = 300_000;

/// One attempt, for the broker role: starts the process, waits for its verdict, and kills it when its time is up.
/// Every failure is `Verdict::Error`.
#[must_use]
pub fn attempt(launcher: &launcher::Client, attempt: &Attempt, conversation: Option<OwnedFd>) -> Verdict {
    let started = match launcher.start_role(Role::Authn) {
        Ok(started) => started,
        Err(error) => return Verdict::Error { reason: crate::chain(&error) },
    };
    let wait = Duration::from_millis(attempt.timeout_ms.min(MAX_TIMEOUT_MS)).saturating_add(Duration::from_secs(2));
    let verdict = ask(&started.control, attempt, conversation, wait);
    // Gone already if it answered; a hanging module goes now.
    drop(pidfd::send_signal(started.pidfd.as_fd(), signal::KILL));
    verdict.unwrap_or_else(|error| Verdict::Error { reason: format!("no answer from PAM in time: {}", crate::chain(&error)) })
}

fn ask(control: &UnixStream, attempt: &Attempt, conversation: Option<OwnedFd>, wait: Duration) -> Result<Verdict, FrameError> {
    control.set_read_timeout(Some(wait))?;
    let descriptors: Vec<_> = conversation.iter().map(AsFd::as_fd).collect();
    spec::send_with(control, attempt, &descriptors)?;
    // Ours must be closed, so that the client sees the end when authn ends.
    drop(descriptors);
    drop(conversation);
    spec::receive_with(control, 0).map(|(verdict, _)| verdict)
}

/// The role's whole life.
#[must_use]
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed("authn", &error),
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    System(#[from] brevet_sys::Error),
    #[error("cannot talk to the broker")]
    Frame(#[from] FrameError),
}

fn serve() -> Result<(), Error> {
    process::forbid_dumping()?;
    let control = UnixStream::from(fdpass::inherited(launcher::CONTROL)?);
    let (attempt, descriptors): (Attempt, _) = match spec::receive_with(&control, 1) {
        Ok(received) => received,
        // Started for an attempt that never came.
        Err(FrameError::Closed) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let timeout = attempt.timeout_ms.min(MAX_TIMEOUT_MS);
    process::end_after(u32::try_from(timeout.div_ceil(1000)).unwrap_or(1).max(1));
    let conversation = descriptors.into_iter().next().map(UnixStream::from);
    let person = Person { stream: conversation, until: Instant::now().checked_add(Duration::from_millis(timeout)), asked: 0 };
    let verdict = judge(&attempt, person);
    spec::send_with(&control, &verdict, &[])?;
    Ok(())
}

/// Authentication, whom it was about, and the account check, in this order; the account check on every path.
fn judge(attempt: &Attempt, mut person: Person) -> Verdict {
    let user = attempt.user.as_bytes();
    if attempt.mode == AttemptMode::Authenticate && person.stream.is_none() {
        return Verdict::Error { reason: "no conversation to authenticate in".to_owned() };
    }
    let conversation: pam::Conversation<'_> = Box::new(move |prompt, text| person.ask(prompt, text));
    let steps = || -> Result<Option<Verdict>, PamError> {
        let mut transaction = Transaction::start(&attempt.service, Some(user), conversation)?;
        transaction.set(Item::RequestingUser, attempt.requester.as_bytes())?;
        if let Some(terminal) = &attempt.terminal {
            transaction.set(Item::Tty, terminal.as_bytes())?;
        }
        if attempt.mode == AttemptMode::Authenticate {
            transaction.authenticate()?;
        }
        transaction.check_account()?;
        let about = transaction.user()?;
        Ok((about != user).then(|| Verdict::Failed { reason: "PAM authenticated another user than it was asked about".to_owned() }))
    };
    match steps() {
        Ok(None) => Verdict::Ok {},
        Ok(Some(verdict)) => verdict,
        Err(error) => verdict_of(&error),
    }
}

fn verdict_of(error: &PamError) -> Verdict {
    let reason = error.to_string();
    let PamError::Answer { code, .. } = error else { return Verdict::Error { reason } };
    match *code {
        code::AUTH_ERR | code::USER_UNKNOWN | code::MAXTRIES | code::CONV_ERR | code::AUTHTOK_ERR | code::AUTHTOK_RECOVERY_ERR => {
            Verdict::Failed { reason }
        }
        code::ACCT_EXPIRED => Verdict::AccountExpired { reason },
        code::PERM_DENIED => Verdict::Locked { reason },
        code::NEW_AUTHTOK_REQD | code::AUTHTOK_EXPIRED => Verdict::MustChangePassword { reason },
        _ => Verdict::Error { reason },
    }
}

/// The person at the client's end of the conversation.
struct Person {
    stream: Option<UnixStream>,
    until: Option<Instant>,
    asked: u32,
}

impl Person {
    fn ask(&mut self, prompt: pam::Prompt, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.asked = self.asked.saturating_add(1);
        if self.asked > MAX_PROMPTS {
            return None;
        }
        let (kind, answered) = match prompt {
            pam::Prompt::Hidden => (PromptKind::Hidden, true),
            pam::Prompt::Shown => (PromptKind::Visible, true),
            pam::Prompt::Info => (PromptKind::Info, false),
            pam::Prompt::Error => (PromptKind::Error, false),
        };
        let Some(stream) = &mut self.stream else {
            // The account check alone: what PAM has to say is in its verdict, and there is nobody to answer.
            return (!answered).then(Zeroizing::default);
        };
        let left = self.until?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        stream.set_write_timeout(Some(left)).ok()?;
        let shown = String::from_utf8_lossy(text.get(..text.len().min(MAX_PROMPT)).unwrap_or_default()).into_owned();
        frame::write_control(stream, &Prompt { text: shown, kind }).ok()?;
        if !answered {
            return Some(Zeroizing::default());
        }
        let frame = frame::read(stream, MAX_ANSWER.saturating_add(1)).ok()?;
        let answer = Zeroizing::new(frame.payload);
        (frame.kind == frame::TERMINAL).then_some(answer)
    }
}
