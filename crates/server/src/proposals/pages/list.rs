//! Proposals, those that wait first of all.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::proposal::{Proposal, ProposalState};
use serde::Deserialize;

use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;
use crate::proposals::store::state_name;

/// What the list can be ordered by.
const ORDERS: &[By] = &[By::moment("created", "When"), By::text("proposer", "Proposed by"), By::text("state", "State")];

const STATES: [ProposalState; 5] =
    [ProposalState::Open, ProposalState::Confirmed, ProposalState::Rejected, ProposalState::Withdrawn, ProposalState::Stale];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    state: Option<String>,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "proposals/list.html")]
struct List {
    shell: Shell,
    states: Vec<(&'static str, bool)>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    page: Page<Proposal>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let state = chosen.state.clone().unwrap_or_else(|| state_name(ProposalState::Open).into());
    let asked = query([("state", state.as_str()), ("sort", chosen.sort.as_str()), ("cursor", chosen.cursor.as_str())]);
    let found = visitor.read(&format!("/proposals{asked}")).await?;
    let path = if state.is_empty() { "/proposals?state=" } else { "/proposals" };
    let sorting = Sorting::new(path, ORDERS, (&chosen.sort, "-created"), &[("state", &state)]);
    let order = query([("sort", chosen.sort.as_str())]).replacen('?', "&", 1);
    page(&List {
        shell: visitor.shell(Place::Policies, "Changes that wait for a second person"),
        states: STATES.into_iter().map(state_name).map(|name| (name, name == state)).collect(),
        kept: format!("?state={}{order}", part(&state)),
        sorting,
        chosen,
        page: found,
    })
}
