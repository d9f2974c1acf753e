//! The command line: what every command shares. Each feature defines its own commands beside what they do.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::output::Output;
use crate::{
    apply, autonomous, break_glass, computer, enrolment, event, grant, group, hold, import, list, manual, notification, person, policy,
    profile, proposal, request, session, setting, status, token, whoami,
};

const AFTER: &str = "\
Server, token and certificate come from these options, else from BREVET_SERVER, BREVET_TOKEN and BREVET_CA, else from a profile
(brevetctl profile --help). BREVET_PROFILE names one.

An ID may be shortened as long as it stays unique; a request may also be named by its short code, everything with a name by its name.
Moments are UTC. Actions that end or delete something ask first when a person sits at the terminal, unless --yes is given. Without
a terminal, what the command names is done; what it does not name one by one (grant revoke --user and the like, event redact, apply
--prune that deletes) needs --yes.

Exit status:
  0  done
  1  failed, or refused as not valid
  2  wrong usage, or a file with errors
  3  not found
  4  not signed in, or not allowed
  5  conflict: no longer possible, in use, changed meanwhile
  6  a journal does not verify, or a case of a corpus came out otherwise
  7  an import is done, and some of it could not be translated
  8  nothing has changed yet: the change is proposed, and a second person confirms it";

/// Everything the console can do, from a terminal, over the same REST API.
#[derive(Parser)]
#[command(name = "brevetctl", version, after_help = AFTER, max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every command")]
pub struct Global {
    /// The server's address, https://… [env: BREVET_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// A file with the API token, or - for standard input [env: BREVET_TOKEN has the token itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The API token itself; other users of this computer can see it
    #[arg(long, global = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// PEM of the certificate to trust, where the server made its own [env: BREVET_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// A profile, see: brevetctl profile [env: BREVET_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Print the API's own types as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print lists as CSV, with the table's columns
    #[arg(long, global = true, conflicts_with = "json")]
    pub csv: bool,
    /// Do not ask before something is ended or deleted
    #[arg(long, short, global = true)]
    pub yes: bool,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// How the server and its computers stand, and what somebody should look at
    Status,
    /// Make the server's groups, lists, policies and autonomous rules as a file says
    Apply(apply::Apply),
    /// Draft policies from what other programs have
    #[command(subcommand)]
    Import(import::Import),
    /// Policies: who may run what, where, how and when
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Application lists
    #[command(subcommand)]
    List(list::List),
    /// Groups of computers and of users
    #[command(subcommand)]
    Group(group::Group),
    /// Rules that approve by themselves
    #[command(subcommand)]
    Autonomous(autonomous::Autonomous),
    /// Requests, and decisions on them
    #[command(subcommand)]
    Request(request::Request),
    /// Grants: what was given, and what became of it
    #[command(subcommand)]
    Grant(grant::Grant),
    /// Sessions: each elevated run
    #[command(subcommand)]
    Session(session::Session),
    /// Computers
    #[command(subcommand)]
    Computer(computer::Computer),
    /// Tokens that let a computer enrol
    #[command(subcommand)]
    EnrolmentToken(enrolment::EnrolmentToken),
    /// Changes that wait for a second person, where four eyes is on
    #[command(subcommand)]
    Proposal(proposal::Proposal),
    /// Access without approval in an emergency, and its review
    #[command(subcommand)]
    BreakGlass(break_glass::BreakGlass),
    /// Notifications: who is told what by e-mail and webhooks, and what was sent
    #[command(subcommand)]
    Notification(notification::Notification),
    /// Settings
    #[command(subcommand)]
    Setting(setting::Setting),
    /// The audit log, and the computers' journals
    #[command(subcommand)]
    Event(event::Event),
    /// Legal holds: what is not redacted
    #[command(subcommand)]
    Hold(hold::Hold),
    /// Persons who sign in
    #[command(subcommand)]
    Person(person::Person),
    /// Show as whom the server knows you, and with which roles
    Whoami,
    /// API tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Servers that this person works with
    #[command(subcommand)]
    Profile(profile::Command),
    /// Print what a shell needs to complete commands
    Completion(manual::Completion),
    /// Write manual pages, one for each command
    Man(manual::Man),
}

/// What a command works with.
pub struct Session {
    /// What every command was told.
    pub global: Global,
    /// Where results go.
    pub output: Output,
}

impl Session {
    /// For these options.
    #[must_use]
    pub const fn new(global: Global) -> Self {
        let output = Output { json: global.json, csv: global.csv, yes: global.yes };
        Self { global, output }
    }

    /// The connection; commands that need no server do not ask for it.
    ///
    /// # Errors
    /// When it is not said which server, or with which token.
    pub fn client(&self) -> Result<Client> {
        Client::new(profile::resolve(&self.global)?)
    }
}

/// Does what was asked.
///
/// # Errors
/// As the command's own.
pub fn run(cli: Cli) -> Result<()> {
    let session = Session::new(cli.global);
    let done = dispatch(&session, cli.command);
    // A program that reads the answer gets what there is instead of it.
    if let (Err(CtlError::Proposed(proposal)), true) = (&done, session.output.json) {
        session.output.print(&**proposal, proposal::describe)?;
    }
    done
}

fn dispatch(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Status => status::run(session),
        Command::Apply(command) => apply::run(session, &command),
        Command::Import(command) => import::run(session, &command),
        Command::Policy(command) => policy::run(session, command),
        Command::List(command) => list::run(session, command),
        Command::Group(command) => group::run(session, command),
        Command::Autonomous(command) => autonomous::run(session, command),
        Command::Request(command) => request::run(session, command),
        Command::Grant(command) => grant::run(session, command),
        Command::Session(command) => session::run(session, command),
        Command::Computer(command) => computer::run(session, command),
        Command::EnrolmentToken(command) => enrolment::run(session, command),
        Command::Proposal(command) => proposal::run(session, command),
        Command::BreakGlass(command) => break_glass::run(session, command),
        Command::Notification(command) => notification::run(session, command),
        Command::Setting(command) => setting::run(session, command),
        Command::Event(command) => event::run(session, command),
        Command::Hold(command) => hold::run(session, command),
        Command::Person(command) => person::run(session, command),
        Command::Whoami => whoami::run(session),
        Command::Token(command) => token::run(session, command),
        Command::Profile(command) => profile::run(session, command),
        Command::Completion(command) => manual::completion(session, &command),
        Command::Man(command) => manual::pages(&command),
    }
}
