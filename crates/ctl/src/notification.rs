//! `brevetctl notification`: who is told what, what was sent, and in which words.

use std::time::{Duration, Instant};

use brevet_api::rest::Page;
use brevet_api::rest::notification::{
    NewTarget, NewTemplate, Notification as Item, NotificationQuery, NotificationState, Target, TargetCreated, TargetEnabled, TargetKind,
    Template,
};
use brevet_api::rest::page::PageQuery;
use clap::Subcommand;
use reqwest::Method;

use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::input;
use crate::listing::{Columns, Listing};
use crate::output::{fields, mark, moment, optional_moment, shown, word};
use crate::progress::Progress;
use crate::stored;

/// What to do with notifications.
#[derive(Subcommand)]
pub enum Notification {
    /// List where notifications go
    Targets {
        #[command(flatten)]
        rows: Listing,
    },
    /// Add a target; a webhook's secret is shown this once
    Create {
        /// Unique
        name: String,
        /// Send e-mail to this address
        #[arg(long, value_name = "ADDRESS", conflicts_with = "webhook", required_unless_present = "webhook")]
        email: Option<String>,
        /// Send signed webhooks to this URL
        #[arg(long, value_name = "URL")]
        webhook: Option<String>,
        /// The address is this person's: they are told what concerns them as approver, requester or owner
        #[arg(long, requires = "email", conflicts_with_all = ["events", "webhook"], required_unless_present = "events")]
        person: Option<String>,
        /// Kinds of events, their beginnings up to a dot, or all; separated by commas
        #[arg(long, value_delimiter = ',', value_name = "KINDS")]
        events: Vec<String>,
    },
    /// Show a target
    Show {
        /// Name or id
        target: String,
    },
    /// Delete a target, with what waits to be sent there
    Delete {
        /// Name or id
        target: String,
    },
    /// Let nothing go to a target; what waits is kept
    Disable {
        /// Name or id
        target: String,
    },
    /// Let notifications go to a target again
    Enable {
        /// Name or id
        target: String,
    },
    /// Give a webhook a new secret, shown this once; the old one ends at once
    Secret {
        /// Name or id
        target: String,
    },
    /// Send something to a target and wait to see whether it is taken
    Test {
        /// Name or id
        target: String,
    },
    /// List what was sent and what waits, newest first
    List {
        /// A target's name or id
        #[arg(long)]
        target: Option<String>,
        /// pending, sent, failed or obsolete
        #[arg(long)]
        state: Option<String>,
        /// A kind of event
        #[arg(long)]
        kind: Option<String>,
        #[command(flatten)]
        rows: Listing,
    },
    /// Send one again that was given up, or at once one that waits
    Retry {
        /// Id
        notification: String,
    },
    /// The words of each kind of event
    #[command(subcommand)]
    Template(Words),
}

/// What to do with templates.
#[derive(Subcommand)]
pub enum Words {
    /// List them
    List {
        #[command(flatten)]
        rows: Listing,
    },
    /// Show one
    Show {
        /// A kind of event, or default
        kind: String,
    },
    /// Set other words
    Set {
        /// A kind of event, or default
        kind: String,
        /// One line
        #[arg(long)]
        subject: String,
        /// A file with the text, or - for standard input
        #[arg(long, value_name = "FILE")]
        body: std::path::PathBuf,
    },
    /// Use the built-in words again
    Reset {
        /// A kind of event, or default
        kind: String,
    },
}

const TARGETS: &str = "notification-targets";

/// # Errors
/// When the server cannot be reached or refuses.
pub fn run(session: &Session, command: Notification) -> Result<()> {
    let client = session.client()?;
    match command {
        Notification::Targets { rows } => rows.print(session, &[TARGETS], &PageQuery::default(), &TARGET_COLUMNS),
        Notification::Create { name, email, webhook, person, events } => {
            let (kind, address) = match (email, webhook) {
                (Some(address), _) => (TargetKind::Email, address),
                (None, address) => (TargetKind::Webhook, address.unwrap_or_default()),
            };
            let made: TargetCreated = client.post(&[TARGETS], &NewTarget { name, kind, address, person, events })?;
            print_secret(session, &made)
        }
        Notification::Show { target } => {
            let item: Target = client.get(&[TARGETS, &target])?;
            session.output.print(&item, describe)
        }
        Notification::Delete { target } => {
            session.output.confirm(&format!("delete the notification target {}, with what waits to be sent there", shown(&target)))?;
            client.delete(&[TARGETS, &target], &())?;
            stored::done(session, "deleted", &target, &target)
        }
        Notification::Disable { target } => enable(session, &client, &target, false),
        Notification::Enable { target } => enable(session, &client, &target, true),
        Notification::Secret { target } => {
            session.output.confirm(&format!("give {} a new secret; its receiver refuses everything until it has it", shown(&target)))?;
            let made: TargetCreated = client.post_empty(&[TARGETS, &target, "secret"])?;
            print_secret(session, &made)
        }
        Notification::Test { target } => test(session, &client, &target),
        Notification::List { target, state, kind, rows } => {
            let query = NotificationQuery { target, state, kind, ..NotificationQuery::default() };
            rows.print(session, &["notifications"], &query, &COLUMNS)
        }
        Notification::Retry { notification } => {
            let item: Item = client.post_empty(&["notifications", &notification, "retry"])?;
            session.output.print(&item, |item| format!("{} is {} and will be sent again\n", item.id, word(&item.state)))
        }
        Notification::Template(command) => words(session, &client, command),
    }
}

