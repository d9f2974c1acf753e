//! The report itself: a page of events, by what was chosen. What cannot be looked for so is said above an empty list, with everything
//! that was filled in.

use askama::Template;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::event::{Event, SERVER_KINDS};
use brevet_api::rest::view::{COLUMNS, EventView, MOST_VIEWS};
use brevet_api::rest::{Code, Page};
use brevet_core::record::Body;

use super::chosen::Chosen;
use super::columns::{Cell, cell, heading};
use crate::access::Action;
use crate::console::{Place, Shell, Visitor, filters, page, zone};
use crate::http::failure::{Failure, Outcome};

/// A condition as the form shows it.
pub(super) struct Control {
    name: &'static str,
    label: &'static str,
    value: String,
    hint: &'static str,
}

/// What is asked for most, and the rest.
const FIRST: [(&str, &str, &str); 6] = [
    ("text", "Any text", "in words, names, reasons, comments, arguments"),
    ("kind", "Event", "such as request.approved, or grant.* for all of grants"),
    ("user", "User", "an OS user's name"),
    ("computer", "Computer", "name or id"),
    ("policy", "Policy", "name or id"),
    ("outcome", "Outcome", "such as exited, or expired"),
];
const REST: [(&str, &str, &str); 8] = [
    ("actor", "Who did it", "a person, OS user, computer, or server"),
    ("person", "Person", "who acted or whom it concerns"),
    ("computer_group", "Computer group", "its members as they are now"),
    ("token", "API token", "its id"),
    ("request", "Request", "its id"),
    ("grant", "Grant", "its id"),
    ("session", "Session", "its id"),
    ("incarnation", "Life of a journal", "its id"),
];
const PERIODS: [(&str, &str); 5] =
    [("", "Any time"), ("today", "Today"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("between", "From and to, below")];

#[derive(Template)]
#[template(path = "events/list.html")]
pub(super) struct List {
    shell: Shell,
    chosen: Chosen,
    first: Vec<Control>,
    rest: Vec<Control>,
    more: bool,
    kinds: Vec<String>,
    columns: Vec<(&'static str, &'static str, bool)>,
    headings: Vec<&'static str>,
    /// Each by its id.
    rows: Vec<(String, Vec<(&'static str, Cell)>)>,
    next: Option<String>,
    kept: String,
    live: bool,
    views: Vec<EventView>,
    most_views: usize,
    may_export: bool,
    /// What was wrong with what was chosen.
    why: Option<String>,
    /// What was wrong with a view's name, and that name.
    unsaved: Option<(String, String)>,
}

pub(super) async fn list(visitor: Visitor, headers: HeaderMap, RawQuery(text): RawQuery) -> Outcome<Response> {
    let chosen = Chosen::read(&text.unwrap_or_default(), &zone::of(&headers));
    listed(&visitor, chosen, None).await
}

/// The report, and what was wrong with saving it.
pub(super) async fn listed(visitor: &Visitor, mut chosen: Chosen, unsaved: Option<(String, String)>) -> Outcome<Response> {
    let now = visitor.app.clock.now();
    let views: Page<EventView> = visitor.read(&format!("/event-views?limit={MOST_VIEWS}")).await?;
    if !chosen.view.is_empty() {
        let view = views.items.iter().find(|view| view.id.as_str() == chosen.view);
        let view = view.ok_or_else(|| Failure::not_found("saved view", &chosen.view))?;
        chosen = Chosen::of_view(view, &chosen)?;
    }
    let (found, why) = match chosen.asked(now, true) {
        Ok(asked) => match visitor.read::<Page<Event>>(&format!("/events{asked}")).await {
            Ok(found) => (found, None),
            Err(why) if matches!(why.code, Code::Malformed | Code::NotFound | Code::Invalid) => (nothing(), Some(why.words())),
            Err(why) => return Err(why),
        },
        Err(why) => (nothing(), Some(why.words())),
    };
    let failed = why.is_some() || unsaved.is_some();
    let controls = |all: &[(&'static str, &'static str, &'static str)]| {
        all.iter().map(|&(name, label, hint)| Control { name, label, value: chosen.get(name).to_owned(), hint }).collect::<Vec<_>>()
    };
    let (first, rest) = (controls(&FIRST), controls(&REST));
    let response = page(&List {
        shell: visitor.shell(Place::Events, "JIT Events Report"),
        more: rest.iter().any(|one| !one.value.is_empty()) || !chosen.get("redacted").is_empty(),
        first,
        rest,
        kinds: kinds(),
        columns: COLUMNS.iter().map(|column| (*column, heading(column), chosen.columns.contains(column))).collect(),
        headings: chosen.columns.iter().map(|column| heading(column)).collect(),
        rows: found
            .items
            .iter()
            .map(|event| {
                let cells = chosen.columns.iter().map(|column| (heading(column), cell(event, column))).collect();
                (event.id.to_string(), cells)
            })
            .collect(),
        next: found.next,
        kept: chosen.kept(now),
        live: chosen.cursor.is_empty() && !chosen.oldest_first() && !failed,
        views: views.items,
        most_views: MOST_VIEWS,
        may_export: visitor.may(Action::ExportEvents),
        why,
        unsaved,
        chosen,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

const fn nothing() -> Page<Event> {
    Page { items: Vec::new(), next: None }
}

/// Every kind, and every beginning that several have.
fn kinds() -> Vec<String> {
    let mut all: Vec<String> = SERVER_KINDS.iter().chain(Body::KINDS).map(|kind| (*kind).to_owned()).collect();
    let families = all.iter().filter_map(|kind| Some(format!("{}.*", kind.split_once('.')?.0))).collect::<Vec<_>>();
    all.extend(families);
    all.sort_unstable();
    all.dedup();
    all
}
