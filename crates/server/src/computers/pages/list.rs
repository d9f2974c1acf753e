//! Computers by name, filtered.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::computer::{Computer, ComputerState};
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;

/// What the filter calls those that were silent for too long.
const SILENT: &str = "silent";
/// What the list can be ordered by.
const ORDERS: &[By] = &[
    By::text("name", "Name"),
    By::text("state", "State"),
    By::moment("last_contact", "Last contact"),
    By::text("os", "Operating system"),
    By::text("version", "Version"),
];
const STATES: [&str; 4] = ["enrolled", "quarantined", SILENT, "removed"];

/// What the form above the list says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    state: String,
    name: String,
    os: String,
    version: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "computers/list.html")]
struct List {
    shell: Shell,
    states: Vec<(&'static str, bool)>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    here: String,
    may_enrol: bool,
    wrong: Option<String>,
    page: Page<Computer>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let by = [("name", chosen.name.as_str()), ("os", &chosen.os), ("version", &chosen.version)];
    let in_state = if chosen.state == SILENT { ("lost", "true") } else { ("state", chosen.state.as_str()) };
    let (order, cursor) = (("sort", chosen.sort.as_str()), ("cursor", chosen.cursor.as_str()));
    let asked = query(by.into_iter().chain([in_state, order, cursor]));
    let (found, wrong) = visitor.chosen::<Computer>(&format!("/computers{asked}")).await?;
    let by = [by[0], by[1], by[2], ("state", chosen.state.as_str())];
    let kept = query(by.into_iter().chain([order]));
    let here = query(by.into_iter().chain([order, cursor]));
    let sorting = Sorting::new("/computers", ORDERS, (&chosen.sort, "name"), &by);
    page(&List {
        shell: visitor.shell(Place::Computers, "Computers"),
        states: STATES.into_iter().map(|name| (name, name == chosen.state)).collect(),
        here: format!("/computers{here}"),
        kept,
        sorting,
        chosen,
        may_enrol: visitor.may(Action::ReadEnrolment),
        wrong,
        page: found,
    })
}

/// Whether it may have rights, and whether it is heard of, in words.
pub(crate) fn state_words(it: &Computer) -> &'static str {
    match (it.state, it.connected, it.lost) {
        (ComputerState::Quarantined, _, _) => "quarantined",
        (ComputerState::Removed, _, _) => "removed",
        (ComputerState::Enrolled, true, _) => "connected",
        (ComputerState::Enrolled, false, true) => "silent",
        (ComputerState::Enrolled, false, false) => "not connected",
    }
}

/// Where a computer's page is.
pub(super) fn place(id: &str) -> String {
    format!("/computers/{}", part(id))
}
