//! Which events, as options.

use brevet_api::rest::event::EventQuery;
use brevet_core::time::{TimeError, Timestamp};
use clap::Args;

/// Which events; every condition must hold.
#[derive(Debug, Args)]
pub struct Filter {
    /// A kind such as session.ended, or the beginning of one with a star (grant.*); several with commas
    #[arg(long)]
    kind: Option<String>,
    /// Who did it: a person's or an OS user's name, a computer's, server, or an id
    #[arg(long)]
    actor: Option<String>,
    /// The id of the API token that was used
    #[arg(long)]
    used_token: Option<String>,
    /// A computer's name or id; a name also means removed computers of that name
    #[arg(long)]
    computer: Option<String>,
    /// A computer group's name or id: its members as they are now
    #[arg(long)]
    computer_group: Option<String>,
    /// An OS user's name
    #[arg(long)]
    user: Option<String>,
    /// A policy's id, or its name now or then; also of one that was deleted
    #[arg(long)]
    policy: Option<String>,
    /// A request's id or short code
    #[arg(long)]
    request: Option<String>,
    /// A grant's id
    #[arg(long)]
    grant: Option<String>,
    /// A session's id
    #[arg(long)]
    session: Option<String>,
    /// A person's name or id, as the one who acted or the one concerned
    #[arg(long)]
    person: Option<String>,
    /// How it came out: exited, signalled, not_started, expired, revoked, finished or lost of a session, a code of what was refused
    #[arg(long)]
    outcome: Option<String>,
    /// A life of a computer's journal, by its id
    #[arg(long)]
    incarnation: Option<String>,
    /// Only those whose text was redacted (true), or only those that have it (false)
    #[arg(long)]
    redacted: Option<bool>,
    #[command(flatten)]
    when: When,
}

/// When, and with which words.
#[derive(Debug, Args)]
pub struct When {
    /// From this moment on, such as 2026-12-01T20:00:00Z; of a day alone, its beginning in UTC
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    to: Option<Timestamp>,
    /// Part of a text in the event, in capitals or not: reason, comment, arguments, names, or anything else in it
    #[arg(long)]
    text: Option<String>,
}

/// A moment, or the beginning of a day.
///
/// # Errors
/// When it is neither.
pub fn moment(text: &str) -> Result<Timestamp, TimeError> {
    let is_day = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_day { Timestamp::parse(&format!("{text}T00:00:00Z")) } else { Timestamp::parse(text) }
}

impl Filter {
    /// As the API takes it.
    pub fn query(self) -> EventQuery {
        let own = EventQuery {
            kind: self.kind,
            actor: self.actor,
            token: self.used_token,
            computer: self.computer,
            computer_group: self.computer_group,
            user: self.user,
            policy: self.policy,
            request: self.request,
            grant: self.grant,
            session: self.session,
            person: self.person,
            outcome: self.outcome,
            incarnation: self.incarnation,
            redacted: self.redacted,
            ..EventQuery::default()
        };
        self.when.narrow(own)
    }
}

impl When {
    /// Adds it to other conditions.
    pub fn narrow(self, query: EventQuery) -> EventQuery {
        EventQuery { from: self.from, to: self.to, text: self.text, ..query }
    }
}
