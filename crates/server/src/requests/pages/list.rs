//! Requests, filtered; those that wait first of all.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::request::RequestItem;
use brevet_core::request::RequestState;
use serde::Deserialize;

use crate::console::{Place, Shell, Visitor, filters, page, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;
use crate::requests::state_name;

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
    cursor: String,
}

#[derive(Template)]
#[template(path = "requests/list.html")]
struct List {
    shell: Shell,
    states: Vec<(&'static str, bool)>,
    chosen: Chosen,
    kept: String,
    page: Page<RequestItem>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    // Whoever opens the list wants to know what waits.
    let state = chosen.state.clone().unwrap_or_else(|| state_name(RequestState::Pending).into());
    let kept = [("state", state.as_str()), ("computer", &chosen.computer), ("user", &chosen.user), ("policy", &chosen.policy)];
    let asked = query(kept.into_iter().chain([("cursor", chosen.cursor.as_str())]));
    let found = visitor.read(&format!("/requests{asked}")).await?;
    page(&List {
        shell: visitor.shell(Place::Requests, "Requests"),
        states: STATES.into_iter().map(state_name).map(|name| (name, name == state)).collect(),
        kept: kept_query(&state, &kept),
        chosen,
        page: found,
    })
}

/// `state=` stays also where it is empty: without it the list shows what waits.
fn kept_query(state: &str, kept: &[(&str, &str)]) -> String {
    let others = query(kept.iter().copied().skip(1));
    let state = query([("state", state)]);
    let state = if state.is_empty() { "?state=".into() } else { state };
    format!("{state}{}", others.replacen('?', "&", 1))
}
