//! What the report shows of an event, a cell each.

use brevet_api::rest::event::Event;
use brevet_api::rest::view::COLUMNS;
use brevet_core::escape::terminal;
use brevet_core::time::Timestamp;

use crate::console::part;

/// Shown where nobody chose.
const USUAL: [&str; 7] = ["time", "kind", "actor", "user", "computer", "policy", "summary"];

/// One cell.
pub(super) enum Cell {
    Time(Timestamp),
    Text(String),
    Link { to: String, text: String },
}

/// Those of these names that there are, each once, in their order; the usual ones where there is none. The kind leads to the event, so it
/// is always among them.
pub(super) fn known(names: &[String]) -> Vec<&'static str> {
    let named = |column: &&str| names.iter().any(|name| name == column);
    if !COLUMNS.iter().any(named) {
        return USUAL.to_vec();
    }
    COLUMNS.iter().copied().filter(|column| *column == "kind" || named(column)).collect()
}

pub(super) fn are_usual(columns: &[&str]) -> bool {
    columns == USUAL
}

/// A column's heading.
pub(super) fn heading(column: &str) -> &'static str {
    match column {
        "time" => "Happened",
        "recorded" => "Recorded",
        "kind" => "Event",
        "actor" => "Who",
        "user" => "User",
        "computer" => "Computer",
        "policy" => "Policy",
        "outcome" => "Outcome",
        "summary" => "In words",
        "request" => "Request",
        "grant" => "Grant",
        "session" => "Session",
        "person" => "Person",
        "token" => "Token",
        "journal" => "Place in the journal",
        _ => "Number",
    }
}

/// What an event says in a column.
pub(super) fn cell(event: &Event, column: &str) -> Cell {
    let text = |text: Option<&str>| Cell::Text(terminal(text.unwrap_or_default().as_bytes()));
    let link = |to: &str, id: Option<String>, name: Option<&str>| match id {
        Some(id) => Cell::Link { to: format!("/{to}/{}", part(&id)), text: terminal(name.unwrap_or(&id).as_bytes()) },
        None => text(name),
    };
    fn id<T: ToString>(id: Option<&T>) -> Option<String> {
        id.map(ToString::to_string)
    }
    match column {
        "time" => Cell::Time(event.time),
        "recorded" => Cell::Time(event.recorded),
        "kind" => Cell::Link { to: format!("/events/{}", part(event.id.as_str())), text: event.kind.clone() },
        "actor" => text(Some(&event.actor.name)),
        "user" => text(event.user.as_deref()),
        "computer" => link("computers", id(event.computer.as_ref()), event.computer_name.as_deref()),
        "policy" => link("policies", id(event.policy.as_ref()), event.policy_name.as_deref()),
        "outcome" => text(event.outcome.as_deref()),
        // Escaped for a terminal by the API.
        "summary" => Cell::Text(event.summary.clone()),
        "request" => link("requests", id(event.request.as_ref()), None),
        "grant" => link("grants", id(event.grant.as_ref()), None),
        "session" => link("sessions", id(event.session.as_ref()), None),
        "person" => text(id(event.person.as_ref()).as_deref()),
        "token" => text(event.actor.token.as_deref()),
        "journal" => text(event.journal.as_ref().map(|place| format!("{} of {}", place.seq, place.incarnation)).as_deref()),
        _ => Cell::Text(event.seq.to_string()),
    }
}
