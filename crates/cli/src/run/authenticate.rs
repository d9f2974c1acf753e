//! The PAM conversation: prompts come over a descriptor of its own, answers go back over it, straight to the process that asks.
//!
//! INVARIANT: an answer is in no buffer that outlives this module, and never on the connection to the broker.

use super::{Step, Talk};
use crate::failure::Failure;
use crate::show;
use crate::status;
use crate::terminal::{Question, Terminal, Typed};
use brevet_api::broker::{Prompt, PromptKind};
use brevet_api::frame::{self, FrameError, TERMINAL};
use brevet_sys::poll::{self, Interest};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use zeroize::Zeroizing;

/// A prompt is a line, not a page.
const LONGEST_PROMPT: usize = 16 << 10;

impl Talk<'_> {
    /// Leads one conversation; the broker says on its own connection what came of it.
    pub fn authenticate(&mut self, attempts_left: u32) -> Result<Step, Failure> {
        let Some(descriptor) = self.connection.descriptor() else {
            return Err(Failure::Answer(FrameError::Content("no descriptor to authenticate over".to_owned())));
        };
        // Without a terminal nobody can answer: closing says so, and the broker refuses.
        let Some(terminal) = self.terminal.take() else { return Ok(Step::Next) };
        self.voice.settle();
        if std::mem::replace(&mut self.asked_before, true) {
            let left = if attempts_left == 1 { "last attempt".to_owned() } else { format!("{attempts_left} attempts left") };
            terminal.show(&format!("brevet: not accepted, {left}\n"));
        }
        let outcome = self.converse(UnixStream::from(descriptor), &terminal);
        self.terminal = Some(terminal);
        outcome
    }

    fn converse(&self, mut with: UnixStream, terminal: &Terminal) -> Result<Step, Failure> {
        loop {
            if let Some(step) = self.until_readable(&with)? {
                return Ok(step);
            }
            let prompt: Prompt = match frame::read_control(&mut with, LONGEST_PROMPT) {
                Ok(prompt) => prompt,
                // Its time is up, or it knows enough.
                Err(FrameError::Closed | FrameError::Io(_)) => return Ok(Step::Next),
                Err(error) => return Err(Failure::Answer(error)),
            };
            let mut text = show::words(&prompt.text);
            if text.trim() == "Password:" {
                // Theirs, not that of whom the program runs as.
                "your own password: ".clone_into(&mut text);
            }
            let hidden = match prompt.kind {
                PromptKind::Hidden => true,
                PromptKind::Visible => false,
                PromptKind::Info | PromptKind::Error => {
                    terminal.show(&format!("{text}\n"));
                    continue;
                }
            };
            match terminal.ask(Question { prompt: &text, hidden }, &self.signals, with.as_fd())? {
                Typed::Line(answer) => {
                    let answer = frame::encode(TERMINAL, &answer).map(Zeroizing::new).map_err(Failure::Answer)?;
                    if with.write_all(&answer).is_err() {
                        return Ok(Step::Next);
                    }
                }
                Typed::TooLong => {
                    terminal.show(&format!("brevet: longer than {} bytes\n", crate::terminal::LONGEST));
                    return Ok(Step::Next);
                }
                Typed::End | Typed::Elsewhere => return Ok(Step::Next),
                Typed::Signal(number) => return Ok(Step::Exit(status::of_signal(number))),
            }
        }
    }

    /// Waits for the next prompt; a step where a signal came first.
    fn until_readable(&self, with: &UnixStream) -> Result<Option<Step>, Failure> {
        loop {
            let ready = poll::wait(&[(with.as_fd(), Interest::READ), (self.signals.as_fd(), Interest::READ)], None)?;
            let [conversation, signal] = ready.as_slice() else { continue };
            if conversation.readable() {
                return Ok(None);
            }
            if signal.readable()
                && let Some(number) = self.signals.next()
            {
                match number {
                    libc::SIGWINCH | libc::SIGCONT => {}
                    libc::SIGTSTP => brevet_sys::client::stop_own_group(libc::SIGTSTP)?,
                    number => return Ok(Some(Step::Exit(status::of_signal(number)))),
                }
            }
        }
    }
}
