//! The command line. By hand: the grammar is small, and options of the command that is run must never be mistaken for ours.

use crate::help;
use brevet_core::digest::typed_code;
use brevet_core::escape;
use brevet_core::id::{GrantId, RequestId};
use brevet_core::text::OsText;
use brevet_core::time::{Length, TimeError};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Show this text.
    Help(&'static str),
    /// Print this script, as it is.
    Completion(&'static str),
    /// Show the version.
    Version,
    /// `brevet run`.
    Run(RunOptions),
    /// Everything that is one question and one answer.
    Query(Query),
    /// `brevet man`: pages into this folder.
    Manual(PathBuf),
}

/// `brevet run`, and what `explain` has of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The command and its arguments.
    pub command: Vec<OsText>,
    /// `--reason`.
    pub reason: Option<String>,
    /// `--for`.
    pub duration: Option<Length>,
    /// `--ticket`.
    pub ticket: Option<String>,
    /// `--as`.
    pub target_user: Option<String>,
    /// `--no-wait`.
    pub no_wait: bool,
    /// `--json`.
    pub json: bool,
}

/// One question.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    /// What is asked.
    pub what: What,
    /// `--json`.
    pub json: bool,
}

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// What may I run here?
    List,
    /// How is the agent?
    Status,
    /// My requests.
    Requests,
    /// My grants.
    Grants,
    /// What would this do?
    Explain(RunOptions),
    /// Take back a request.
    Withdraw(Which),
    /// Finish a grant.
    End(GrantId),
    /// Forget that I authenticated.
    Lock,
}

/// Which request.
#[derive(Debug, PartialEq, Eq)]
pub enum Which {
    /// By its id.
    Id(RequestId),
    /// By the short code that its user and the approvers see, such as `7K3M-Q9ZT`.
    Code(String),
}

impl Which {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::Id).or_else(|| typed_code(text).map(Self::Code))
    }
}

