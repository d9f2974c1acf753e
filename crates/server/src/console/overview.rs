//! What needs somebody now, and what happened lately.

use askama::Template;
use axum::http::HeaderMap;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::break_glass::BreakGlass;
use brevet_api::rest::computer::Computer;
use brevet_api::rest::event::EventCounts;
use brevet_api::rest::grant::GrantItem;
use brevet_api::rest::policy::StoredAutonomous;
use brevet_api::rest::proposal::Proposal;
use brevet_api::rest::request::RequestItem;

use super::chart::{Chart, chart};
use super::{Place, Shell, Visitor, filters, page, query, zone};
use crate::access::Action;
use crate::http::failure::Outcome;

/// What is counted: its mark, its words, its kind of event.
const COUNTED: [(&str, &str, &str); 5] = [
    ("requests", "Requests", "request.created"),
    ("approvals", "Approvals", "request.approved"),
    ("declines", "Declines", "request.declined"),
    ("autonomous", "Autonomous approvals", "request.auto_approved"),
    ("refusals", "Refusals", "launch.refused"),
];

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    shell: Shell,
    may_open: bool,
    may_propose: bool,
    requests: Page<RequestItem>,
    grants: Page<GrantItem>,
    glass: Page<BreakGlass>,
    proposals: Page<Proposal>,
    quarantined: Page<Computer>,
    silent: Page<Computer>,
    shadow: Vec<StoredAutonomous>,
    charts: Vec<Chart>,
    /// Whose days these are.
    zone: String,
}

pub(super) async fn overview(visitor: Visitor, headers: HeaderMap) -> Outcome<Response> {
    let zone = zone::of(&headers);
    let kinds = COUNTED.map(|(_, _, kind)| kind).join(",");
    let counts = format!("/events/counts{}", query([("days", "30"), ("kind", kinds.as_str()), ("zone", zone.as_str())]));
    let (requests, grants, glass, proposals, quarantined, silent, rules, counts) = tokio::try_join!(
        visitor.read("/requests?state=pending&sort=created&limit=10"),
        visitor.read("/grants?open=true&limit=10"),
        visitor.read("/break-glass?reviewed=false&limit=10"),
        visitor.find::<Page<Proposal>>("/proposals?state=open&limit=10"),
        visitor.read("/computers?state=quarantined&limit=10"),
        visitor.read("/computers?lost=true&state=enrolled&limit=10"),
        visitor.read::<Page<StoredAutonomous>>("/autonomous?limit=500"),
        visitor.read::<EventCounts>(&counts),
    )?;
    page(&Overview {
        shell: visitor.shell(Place::Overview, "Overview"),
        may_open: visitor.may(Action::BreakGlass),
        may_propose: visitor.may(Action::ReadProposals),
        requests,
        grants,
        glass,
        // Who may not read proposals has none to confirm.
        proposals: proposals.unwrap_or(Page { items: Vec::new(), next: None }),
        quarantined,
        silent,
        shadow: rules.items.into_iter().filter(|rule| rule.content.enabled && rule.content.shadow).collect(),
        charts: COUNTED.into_iter().enumerate().map(|(place, what)| chart(what, place, &counts)).collect(),
        zone,
    })
}
