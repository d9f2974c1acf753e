//! Requests, filtered; those that wait first of all, the oldest of them at the top.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Page;
use brevet_api::rest::request::RequestItem;
use brevet_core::request::RequestState;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;
use crate::requests::state_name;

/// What the list can be ordered by.
const ORDERS: &[By] = &[
    By::moment("created", "Asked"),
    By::moment("lapses", "Lapses"),
    By::text("user", "User"),
    By::text("computer", "Computer"),
    By::text("policy", "Policy"),
    By::text("state", "State"),
];

const STATES: [RequestState; 6] = [
    RequestState::Pending,
    RequestState::Approved,
    RequestState::AutoApproved,
    RequestState::Declined,
    RequestState::Withdrawn,
    RequestState::Lapsed,
];

/// What the form above the list says; a field that is left empty chooses nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    state: Option<String>,
    computer: String,
    user: String,
    policy: String,
    text: String,
    sort: String,
    cursor: String,
}

/// The form below the list, for several at once.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// Ids of those that were chosen.
    pub chosen: Vec<String>,
    pub comment: String,
    /// Why nothing was decided, and whether the comment is what is wrong.
    pub why: Option<(&'static str, bool)>,
}

#[derive(Template)]
#[template(path = "requests/list.html")]
struct List {
    shell: Shell,
    states: Vec<(&'static str, bool)>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    here: String,
    several: bool,
    bulk: Bulk,
    /// What is wrong with the filter.
    wrong: Option<String>,
    page: Page<RequestItem>,
}

impl List {
    fn is_chosen(&self, it: &RequestItem) -> bool {
        self.bulk.chosen.iter().any(|id| id == it.id.as_str())
    }
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    listed(&visitor, chosen, Bulk::default()).await
}

/// The list, with what was filled in below it.
pub(super) async fn listed(visitor: &Visitor, chosen: Chosen, bulk: Bulk) -> Outcome<Response> {
    // Whoever opens the list wants to know what waits.
    let state = chosen.state.clone().unwrap_or_else(|| state_name(RequestState::Pending).into());
    let waiting = state == state_name(RequestState::Pending);
    let kept = [
        ("state", state.as_str()),
        ("computer", &chosen.computer),
        ("user", &chosen.user),
        ("policy", &chosen.policy),
        ("text", &chosen.text),
    ];
    let usual = if waiting { "created" } else { "-created" };
    let order = if chosen.sort.is_empty() { usual } else { &chosen.sort };
    let asked = query(kept.into_iter().chain([("cursor", chosen.cursor.as_str()), ("sort", order)]));
    let (found, wrong) = visitor.chosen::<RequestItem>(&format!("/requests{asked}")).await?;
    let failed = bulk.why.is_some();
    let path = if state.is_empty() { "/requests?state=" } else { "/requests" };
    let sorting = Sorting::new(path, ORDERS, (&chosen.sort, usual), &kept);
    let kept = kept_query(&state, &[kept[0], kept[1], kept[2], kept[3], kept[4], ("sort", chosen.sort.as_str())]);
    let cursor = query([("cursor", chosen.cursor.as_str())]).replacen('?', "&", 1);
    let response = page(&List {
        shell: visitor.shell(Place::Requests, "Requests"),
        states: STATES.into_iter().map(state_name).map(|name| (name, name == state)).collect(),
        here: format!("/requests{kept}{cursor}"),
        several: waiting && visitor.may(Action::Decide) && !found.items.is_empty(),
        kept,
        sorting,
        chosen,
        bulk,
        wrong,
        page: found,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// `state=` stays also where it is empty: without it the list shows what waits.
fn kept_query(state: &str, kept: &[(&str, &str)]) -> String {
    let others = query(kept.iter().copied().skip(1));
    let state = query([("state", state)]);
    let state = if state.is_empty() { "?state=".into() } else { state };
    format!("{state}{}", others.replacen('?', "&", 1))
}
