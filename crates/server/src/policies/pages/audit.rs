//! Everything that was done to a policy and under it; of a deleted one too. By the conditions that the report has, where they are of use here.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::event::Event;
use brevet_api::rest::policy::StoredPolicy;
use serde::Deserialize;

use crate::console::{Place, Shell, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::Outcome;

/// What the form above it says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    kind: String,
    user: String,
    text: String,
    order: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "policies/audit.html")]
struct Audit {
    shell: Shell,
    id: String,
    kept: String,
    /// The same in the report.
    report: String,
    filtered: bool,
    chosen: Chosen,
    wrong: Option<String>,
    page: Page<Event>,
}

pub(super) async fn audit(visitor: Visitor, Path(id): Path<String>, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let of = format!("/policies/{}", part(&id));
    let conditions = [("kind", chosen.kind.trim()), ("user", chosen.user.trim()), ("text", chosen.text.trim())];
    let kept: Vec<(&str, &str)> = conditions.into_iter().chain([("order", chosen.order.as_str())]).collect();
    let policy = ("policy", id.as_str());
    let asked = format!("/events{}", query(kept.iter().copied().chain([policy, ("cursor", chosen.cursor.as_str())])));
    let filtered = !query(conditions).is_empty();
    let (it, found): (Option<StoredPolicy>, _) = tokio::try_join!(visitor.find(&of), events(&visitor, &asked, filtered))?;
    let (found, wrong): (Page<Event>, _) = found;
    let named = it.map(|it| it.content.name).or_else(|| found.items.first().and_then(|event| event.policy_name.clone()));
    page(&Audit {
        shell: visitor.shell(Place::Policies, named.unwrap_or_else(|| id.clone())),
        report: format!("/events{}", query(kept.iter().copied().chain([policy]))),
        kept: query(kept),
        filtered,
        wrong,
        page: found,
        id,
        chosen,
    })
}

/// Without a condition, what is wrong is wrong with the address.
async fn events(visitor: &Visitor, asked: &str, filtered: bool) -> Outcome<(Page<Event>, Option<String>)> {
    if filtered { visitor.chosen(asked).await } else { Ok((visitor.read(asked).await?, None)) }
}
