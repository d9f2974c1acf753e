//! Events as people read them.

use brevet_api::rest::Page;
use brevet_api::rest::event::{Event, EventQuery, Order};
use brevet_api::rest::view::COLUMNS;
use clap::Args;
use clap::builder::PossibleValuesParser;

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
    /// Show these instead of the usual ones, with commas between them
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(COLUMNS), help_heading = "Rows")]
    columns: Vec<String>,
}

impl Rows {
    /// With these columns, where none were asked for.
    pub fn or_columns(self, columns: Vec<String>) -> Self {
        if self.columns.is_empty() { Self { columns, ..self } } else { self }
    }
}

/// Column and heading, where no columns were asked for.
const USUAL: [(&str, &str); 7] = [
    ("time", "time"),
    ("kind", "kind"),
    ("computer", "computer"),
    ("user", "user"),
    ("policy", "policy"),
    ("actor", "by"),
    ("summary", "what"),
];

/// Prints what fits.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub fn list(session: &Session, query: EventQuery, rows: &Rows) -> Result<()> {
    let order = if rows.oldest_first { Some(Order::Oldest) } else { query.order };
    let own: Vec<(&str, &str)> = rows.columns.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let (columns, headings): (Vec<&str>, Vec<&str>) = if own.is_empty() { USUAL.into_iter().unzip() } else { own.into_iter().unzip() };
    let row = |event: &Event| columns.iter().map(|column| cell(event, column)).collect::<Vec<_>>();
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
        return session.output.text(&csv(&headings, &page.items.iter().map(row).collect::<Vec<_>>()));
    }
    session.output.print(&page, |page| page_table(page, &headings, row))
}

/// Prints one.
///
/// # Errors
/// When the server cannot be reached or has none of that id.
pub fn one(session: &Session, id: &str) -> Result<()> {
    let event: Event = session.client()?.get(&["events", id])?;
    session.output.print(&event, describe)
}

fn cell(event: &Event, column: &str) -> String {
    let text = |text: Option<&str>| text.map(shown).unwrap_or_default();
    match column {
        "time" => moment(event.time),
        "recorded" => moment(event.recorded),
        "kind" => shown(&event.kind),
        "actor" => shown(&event.actor.name),
        "token" => text(event.actor.token.as_deref()),
        "computer" => text(event.computer_name.as_deref()),
        "user" => text(event.user.as_deref()),
        "policy" => text(event.policy_name.as_deref()),
        "outcome" => text(event.outcome.as_deref()),
        "request" => text(event.request.as_ref().map(|id| id.as_str())),
        "grant" => text(event.grant.as_ref().map(|id| id.as_str())),
        "session" => text(event.session.as_ref().map(|id| id.as_str())),
        "person" => text(event.person.as_ref().map(|id| id.as_str())),
        "journal" => event.journal.as_ref().map(|place| format!("{} {}", place.incarnation, place.seq)).unwrap_or_default(),
        "seq" => event.seq.to_string(),
        // What a newer server may let a view show, and "summary".
        _ => shown(&event.summary),
    }
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
