//! `brevet run`: asks the broker, answers what it wants to know, waits, and follows the session to its end.

mod authenticate;
#[cfg(test)]
mod early;
mod question;
mod relay;
mod waiting;

use crate::arguments::RunOptions;
use crate::connection::{self, Connection};
use crate::environment;
use crate::failure::Failure;
use crate::show;
use crate::status;
use crate::terminal::{SIGNALS, Terminal};
use crate::voice::Voice;
use brevet_api::broker::{Ask, Refused, Run, Tell, Window};
use brevet_core::request::RequestState;
use brevet_sys::poll::{self, Interest};
use brevet_sys::signal::{self, SignalFd};
use brevet_sys::{client, pty};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use waiting::Waiting;

/// Everything that a run has at hand.
struct Talk<'a> {
    options: &'a RunOptions,
    connection: Connection,
    signals: SignalFd,
    voice: Voice,
    terminal: Option<Terminal>,
    waiting: Option<Waiting>,
    /// Whether they had to authenticate before, in this run.
    asked_before: bool,
    /// Whether what would run was shown.
    described: bool,
    /// What the running session last said to the person.
    noted: Option<String>,
}

/// What the next step is.
enum Step {
    /// Wait for the next message.
    Next,
    /// Over, with this status.
    Exit(u8),
}

/// Runs a command; the exit status.
pub fn run(options: &RunOptions) -> Result<u8, Failure> {
    let terminal = Terminal::open();
    let connection = match Connection::asked_early()? {
        Some(connection) => connection,
        None => ask(options, terminal.is_some())?,
    };
    // Only now: until here a broker that hangs must not keep Ctrl-C from ending us.
    let signals = SignalFd::new(&SIGNALS)?;
    let mut talk = Talk {
        options,
        connection,
        signals,
        voice: Voice::new(options.json),
        terminal,
        waiting: None,
        asked_before: false,
        described: false,
        noted: None,
    };
    let outcome = talk.follow();
    talk.voice.settle();
    outcome
}

/// Connects and asks.
fn ask(options: &RunOptions, interactive: bool) -> Result<Connection, Failure> {
    let mut connection = Connection::open()?;
    let directory = working_directory()?;
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    // A closed one of the three has become /dev/null before `main`.
    let descriptors = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), directory.as_fd()];
    connection.ask(&Ask::Run(Box::new(message(options, interactive))), &descriptors)?;
    Ok(connection)
}

/// The message, without the descriptors.
pub fn message(options: &RunOptions, interactive: bool) -> Run {
    message_of(options, std::env::vars_os(), interactive, window())
}

fn message_of(
    options: &RunOptions,
    variables: impl Iterator<Item = (OsString, OsString)>,
    interactive: bool,
    window: Option<Window>,
) -> Run {
    Run {
        command: options.command.clone(),
        environment: environment::candidates(variables),
        target_user: options.target_user.clone(),
        reason: options.reason.clone(),
        duration: options.duration,
        ticket: options.ticket.clone(),
        no_wait: options.no_wait,
        interactive,
        window,
    }
}

/// Where we are, as a descriptor that can only be walked from.
pub fn working_directory() -> Result<File, Failure> {
    File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(".").map_err(Failure::Directory)
}

/// The size of whichever of the three is a terminal.
fn window() -> Option<Window> {
    let size = pty::window_size(io::stdout().as_fd())
        .or_else(|_| pty::window_size(io::stderr().as_fd()))
        .or_else(|_| pty::window_size(io::stdin().as_fd()));
    size.ok().map(|size| Window { rows: size.rows, columns: size.columns })
}

