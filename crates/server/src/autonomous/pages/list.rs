//! The switch and the rules.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::policy::StoredAutonomous;
use brevet_api::rest::setting::Setting;
use brevet_core::words;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{Place, Shell, Visitor, filters, page, query};
use crate::http::extract::Query;
use crate::http::failure::Outcome;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    cursor: String,
}

#[derive(Template)]
#[template(path = "autonomous/list.html")]
struct List {
    shell: Shell,
    on: bool,
    seen: String,
    may_switch: bool,
    may_change: bool,
    rows: Vec<(StoredAutonomous, String)>,
    next: Option<String>,
    begun: bool,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let asked = format!("/autonomous{}", query([("cursor", chosen.cursor.as_str())]));
    let ((seen, setting), found): ((String, Setting), Page<StoredAutonomous>) =
        tokio::try_join!(visitor.read_tagged("/settings/autonomous"), visitor.read(&asked))?;
    let said = |rule: StoredAutonomous| {
        let says = words::autonomous_brief(&rule.content);
        (rule, says)
    };
    page(&List {
        shell: visitor.shell(Place::Settings, "Autonomous Approval"),
        on: setting.value == "on",
        seen,
        may_switch: visitor.may(Action::ChangeSettings),
        may_change: visitor.may(Action::ChangePolicy),
        rows: found.items.into_iter().map(said).collect(),
        next: found.next,
        begun: !chosen.cursor.is_empty(),
    })
}
