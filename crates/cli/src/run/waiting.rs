//! A request waits for a decision: what is shown, and what is said when somebody stops waiting.

use super::{Step, Talk};
use crate::show;
use crate::status;
use crate::voice::Voice;
use brevet_api::broker::Pending;
use brevet_core::escape;
use brevet_core::id::RequestId;
use brevet_core::time::Length;
use brevet_sys::clock;
use std::io::Write as _;

/// A waiting request.
#[derive(Debug)]
pub struct Waiting {
    request: RequestId,
    code: String,
    /// When it was asked, by the boot clock.
    since: u64,
    lapses: u64,
    delivered: bool,
    shown: Option<u64>,
}

impl Talk<'_> {
    /// A request was made, or something about it changed.
    pub fn pending(&mut self, pending: &Pending) -> Step {
        let now = clock::boottime_ms();
        let known = self.waiting.take().filter(|waiting| waiting.request == pending.request);
        if known.as_ref().is_none_or(|waiting| waiting.delivered != pending.delivered) {
            if known.is_some() {
                self.voice.say(if pending.delivered { "the server has it" } else { "the server does not have it yet" });
            } else {
                self.voice.say("waiting for a decision");
                show::pending(pending, !self.described).iter().for_each(|detail| self.voice.detail(detail));
            }
        }
        if self.options.no_wait {
            let line = format!("{{\"request\": \"{}\"}}\n", pending.request);
            drop(std::io::stdout().write_all(line.as_bytes()));
            return Step::Exit(status::PENDING);
        }
        if known.is_none() && !self.voice.may_tick() {
            self.voice.detail("Ctrl-C stops waiting; the request stays");
        }
        self.waiting = Some(Waiting {
            request: pending.request.clone(),
            code: pending.code.clone(),
            since: known.map_or(now.saturating_sub(pending.waited_millis), |waiting| waiting.since),
            lapses: now.saturating_add(pending.lapses_in_millis),
            delivered: pending.delivered,
            shown: None,
        });
        Step::Next
    }
}

impl Waiting {
    /// Which request.
    pub fn request(self) -> RequestId {
        self.request
    }

    /// Rewrites the line where a second has passed; the milliseconds until the next time, where there is one.
    pub fn tick(&mut self, voice: &mut Voice) -> Option<u64> {
        if !voice.may_tick() {
            return None;
        }
        let now = clock::boottime_ms();
        let elapsed = now.saturating_sub(self.since);
        if self.shown != Some(elapsed / 1000) {
            self.shown = Some(elapsed / 1000);
            let left = Length::from_seconds(self.lapses.saturating_sub(now) / 1000);
            let elapsed = Length::from_seconds(elapsed / 1000);
            voice.tick(&format!("brevet: waited {elapsed}, lapses in {} (Ctrl-C stops waiting; the request stays)", show::about(left)));
        }
        Some(1000u64.saturating_sub(elapsed % 1000))
    }

    /// Somebody stops waiting.
    pub fn left(&self, voice: &mut Voice) {
        let code = escape::terminal(self.code.as_bytes());
        voice.say(&format!("no longer waiting; request {code} stays pending"));
        voice.detail("to go on waiting, run the same command again");
        voice.detail(&format!("to take it back: brevet withdraw {code}"));
    }
}
