//! Sessions, filtered: those that run, and by the filter those that are over.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::session::SessionItem;
use serde::Deserialize;

use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;

/// What the list can be ordered by.
const ORDERS: &[By] = &[
    By::moment("started", "Started"),
    By::moment("ends", "Time"),
    By::text("user", "User"),
    By::text("computer", "Computer"),
    By::text("policy", "Policy"),
    By::text("state", "State"),
];
const USUAL: &str = "-started";
/// As the filter has them.
const STATES: [(&str, &str); 3] = [("started", "running"), ("ended", "ended"), ("", "All")];

/// What the form above the list says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    state: Option<String>,
    computer: String,
    user: String,
    policy: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "sessions/list.html")]
struct List {
    shell: Shell,
    states: Vec<(&'static str, &'static str, bool)>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    here: String,
    wrong: Option<String>,
    page: Page<SessionItem>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let state = chosen.state.clone().unwrap_or_else(|| "started".into());
    let by = [("computer", chosen.computer.as_str()), ("user", &chosen.user), ("policy", &chosen.policy)];
    let (order, cursor) = (("sort", chosen.sort.as_str()), ("cursor", chosen.cursor.as_str()));
    let asked = format!("/sessions{}", query(by.into_iter().chain([("state", state.as_str()), order, cursor])));
    let (found, wrong) = visitor.chosen(&asked).await?;
    // `state=` stays also where it is empty: without it the list shows what runs.
    let kept = format!("?state={}{}", part(&state), query(by.into_iter().chain([order])).replacen('?', "&", 1));
    page(&List {
        shell: visitor.shell(Place::Access, "Sessions"),
        states: STATES.into_iter().map(|(name, words)| (name, words, name == state)).collect(),
        here: format!("/sessions{kept}{}", query([cursor]).replacen('?', "&", 1)),
        kept,
        sorting: sorting(&by, &state, &chosen.sort),
        chosen,
        wrong,
        page: found,
    })
}

/// The order of the list, also for what stands beside other things and leads to it.
pub(crate) fn sorting(by: &[(&str, &str)], state: &str, sort: &str) -> Sorting {
    let path = if state.is_empty() { "/sessions?state=" } else { "/sessions" };
    let kept: Vec<(&str, &str)> = by.iter().copied().chain([("state", state)]).filter(|(_, value)| !value.is_empty()).collect();
    Sorting::new(path, ORDERS, (sort, USUAL), &kept)
}
