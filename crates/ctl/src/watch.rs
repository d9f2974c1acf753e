//! `--watch`: the same again until it is over, or until Ctrl-C.
//!
//! On a terminal the screen is drawn anew; anywhere else only what changed is printed, so that a program can read it.

use std::io::IsTerminal as _;
use std::time::Duration;

use brevet_core::time::Length;
use clap::Args;

use crate::cli::Session;
use crate::error::{CtlError, Result};

/// How often.
#[derive(Debug, Args)]
pub struct Watch {
    /// Show it again and again, every so often [default: 2s]
    #[arg(long = "watch", value_name = "DURATION", num_args = 0..=1, default_missing_value = "2s", value_parser = pause)]
    every: Option<Length>,
}

fn pause(text: &str) -> std::result::Result<Length, String> {
    let length = Length::parse(text).map_err(|error| error.to_string())?;
    if length == Length::ZERO { Err("at least 1s".into()) } else { Ok(length) }
}

/// What was seen once.
pub struct Seen {
    /// As it is printed.
    pub text: String,
    /// Whether nothing more can happen to it.
    pub over: bool,
}

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(200);

impl Watch {
    /// Looks once, or until it is over.
    ///
    /// # Errors
    /// As a look. Once it could be looked at, a server that is away for a while is waited for.
    pub fn run(&self, session: &Session, mut look: impl FnMut() -> Result<Seen>) -> Result<()> {
        let first = look()?;
        let Some(every) = self.every else { return session.output.text(&first.text) };
        let every = Duration::from_millis(every.millis()).max(SHORTEST);
        let on_terminal = std::io::stdout().is_terminal() && !session.output.json;
        let mut last: Option<String> = None;
        let mut seen = first;
        loop {
            if last.as_ref() != Some(&seen.text) {
                let before = if on_terminal { "\x1b[H\x1b[2J\x1b[3J" } else { "" };
                if !session.output.text_while_read(&format!("{before}{}", seen.text))? {
                    return Ok(());
                }
                last = Some(seen.text);
            }
            if seen.over {
                return Ok(());
            }
            seen = loop {
                std::thread::sleep(every);
                match look() {
                    Err(CtlError::Unreachable { url, .. }) => eprintln!("brevetctl: {url} does not answer; trying again"),
                    other => break other?,
                }
            };
        }
    }
}
