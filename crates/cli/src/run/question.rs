//! The reason, and for a request the duration: asked on the terminal.

use super::{Step, Talk};
use crate::failure::Failure;
use crate::show;
use crate::status;
use crate::terminal::{Question, Terminal, Typed};
use brevet_api::broker::{NeedReason, Reply};
use brevet_core::policy::Mode;
use brevet_core::time::Length;

/// The longest reason in bytes, as the broker takes it.
const LONGEST_REASON: usize = 1000;

/// What somebody answered.
enum Answer<T> {
    Given(T),
    /// They want to end, with this status.
    Over(u8),
    /// The broker has something to say first.
    Elsewhere,
}

impl Talk<'_> {
    /// Shows what would run and asks why; sends what was answered.
    pub fn give_reason(&mut self, need: &NeedReason) -> Result<Step, Failure> {
        let Some(terminal) = self.terminal.take() else {
            self.voice.say("refused: a reason is needed, and there is no terminal to ask for it");
            self.voice.detail("hint: give it with --reason TEXT");
            return Ok(Step::Exit(status::REFUSED));
        };
        let outcome = self.ask_for_it(need, &terminal);
        self.terminal = Some(terminal);
        outcome
    }

    fn ask_for_it(&mut self, need: &NeedReason, terminal: &Terminal) -> Result<Step, Failure> {
        let what = if need.mode == Mode::Request { "this needs an approval" } else { "this needs a reason" };
        let mut text = format!("brevet: {what}\n");
        for line in show::need_reason(need) {
            text.push_str(&format!("  {line}\n"));
        }
        self.voice.settle();
        terminal.show(&text);
        self.described = true;
        let reason = match self.reason(terminal)? {
            Answer::Given(reason) => reason,
            Answer::Over(status) => return Ok(Step::Exit(status)),
            Answer::Elsewhere => return Ok(Step::Next),
        };
        let duration = match self.duration(need, terminal)? {
            Answer::Given(duration) => duration,
            Answer::Over(status) => return Ok(Step::Exit(status)),
            Answer::Elsewhere => return Ok(Step::Next),
        };
        self.connection.push(&Reply::Reason { reason, duration, ticket: self.options.ticket.clone() })?;
        Ok(Step::Next)
    }

    fn reason(&mut self, terminal: &Terminal) -> Result<Answer<String>, Failure> {
        if let Some(reason) = &self.options.reason {
            return Ok(Answer::Given(reason.clone()));
        }
        loop {
            match self.line(terminal, "reason: ")? {
                Answer::Given(reason) if reason.trim().is_empty() => terminal.show("  a reason is needed; Ctrl-C ends without asking\n"),
                Answer::Given(reason) if reason.trim().len() > LONGEST_REASON => {
                    terminal.show(&format!("  longer than {LONGEST_REASON} bytes\n"));
                }
                Answer::Given(reason) => return Ok(Answer::Given(reason.trim().to_owned())),
                other => return Ok(other),
            }
        }
    }

    fn duration(&mut self, need: &NeedReason, terminal: &Terminal) -> Result<Answer<Option<Length>>, Failure> {
        if need.mode != Mode::Request {
            return Ok(Answer::Given(self.options.duration));
        }
        let most = need.max_duration;
        match self.options.duration {
            Some(given) if given <= most => return Ok(Answer::Given(Some(given))),
            Some(given) => terminal.show(&format!("  {given} is longer than this policy allows\n")),
            None => {}
        }
        let prompt = format!("for how long, at most {most} [{most}]: ");
        loop {
            match self.line(terminal, &prompt)? {
                Answer::Given(text) if text.trim().is_empty() => return Ok(Answer::Given(Some(most))),
                Answer::Given(text) => match Length::parse(text.trim()) {
                    Ok(length) if length == Length::ZERO => terminal.show("  longer than nothing\n"),
                    Ok(length) if length > most => terminal.show(&format!("  {length} is longer than this policy allows\n")),
                    Ok(length) => return Ok(Answer::Given(Some(length))),
                    Err(_) => terminal.show(&format!("  not a duration: expected a form such as 90s, 30m or 1h30m, at most {most}\n")),
                },
                Answer::Over(status) => return Ok(Answer::Over(status)),
                Answer::Elsewhere => return Ok(Answer::Elsewhere),
            }
        }
    }

    fn line(&mut self, terminal: &Terminal, prompt: &str) -> Result<Answer<String>, Failure> {
        loop {
            let question = Question { prompt, hidden: false };
            match terminal.ask(question, &self.signals, std::os::fd::AsFd::as_fd(&self.connection))? {
                Typed::Line(bytes) => match std::str::from_utf8(&bytes) {
                    Ok(text) => return Ok(Answer::Given(text.to_owned())),
                    Err(_) => terminal.show("  not valid UTF-8\n"),
                },
                Typed::TooLong => terminal.show(&format!("  longer than {} bytes\n", crate::terminal::LONGEST)),
                Typed::End => {
                    self.voice.say("nothing was asked for");
                    return Ok(Answer::Over(status::REFUSED));
                }
                Typed::Signal(number) => {
                    self.voice.say("nothing was asked for");
                    return Ok(Answer::Over(status::of_signal(number)));
                }
                Typed::Elsewhere => {
                    self.connection.fill()?;
                    return Ok(Answer::Elsewhere);
                }
            }
        }
    }
}
