//! Events as people read them.

use brevet_api::rest::Page;
use brevet_api::rest::event::{Event, EventQuery, Order};
use clap::Args;

use crate::cli::Session;
use crate::error::Result;
use crate::known;
use crate::listing::at_least_one;
use crate::output::{csv, fields, moment, optional_moment, page_table, shown, word};
use crate::reference;

/// How many, and in which order.
#[derive(Debug, Args)]
pub struct Rows {
    /// How many at most
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = at_least_one, help_heading = "Rows")]
    limit: usize,
    /// All of them; to keep them, see event export
    #[arg(long, conflicts_with = "limit", help_heading = "Rows")]
    all: bool,
    /// The first first
    #[arg(long, help_heading = "Rows")]
    oldest_first: bool,
}

const HEADINGS: [&str; 7] = ["time", "kind", "computer", "user", "policy", "by", "what"];

/// Prints what fits.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub fn list(session: &Session, query: EventQuery, rows: &Rows) -> Result<()> {
    let order = rows.oldest_first.then_some(Order::Oldest);
    let limit = if rows.all { usize::MAX } else { rows.limit };
    let client = session.client()?;
    let query = reference::in_query(&client, EventQuery { order, ..query })?;
    let page: Page<Event> = known::page(&client, &query, client.list(&["events"], &query, limit))?;
    if page.items.is_empty()
        && let Some(kinds) = &query.kind
    {
        known::refuse_unknown_kinds(&client, kinds)?;
    }
    if session.output.csv {
        return session.output.text(&csv(&HEADINGS, &page.items.iter().map(row).collect::<Vec<_>>()));
    }
    session.output.print(&page, |page| page_table(page, &HEADINGS, row))
}

/// Prints one.
///
/// # Errors
/// When the server cannot be reached or has none of that id.
pub fn one(session: &Session, id: &str) -> Result<()> {
    let event: Event = session.client()?.get(&["events", id])?;
    session.output.print(&event, describe)
}

fn row(event: &Event) -> Vec<String> {
    vec![
        moment(event.time),
        shown(&event.kind),
        event.computer_name.as_deref().map(shown).unwrap_or_default(),
        event.user.as_deref().map(shown).unwrap_or_default(),
        event.policy_name.as_deref().map(shown).unwrap_or_default(),
        shown(&event.actor.name),
        shown(&event.summary),
    ]
}

fn describe(event: &Event) -> String {
    let id = |id: Option<&str>| id.map(shown).unwrap_or_default();
    let named = |name: Option<&str>, id: Option<&str>| match (name.filter(|name| !name.is_empty()), id) {
        (Some(name), Some(id)) => format!("{} ({})", shown(name), shown(id)),
        (name, other) => shown(name.or(other).unwrap_or_default()),
    };
    let journal = event.journal.as_ref().map(|place| format!("record {} of {}", place.seq, place.incarnation)).unwrap_or_default();
    let mut text = fields(&[
        ("event", event.id.to_string()),
        ("place", event.seq.to_string()),
        ("kind", shown(&event.kind)),
        ("what", shown(&event.summary)),
        ("happened", moment(event.time)),
        ("recorded", moment(event.recorded)),
        ("by", named(Some(&event.actor.name), event.actor.id.as_deref())),
        ("who is a", word(&event.actor.kind)),
        ("with token", id(event.actor.token.as_deref())),
        ("computer", named(event.computer_name.as_deref(), event.computer.as_ref().map(|id| id.as_str()))),
        ("user", id(event.user.as_deref())),
        ("policy", named(event.policy_name.as_deref(), event.policy.as_ref().map(|id| id.as_str()))),
        ("request", id(event.request.as_ref().map(|id| id.as_str()))),
        ("grant", id(event.grant.as_ref().map(|id| id.as_str()))),
        ("session", id(event.session.as_ref().map(|id| id.as_str()))),
        ("person", id(event.person.as_ref().map(|id| id.as_str()))),
        ("outcome", id(event.outcome.as_deref())),
        ("redacted", optional_moment(event.redacted)),
        ("journal", journal),
    ]);
    // JSON has its own line breaks and indents, and nothing else may act on the terminal.
    let body = serde_json::to_string_pretty(&event.body).unwrap_or_default();
    text.push('\n');
    for line in body.lines() {
        text.push_str(&shown(line));
        text.push('\n');
    }
    text
}