fn enable(session: &Session, client: &Client, target: &str, enabled: bool) -> Result<()> {
    let item: Target = client.send_body(Method::PUT, &[TARGETS, target, "enabled"], &TargetEnabled { enabled })?;
    session.output.print(&item, describe)
}

/// The secret alone on standard output, so that it can go into a file.
fn print_secret(session: &Session, made: &TargetCreated) -> Result<()> {
    if !session.output.json {
        eprintln!("{} is {}; a webhook's secret is shown this once", shown(&made.target.name), made.target.id);
    }
    session.output.print(made, |made| made.secret.as_deref().map(|secret| format!("{}\n", shown(secret))).unwrap_or_default())
}

fn test(session: &Session, client: &Client, target: &str) -> Result<()> {
    let sent: Item = client.post_empty(&[TARGETS, target, "test"])?;
    let query =
        NotificationQuery { target: Some(target.to_owned()), kind: Some("notification.test".into()), ..NotificationQuery::default() };
    let deadline = Instant::now().checked_add(Duration::from_secs(30));
    let mut progress = Progress::default();
    loop {
        let page: Page<Item> = client.list(&["notifications"], &query, 100)?;
        let Some(item) = page.items.into_iter().find(|item| item.id == sent.id) else {
            return Err(CtlError::Failed("the test is gone from the log".into()));
        };
        let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        match (item.state, &item.error) {
            (NotificationState::Sent, _) => return session.output.print(&item, |item| format!("{} was taken\n", item.id)),
            (_, Some(error)) => return Err(CtlError::Failed(format!("it was not taken: {}", shown(error)))),
            (_, None) if late => {
                return Err(CtlError::Failed("it still waits, perhaps behind others; see: brevetctl notification list".into()));
            }
            (_, None) => {
                progress.waiting("the target to take it");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

fn words(session: &Session, client: &Client, command: Words) -> Result<()> {
    const PATH: &str = "notification-templates";
    match command {
        Words::List { rows } => rows.print(session, &[PATH], &PageQuery::default(), &TEMPLATE_COLUMNS),
        Words::Show { kind } => {
            let item: Template = client.get(&[PATH, &kind])?;
            session.output.print(&item, template_text)
        }
        Words::Set { kind, subject, body } => {
            let read = if body.as_os_str() == "-" { input::standard(input::SMALL) } else { input::named(&body, input::SMALL) };
            let body = read.map_err(|source| CtlError::Io { what: format!("read '{}'", shown(&body.to_string_lossy())), source })?;
            let item: Template = client.put_all(&[PATH, &kind], &NewTemplate { subject, body })?;
            session.output.print(&item, template_text)
        }
        Words::Reset { kind } => {
            client.delete(&[PATH, &kind], &())?;
            stored::done(session, "reset", &kind, &kind)
        }
    }
}

fn template_text(item: &Template) -> String {
    // Line by line, since a text has lines.
    let body: String = item.body.lines().map(|line| format!("{}\n", shown(line))).collect();
    format!("{}\n{body}", fields(&[("kind", shown(&item.id)), ("built in", mark(item.built_in).into()), ("subject", shown(&item.subject))]))
}

const TARGET_COLUMNS: Columns<Target> =
    Columns { headings: &["name", "kind", "enabled", "failing", "waiting", "events", "address"], row: target_row };
const COLUMNS: Columns<Item> = Columns { headings: &["id", "state", "target", "kind", "audience", "created", "tries", "error"], row };
const TEMPLATE_COLUMNS: Columns<Template> = Columns { headings: &["kind", "built in", "changed", "subject"], row: template_row };

fn template_row(item: &Template) -> Vec<String> {
    vec![shown(&item.id), mark(item.built_in).into(), optional_moment(item.changed), shown(&item.subject)]
}

fn target_row(item: &Target) -> Vec<String> {
    let events = if item.person.is_some() { "what concerns them".into() } else { shown(&item.events.join(",")) };
    let (enabled, failing) = (mark(item.enabled).into(), mark(item.failing).into());
    vec![shown(&item.name), word(&item.kind), enabled, failing, item.waiting.to_string(), events, shown(&item.address)]
}

fn describe(item: &Target) -> String {
    fields(&[
        ("target", shown(&item.name)),
        ("id", item.id.to_string()),
        ("kind", word(&item.kind)),
        ("address", shown(&item.address)),
        ("person", item.person.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("events", shown(&item.events.join(", "))),
        ("enabled", mark(item.enabled).into()),
        ("failing", mark(item.failing).into()),
        ("waiting", item.waiting.to_string()),
        ("created", moment(item.created)),
    ])
}

fn row(item: &Item) -> Vec<String> {
    vec![
        item.id.to_string(),
        word(&item.state),
        shown(&item.target),
        shown(&item.kind),
        shown(&item.audience),
        moment(item.created),
        item.attempts.to_string(),
        item.error.as_deref().map(shown).unwrap_or_default(),
    ]
}
