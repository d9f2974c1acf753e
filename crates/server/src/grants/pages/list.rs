//! Who has access: grants that can be used and sessions that run, and by the filter those that are over.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::grant::GrantItem;
use brevet_api::rest::session::SessionItem;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;
use crate::sessions::pages::list::sorting as sorting_of_sessions;

/// What the filter calls those that are issued or active.
const OPEN: &str = "open";
/// What the list of grants can be ordered by.
const ORDERS: &[By] = &[
    By::moment("created", "Made"),
    By::moment("ends", "Time"),
    By::text("user", "User"),
    By::text("computer", "Computer"),
    By::text("policy", "Policy"),
    By::text("state", "State"),
];
const STATES: [&str; 7] = [OPEN, "issued", "active", "expired", "revoked", "finished", "unused"];

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
#[template(path = "grants/list.html")]
struct List {
    shell: Shell,
    states: Vec<(&'static str, bool)>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    here: String,
    may_revoke: bool,
    wrong: Option<String>,
    page: Page<GrantItem>,
    /// Those that run; not with a filter for what is over.
    sessions: Option<Page<SessionItem>>,
    /// Headings of what runs lead to the list of it, in that order.
    running: Sorting,
    all_running: String,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let state = chosen.state.clone().unwrap_or_else(|| OPEN.into());
    let by = [("computer", chosen.computer.as_str()), ("user", &chosen.user), ("policy", &chosen.policy)];
    let in_state = if state == OPEN { ("open", "true") } else { ("state", state.as_str()) };
    let grants =
        format!("/grants{}", query(by.into_iter().chain([in_state, ("sort", chosen.sort.as_str()), ("cursor", chosen.cursor.as_str())])));
    let with_sessions = (state == OPEN || state == "active") && chosen.cursor.is_empty();
    let ((found, wrong), sessions) = if with_sessions {
        let sessions = format!("/sessions{}", query(by.into_iter().chain([("state", "started")])));
        let (grants, sessions) = tokio::try_join!(visitor.chosen(&grants), visitor.chosen(&sessions))?;
        (grants, Some(sessions.0))
    } else {
        (visitor.chosen(&grants).await?, None)
    };
    let others = query(by.into_iter().chain([("sort", chosen.sort.as_str())])).replacen('?', "&", 1);
    // `state=` stays also where it is empty: without it the list shows what is open.
    let kept = format!("?state={}{others}", crate::console::part(&state));
    let cursor = query([("cursor", chosen.cursor.as_str())]).replacen('?', "&", 1);
    // What is open is kept by the list itself.
    let others = if state.is_empty() { by.to_vec() } else { by.into_iter().chain([("state", state.as_str())]).collect() };
    let path = if state.is_empty() { "/access?state=" } else { "/access" };
    let sorting = Sorting::new(path, ORDERS, (&chosen.sort, "-created"), &others);
    let all_running = format!("/sessions{}", query([("state", "started")].into_iter().chain(by)));
    let running = sorting_of_sessions(&by, "started", "");
    page(&List {
        shell: visitor.shell(Place::Access, "Active access"),
        states: STATES.into_iter().map(|name| (name, name == state)).collect(),
        here: format!("/access{kept}{cursor}"),
        kept,
        sorting,
        chosen,
        may_revoke: visitor.may(Action::Revoke),
        wrong,
        page: found,
        sessions,
        running,
        all_running,
    })
}
