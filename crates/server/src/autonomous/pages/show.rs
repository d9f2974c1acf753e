//! One rule: what it says, what it did and would have done, and what can be done to it.

use askama::Template;
use axum::http::Method;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::check::Checked;
use brevet_api::rest::event::Event;
use brevet_api::rest::policy::StoredAutonomous;
use brevet_api::rest::replay::{Replay, ReplaySort, Replayed};
use brevet_api::rest::setting::Setting;
use brevet_core::autonomous::AutonomousRule;
use brevet_core::{toml_text, words};
use serde::Deserialize;

use crate::access::Action;
use crate::console::{Made, Place, Shell, Visitor, filters, page, part, query};
use crate::definitions::formed::Formed as _;
use crate::definitions::pages::checked;
use crate::http::extract::{Path, Query};
use crate::http::failure::{Failure, Outcome};

#[derive(Template)]
#[template(path = "autonomous/show.html")]
struct Show {
    shell: Shell,
    seen: String,
    /// Whether autonomous approval is on at all.
    on: bool,
    may_change: bool,
    says: String,
    checked: Checked,
    replayed: Replayed,
    chosen: Chosen,
    did: Page<Event>,
    toml: String,
    it: StoredAutonomous,
}

/// Which of the requests that it was held against are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    text: String,
    sort: Option<String>,
}

impl Chosen {
    /// An order that there is not is none.
    fn sort(&self) -> Option<ReplaySort> {
        self.sort.as_deref().and_then(|sort| serde_json::from_value(sort.into()).ok())
    }
}

/// The orders, each with its words.
const ORDERS: [(&str, &str); 5] = [
    ("", "Those that it approves first"),
    ("newest", "Newest first"),
    ("oldest", "Oldest first"),
    ("user", "By user"),
    ("computer", "By computer"),
];

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let (seen, it): (String, StoredAutonomous) = visitor.read_tagged(&format!("/autonomous/{}", part(&id))).await?;
    // An event of a rule has its id in its body.
    let kinds = "autonomous.shadowed,request.auto_approved";
    let asked = format!("/events{}", query([("kind", kinds), ("text", it.id.as_str()), ("limit", "20")]));
    let (checked, replayed, did, setting) = tokio::try_join!(
        checked::<AutonomousRule>(&visitor, it.content.clone(), Some(it.id.as_str())),
        replayed(&visitor, it.content.clone(), &chosen),
        visitor.read::<Page<Event>>(&asked),
        visitor.read::<Setting>("/settings/autonomous"),
    )?;
    page(&Show {
        shell: visitor.shell(Place::Settings, it.content.name.clone()),
        seen,
        on: setting.value == "on",
        may_change: visitor.may(Action::ChangePolicy),
        says: words::autonomous(&it.content),
        checked,
        replayed,
        chosen,
        did,
        toml: toml_text::shown(&it.content.clone().file()).unwrap_or_else(|why| format!("# {why}\n")),
        it,
    })
}

async fn replayed(visitor: &Visitor, rule: AutonomousRule, chosen: &Chosen) -> Outcome<Replayed> {
    let text = Some(chosen.text.trim().to_owned()).filter(|text| !text.is_empty());
    match visitor.change(Method::POST, "/replay", None, &Replay { rule, days: None, text, sort: chosen.sort() }).await? {
        Made::Now(replayed) => Ok(replayed),
        Made::Proposed(_) => Err(Failure::internal("a look back became a proposal")),
    }
}
