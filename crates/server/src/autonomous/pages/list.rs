//! The switch and the rules.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::policy::StoredAutonomous;
use brevet_api::rest::setting::Setting;
use brevet_core::words;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{Place, Shell, Sorting, Visitor, filters, page, query};
use crate::definitions::pages::ORDERS;
use crate::http::extract::Query;
use crate::http::failure::Outcome;
use crate::settings::pages::{Section, Tab, tabs};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "autonomous/list.html")]
struct List {
    shell: Shell,
    tabs: Vec<Tab>,
    on: bool,
    seen: String,
    may_switch: bool,
    may_change: bool,
    rows: Vec<(StoredAutonomous, String)>,
    next: Option<String>,
    begun: bool,
    name: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let (by, order) = (("name", chosen.name.as_str()), ("sort", chosen.sort.as_str()));
    let asked = format!("/autonomous{}", query([by, order, ("cursor", &chosen.cursor)]));
    let ((seen, setting), (found, wrong)): ((String, Setting), (Page<StoredAutonomous>, _)) =
        tokio::try_join!(visitor.read_tagged("/settings/autonomous"), visitor.chosen(&asked))?;
    let said = |rule: StoredAutonomous| {
        let says = words::autonomous_brief(&rule.content);
        (rule, says)
    };
    page(&List {
        shell: visitor.shell(Place::Settings, "Autonomous Approval"),
        tabs: tabs(&visitor, Section::Autonomous),
        on: setting.value == "on",
        seen,
        may_switch: visitor.may(Action::ChangeSettings),
        may_change: visitor.may(Action::ChangePolicy),
        rows: found.items.into_iter().map(said).collect(),
        next: found.next,
        begun: !chosen.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new("/settings/autonomous", ORDERS, (&chosen.sort, "name"), &[by]),
        name: chosen.name,
        wrong,
    })
}
