//! Policies, filtered, each with what it says and where it stands.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::check::PolicyStanding;
use brevet_api::rest::policy::StoredPolicy;
use brevet_core::time::Timestamp;
use brevet_core::words;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{Place, Shell, Sorting, Visitor, filters, page, query};
use crate::definitions::pages::ORDERS;
use crate::http::extract::Query;
use crate::http::failure::Outcome;

/// Modes as the filter has them.
const MODES: [&str; 4] = ["deny", "automatic", "justify", "request"];

/// What the form above the list says; a field that is left empty chooses nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    text: String,
    mode: String,
    enabled: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "policies/list.html")]
struct List {
    shell: Shell,
    may_change: bool,
    modes: Vec<(&'static str, bool)>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
    filtered: bool,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    id: String,
    name: String,
    enabled: bool,
    mode: &'static str,
    says: String,
    changed: Timestamp,
    standing: Option<PolicyStanding>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let filters = [("name", chosen.name.as_str()), ("text", &chosen.text), ("mode", &chosen.mode), ("enabled", &chosen.enabled)];
    let order = ("sort", chosen.sort.as_str());
    let kept = query(filters.into_iter().chain([order]));
    let asked = query(filters.into_iter().chain([order, ("cursor", chosen.cursor.as_str())]));
    let (found, wrong): (Page<StoredPolicy>, _) = visitor.chosen(&format!("/policies{asked}")).await?;
    let sorting = Sorting::new("/policies", ORDERS, (&chosen.sort, "name"), &filters);
    let mut standing = standing(&visitor, found.items.iter().map(|policy| policy.id.as_str())).await?;
    let row = |policy: StoredPolicy, standing: Option<PolicyStanding>| Row {
        says: says(&policy, standing.as_ref()),
        standing,
        id: policy.id.to_string(),
        enabled: policy.content.enabled,
        mode: super::super::mode_name(policy.content.mode),
        changed: policy.changed,
        name: policy.content.name,
    };
    let rows = found.items.into_iter().map(|policy| {
        let standing = standing.remove(policy.id.as_str());
        row(policy, standing)
    });
    page(&List {
        shell: visitor.shell(Place::Policies, "Policies"),
        may_change: visitor.may(Action::ChangePolicy),
        modes: MODES.into_iter().map(|mode| (mode, mode == chosen.mode)).collect(),
        filtered: !query(filters).is_empty(),
        sorting,
        wrong,
        rows: rows.collect(),
        next: found.next,
        kept,
        chosen,
    })
}

/// What a policy says, with how many computers that is where it is known.
pub(super) fn says(policy: &StoredPolicy, standing: Option<&PolicyStanding>) -> String {
    standing.map_or_else(|| words::brief(&policy.content), |standing| standing.summary.clone())
}

/// Where these stand, by id.
pub(super) async fn standing<'a>(visitor: &Visitor, ids: impl Iterator<Item = &'a str>) -> Outcome<BTreeMap<String, PolicyStanding>> {
    let ids = ids.collect::<Vec<_>>().join(",");
    let found: Page<PolicyStanding> = visitor.read(&format!("/policy-standing?policies={ids}")).await?;
    Ok(found.items.into_iter().map(|one| (one.policy.clone(), one)).collect())
}