/// A command line that says nothing we know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Usage {
    /// None at all.
    #[error("no command given")]
    Nothing,
    /// Not one of ours.
    #[error("unknown command '{0}'")]
    Command(String),
    /// Not one of this command's.
    #[error("unknown option '{0}'")]
    Option(String),
    /// `--reason` at the end.
    #[error("option '{0}' needs a value")]
    Value(&'static str),
    /// `--json=yes`.
    #[error("option '{0}' takes no value")]
    NoValue(&'static str),
    /// Not UTF-8.
    #[error("the value of '{0}' is not valid UTF-8")]
    Text(&'static str),
    /// `--for soon`.
    #[error("the value of '--for' is '{0}': expected a duration such as 90s, 30m or 1h30m, longer than nothing")]
    Duration(String),
    /// `--for 99999999h`.
    #[error("the value of '--for' is '{0}': longer than any policy could allow")]
    TooLong(String),
    /// `brevet run`, `brevet explain`.
    #[error("no command to run given")]
    NoProgram,
    /// `brevet withdraw`, `brevet end`.
    #[error("expected one {0}")]
    Id(&'static str),
    /// Not an id.
    #[error("'{0}' is not a {1}")]
    NotAnId(String, &'static str),
    /// One too many.
    #[error("'{0}' is one argument too many")]
    Extra(String),
}

/// What the arguments after the program's name say.
pub fn parse(mut given: impl Iterator<Item = OsString>) -> Result<Command, Usage> {
    let Some(first) = given.next() else { return Err(Usage::Nothing) };
    let rest: Vec<OsString> = given.collect();
    let query = |what, text| Ok(simple(&rest)?.map_or(Command::Help(text), |json| Command::Query(Query { what, json })));
    match first.as_bytes() {
        b"-h" | b"--help" | b"help" => Ok(Command::Help(help::MAIN)),
        b"-V" | b"--version" => Ok(Command::Version),
        b"run" => run(rest),
        b"explain" => explain(rest),
        b"list" => query(What::List, help::LIST),
        b"status" => query(What::Status, help::STATUS),
        b"requests" => query(What::Requests, help::REQUESTS),
        b"grants" => query(What::Grants, help::GRANTS),
        b"lock" => query(What::Lock, help::LOCK),
        b"completion" => completion(&rest),
        b"withdraw" => {
            with_id(&rest, help::WITHDRAW, "request id (req_…) or code (7K3M-Q9ZT)", |text| Which::parse(text).map(What::Withdraw))
        }
        b"man" => manual(&rest),
        b"end" => with_id(&rest, help::END, "grant id (gra_…)", |text| text.parse().ok().map(What::End)),
        other => Err(Usage::Command(escape::terminal(other))),
    }
}

fn completion(given: &[OsString]) -> Result<Command, Usage> {
    match given {
        [shell] => match shell.as_bytes() {
            b"bash" => Ok(Command::Completion(help::BASH)),
            b"zsh" => Ok(Command::Completion(help::ZSH)),
            b"fish" => Ok(Command::Completion(help::FISH)),
            b"-h" | b"--help" => Ok(Command::Help(help::COMPLETION)),
            other => Err(Usage::NotAnId(escape::terminal(other), "shell that can be completed for (bash, zsh, fish)")),
        },
        [_, extra, ..] => Err(Usage::Extra(escape::terminal(extra.as_bytes()))),
        [] => Err(Usage::Id("shell: bash, zsh or fish")),
    }
}

fn manual(given: &[OsString]) -> Result<Command, Usage> {
    match given {
        [help] if matches!(help.as_bytes(), b"-h" | b"--help") => Ok(Command::Help(help::MAN)),
        [folder] if !folder.is_empty() && !folder.as_bytes().starts_with(b"-") => Ok(Command::Manual(folder.into())),
        [option] if !option.is_empty() => Err(Usage::Option(escape::terminal(option.as_bytes()))),
        [_, extra, ..] => Err(Usage::Extra(escape::terminal(extra.as_bytes()))),
        [] | [_] => Err(Usage::Id("folder")),
    }
}

fn run(given: Vec<OsString>) -> Result<Command, Usage> {
    let mut options = RunOptions::default();
    match options_then_command(given, &mut options, true)? {
        Found::Help => Ok(Command::Help(help::RUN)),
        Found::Command => Ok(Command::Run(options)),
    }
}

fn explain(given: Vec<OsString>) -> Result<Command, Usage> {
    let mut options = RunOptions::default();
    match options_then_command(given, &mut options, false)? {
        Found::Help => Ok(Command::Help(help::EXPLAIN)),
        Found::Command => Ok(Command::Query(Query { json: options.json, what: What::Explain(options) })),
    }
}

enum Found {
    Help,
    Command,
}

/// Options up to the first word that is none, or `--`; everything after is the command's own.
fn options_then_command(given: Vec<OsString>, options: &mut RunOptions, all: bool) -> Result<Found, Usage> {
    let mut given = given.into_iter();
    let mut program = None;
    while let Some(word) = given.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" {
            program = given.next();
            break;
        }
        if !bytes.starts_with(b"-") || bytes == b"-" {
            program = Some(word);
            break;
        }
        let (name, attached) = match bytes.iter().position(|b| *b == b'=') {
            Some(at) if bytes.starts_with(b"--") => bytes.split_at(at),
            _ => (bytes, &b""[..]),
        };
        let attached = attached.strip_prefix(b"=").map(<[u8]>::to_vec);
        let mut value = |name: &'static str| {
            let bytes = attached.clone().or_else(|| given.next().map(OsString::into_vec)).ok_or(Usage::Value(name))?;
            String::from_utf8(bytes).map_err(|_| Usage::Text(name))
        };
        let flag = |name: &'static str| if attached.is_some() { Err(Usage::NoValue(name)) } else { Ok(true) };
        match name {
            b"-h" | b"--help" => return Ok(Found::Help),
            b"--json" => options.json = flag("--json")?,
            b"--as" => options.target_user = Some(value("--as")?),
            b"--reason" if all => options.reason = Some(value("--reason")?),
            b"--ticket" if all => options.ticket = Some(value("--ticket")?),
            b"--for" if all => options.duration = Some(duration(&value("--for")?)?),
            b"--no-wait" if all => options.no_wait = flag("--no-wait")?,
            _ => return Err(Usage::Option(escape::terminal(name))),
        }
    }
    let words = program.into_iter().chain(given);
    // A NUL cannot be in an argument vector.
    options.command = words.filter_map(|word| OsText::new(word.into_vec()).ok()).collect();
    if options.command.first().is_none_or(|name| name.as_bytes().is_empty()) { Err(Usage::NoProgram) } else { Ok(Found::Command) }
}

fn duration(text: &str) -> Result<Length, Usage> {
    match Length::parse(text) {
        Ok(length) if length > Length::ZERO => Ok(length),
        Err(TimeError::TooLong) => Err(Usage::TooLong(escape::terminal(text.as_bytes()))),
        Ok(_) | Err(_) => Err(Usage::Duration(escape::terminal(text.as_bytes()))),
    }
}

/// Only `--json` and `--help`: whether JSON is wanted, or `None` for help.
fn simple(given: &[OsString]) -> Result<Option<bool>, Usage> {
    let mut json = false;
    for word in given {
        match word.as_bytes() {
            b"-h" | b"--help" => return Ok(None),
            b"--json" => json = true,
            other if other.starts_with(b"-") => return Err(Usage::Option(escape::terminal(other))),
            other => return Err(Usage::Extra(escape::terminal(other))),
        }
    }
    Ok(Some(json))
}

fn with_id(given: &[OsString], help: &'static str, kind: &'static str, id: impl Fn(&str) -> Option<What>) -> Result<Command, Usage> {
    let (words, flags): (Vec<&OsString>, Vec<&OsString>) = given.iter().partition(|word| !word.as_bytes().starts_with(b"-"));
    let flags: Vec<OsString> = flags.into_iter().cloned().collect();
    let Some(json) = simple(&flags)? else { return Ok(Command::Help(help)) };
    let [word] = words.as_slice() else { return Err(Usage::Id(kind)) };
    let what = word.to_str().and_then(id).ok_or_else(|| Usage::NotAnId(escape::terminal(word.as_bytes()), kind))?;
    Ok(Command::Query(Query { what, json }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Command, Usage> {
        parse(words.iter().map(OsString::from))
    }

    fn options(words: &[&str]) -> RunOptions {
        match parsed(words) {
            Ok(Command::Run(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let found = options(&["run", "--reason", "because", "--for=30m", "apt", "--json", "--for", "x"]);
        assert_eq!(found.reason.as_deref(), Some("because"));
        assert_eq!(found.duration, Some(Length::from_minutes(30)));
        assert!(!found.json);
        assert_eq!(found.command.len(), 4);
        let found = options(&["run", "--", "--json", "--", "a"]);
        assert_eq!(found.command.iter().map(ToString::to_string).collect::<Vec<_>>(), ["--json", "--", "a"]);
        assert_eq!(options(&["run", "ls", ""]).command.len(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for words in [
            &["run"][..],
            &["run", "--"],
            &["run", ""],
            &["run", "--for", "soon", "ls"],
            &["run", "--for", "0s", "ls"],
            &["run", "--reason"],
            &["run", "--json=1", "ls"],
            &["run", "-x", "ls"],
            &["explain", "--reason", "x", "ls"],
            &["withdraw"],
            &["withdraw", "1"],
            &["withdraw", "gra_01ARZ3NDEKTSV4RRFFQ69G5FAV"],
            &["list", "x"],
            &["list", "--x"],
            &["frobnicate"],
            &[],
        ] {
            assert!(parsed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn every_command_has_its_help() {
        for word in ["run", "list", "status", "requests", "grants", "explain", "withdraw", "end", "lock"] {
            let Ok(Command::Help(text)) = parsed(&[word, "--help"]) else { panic!("{word}") };
            assert!(text.contains(&format!("brevet {word}")), "{word}");
            assert!(help::MAIN.contains(&format!("  {word} ")), "{word}");
        }
    }

    #[test]
    fn completion_knows_every_command_and_option_of_the_help() {
        let commands = help::MAIN.lines().skip_while(|line| *line != "commands:").skip(1).take_while(|line| !line.is_empty());
        let options = help::RUN.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let words: Vec<&str> = commands.chain(options).filter_map(|line| line.split_whitespace().next()).collect();
        assert!(words.contains(&"lock") && words.contains(&"no-wait") && words.len() > 12, "{words:?}");
        for shell in ["bash", "zsh", "fish"] {
            let Ok(Command::Completion(text)) = parse(["completion", shell].into_iter().map(OsString::from)) else {
                unreachable!("{shell}");
            };
            for word in &words {
                assert!(text.contains(word), "{shell} does not know {word}");
            }
        }
        for wrong in [&["completion"][..], &["completion", "tcsh"], &["completion", "bash", "x"]] {
            assert!(parse(wrong.iter().map(OsString::from)).is_err(), "{wrong:?}");
        }
    }
}