impl Talk<'_> {
    fn follow(&mut self) -> Result<u8, Failure> {
        loop {
            while let Some(frame) = self.connection.next()? {
                let tell: Tell = connection::message(&frame)?;
                self.voice.pass_on(&tell);
                if let Step::Exit(status) = self.hear(tell)? {
                    return Ok(status);
                }
            }
            if self.connection.is_closed() {
                return Err(match self.waiting.take() {
                    Some(waiting) => Failure::BrokerGonePending { request: waiting.request() },
                    None => Failure::BrokerGone,
                });
            }
            if let Some(status) = self.wait()? {
                return Ok(status);
            }
        }
    }

    /// Waits for a message, a signal or the next tick; an exit status where a signal ends us.
    fn wait(&mut self) -> Result<Option<u8>, Failure> {
        let timeout = self.waiting.as_mut().and_then(|waiting| waiting.tick(&mut self.voice));
        let mut list = vec![(self.connection.as_fd(), self.connection.interest(true)), (self.signals.as_fd(), Interest::READ)];
        list.extend(self.terminal.as_ref().map(|terminal| (terminal.file().as_fd(), Interest::NONE)));
        let ready = poll::wait(&list, timeout)?;
        let [connection, caught, terminal @ ..] = ready.as_slice() else { return Ok(None) };
        if terminal.iter().any(|terminal| terminal.hung_up()) {
            // Who leads its session may not tell us (`su - alice`).
            if !signal::is_ignored(signal::HANG_UP) {
                return self.caught(signal::HANG_UP);
            }
            self.terminal = None;
            return Ok(None);
        }
        if caught.readable()
            && let Some(number) = self.signals.next()
        {
            return self.caught(number);
        }
        if connection.writable() {
            self.connection.flush();
        }
        if connection.readable() {
            self.connection.fill()?;
        }
        Ok(None)
    }

    fn caught(&mut self, number: i32) -> Result<Option<u8>, Failure> {
        match number {
            libc::SIGWINCH | libc::SIGCONT => Ok(None),
            libc::SIGTSTP => {
                self.voice.settle();
                client::stop_own_group(libc::SIGTSTP)?;
                Ok(None)
            }
            number => {
                if let Some(waiting) = &self.waiting {
                    waiting.left(&mut self.voice);
                }
                Ok(Some(status::of_signal(number)))
            }
        }
    }

    fn hear(&mut self, tell: Tell) -> Result<Step, Failure> {
        match tell {
            Tell::Refused(refused) => Ok(Step::Exit(self.refused(&refused))),
            Tell::NeedReason(need) => self.give_reason(&need),
            Tell::Authenticate { attempts_left } => self.authenticate(attempts_left),
            Tell::Pending(pending) => Ok(self.pending(&pending)),
            Tell::Approved(approved) => {
                self.waiting = None;
                let (sentence, details) = show::approved(&approved);
                self.voice.say(&sentence);
                details.iter().for_each(|detail| self.voice.detail(detail));
                Ok(Step::Next)
            }
            Tell::Declined { request, by, comment } => {
                self.voice.say(&format!("declined by {} (request {request})", show::text(&by)));
                if !comment.is_empty() {
                    self.voice.detail(&show::line("comment", &show::quoted(&comment)));
                }
                self.voice.detail("hint: ask again when what the comment asks for is done, or turn to them");
                Ok(Step::Exit(status::REFUSED))
            }
            Tell::Closed { request, state } => {
                let (how, hint) = closed(state);
                self.voice.say(&format!("request {request} {how}"));
                self.voice.detail(&format!("hint: {hint}"));
                Ok(Step::Exit(status::REFUSED))
            }
            Tell::Notice { text } => {
                self.voice.say(&show::words(&text));
                Ok(Step::Next)
            }
            Tell::Started(started) => {
                self.waiting = None;
                self.voice.settle();
                relay::follow(self, &started).map(Step::Exit)
            }
            // Not started: then the program never was.
            Tell::Ended(ended) => {
                let why = show::ended(&ended).unwrap_or_else(|| "the program could not be started".to_owned());
                self.voice.say(&why);
                Ok(Step::Exit(relay::status_of(&ended)))
            }
            Tell::Stopped { .. } => Ok(Step::Next),
        }
    }

    fn refused(&mut self, refused: &Refused) -> u8 {
        let (sentence, details) = show::refused(
            refused,
            "'brevet list' shows what you may run here; 'brevet explain' with this command says why no policy is for it",
        );
        self.voice.say(&sentence);
        details.iter().for_each(|detail| self.voice.detail(detail));
        if refused.not_found { status::NOT_FOUND } else { status::REFUSED }
    }
}

fn closed(state: RequestState) -> (&'static str, &'static str) {
    match state {
        RequestState::Lapsed => ("lapsed: nobody decided in time", "ask again, and tell an approver"),
        RequestState::Withdrawn => ("was withdrawn", "run the command again to ask anew"),
        RequestState::Pending | RequestState::Approved | RequestState::AutoApproved | RequestState::Declined => {
            ("is closed", "'brevet requests' shows where it stands")
        }
    }
}
