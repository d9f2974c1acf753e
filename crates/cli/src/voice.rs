//! What we say while a command is being asked for: plain words on standard error, or with `--json` the protocol's own messages.
//!
//! Everything that is said here has been escaped by whoever composed it (`show`).

use crate::fit::fit;
use crate::terminal;
use brevet_api::broker::Tell;
use brevet_sys::pty;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

/// Where and how we speak.
#[derive(Debug)]
pub struct Voice {
    json: bool,
    on_terminal: bool,
    /// A line that rewrites itself is on the screen.
    ticking: bool,
    /// The terminal is raw: a new line needs a carriage return.
    pub raw: bool,
}

impl Voice {
    /// On standard error.
    pub fn new(json: bool) -> Self {
        Self { json, on_terminal: pty::is_terminal(io::stderr().as_fd()), ticking: false, raw: false }
    }

    /// Whether messages go out as JSON instead of words.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether standard error is a terminal and we speak in words: then a line may rewrite itself.
    pub fn may_tick(&self) -> bool {
        self.on_terminal && !self.json
    }

    /// One sentence.
    pub fn say(&mut self, text: &str) {
        if !self.json {
            self.write(&format!("brevet: {text}\n"));
        }
    }

    /// What belongs to the sentence before.
    pub fn detail(&mut self, text: &str) {
        if !self.json {
            self.write(&format!("  {text}\n"));
        }
    }

    /// The message as it came, with `--json`.
    pub fn pass_on(&mut self, tell: &Tell) {
        if self.json
            && let Ok(mut line) = serde_json::to_string(tell)
        {
            line.push('\n');
            self.write(&ascii(&line));
        }
    }

    /// The line that rewrites itself, cut to the window.
    pub fn tick(&mut self, text: &str) {
        if !self.may_tick() {
            return;
        }
        let room = terminal::columns(io::stderr().as_fd()).unwrap_or(80).saturating_sub(1);
        let line: String = text.chars().take(room).collect();
        self.ticking = true;
        drop(io::stderr().write_all(format!("\r\x1b[K{line}").as_bytes()));
    }

    /// Takes the rewriting line away.
    pub fn settle(&mut self) {
        if self.ticking {
            self.ticking = false;
            drop(io::stderr().write_all(b"\r\x1b[K"));
        }
    }

    fn write(&mut self, text: &str) {
        self.settle();
        let columns = if self.may_tick() { terminal::columns(io::stderr().as_fd()) } else { None };
        let text = fit(text, columns);
        let text = if self.raw { text.replace('\n', "\r\n") } else { text };
        // Nobody listening is no reason to stop.
        drop(io::stderr().write_all(text.as_bytes()));
    }
}

/// JSON with everything but ASCII as `\u` escapes: characters that act on a terminal can only be inside its strings.
pub fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_reads_back_and_holds_nothing_that_acts_on_a_terminal() {
        let text = "a\u{9b}31m\u{202e}\u{7f}ü\u{1f600}\x1b\n";
        let json = ascii(&serde_json::to_string(text).unwrap());
        assert!(json.bytes().all(|b| (0x20..0x7f).contains(&b)), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
