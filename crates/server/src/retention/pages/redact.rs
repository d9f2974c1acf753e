//! After how long text is redacted, and redacting now: first what it would be, then a button that says so.

use askama::Template;
use axum::Form;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::event::{Redact, Redacted};
use brevet_api::rest::hold::Hold;
use brevet_api::rest::person::Role;
use brevet_api::rest::setting::{SetValue, Setting};
use brevet_core::time::Length;
use serde::Deserialize;

use super::holds::Filled;
use crate::access::Action;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, query};
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

/// What the list of holds can be ordered by.
const ORDERS: &[By] = &[By::moment("created", "Made"), By::text("name", "Name"), By::moment("released", "Released")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    sort: String,
    /// Which holds: `true` those that hold, `false` those that were released.
    active: String,
    cursor: String,
}

/// What was filled in on the page, and why it was not taken.
#[derive(Default)]
pub(super) struct Sent {
    pub value: Option<String>,
    pub older_than: String,
    pub hold: Filled,
    pub form: &'static str,
    pub why: Option<Failure>,
}

#[derive(Template)]
#[template(path = "retention/page.html")]
struct Retention {
    shell: Shell,
    tabs: Vec<Tab>,
    setting: Setting,
    value: String,
    may_set: bool,
    may_redact: bool,
    may_hold: bool,
    holds: Page<Hold>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
    sent: Sent,
}

pub(super) async fn retention(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    shown(&visitor, chosen, Sent::default()).await
}

pub(super) async fn shown(visitor: &Visitor, chosen: Chosen, sent: Sent) -> Outcome<Response> {
    let active = ["true", "false"].into_iter().find(|one| *one == chosen.active).unwrap_or_default();
    let (by, order) = ([("active", active), ("name", chosen.name.as_str())], ("sort", chosen.sort.as_str()));
    let asked = format!("/holds{}", query(by.into_iter().chain([order, ("cursor", chosen.cursor.as_str())])));
    let (setting, (holds, wrong)): (Setting, (Page<Hold>, _)) =
        tokio::try_join!(visitor.read("/settings/retention"), visitor.chosen(&asked))?;
    let failed = sent.why.is_some();
    let response = page(&Retention {
        shell: visitor.shell(Place::Settings, "Retention and legal holds"),
        tabs: tabs(visitor, Section::Retention),
        value: sent.value.clone().unwrap_or_else(|| setting.value.clone()),
        may_set: visitor.may(Action::ChangeSettings) && visitor.actor.is(Role::Owner),
        may_redact: visitor.may(Action::Redact),
        may_hold: visitor.may(Action::ChangeHolds),
        kept: query(by.into_iter().chain([order])),
        sorting: Sorting::new("/settings/retention", ORDERS, (&chosen.sort, "-created"), &by),
        wrong,
        setting,
        holds,
        chosen,
        sent,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Deserialize)]
pub(super) struct Value {
    #[serde(default)]
    value: String,
}

pub(super) async fn set(visitor: Visitor, Form(fields): Form<Value>) -> Outcome<Response> {
    let body = SetValue { value: fields.value.trim().to_owned() };
    match visitor.change::<_, Setting>(Method::PUT, "/settings/retention", None, &body).await {
        Ok(Made::Now(_)) => Ok(Redirect::to("/settings/retention?said=changed").into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/settings/retention?said=proposed").into_response()),
        Err(why) => {
            let sent = Sent { value: Some(fields.value), form: "value", why: Some(why.at_form()?), ..Sent::default() };
            shown(&visitor, Chosen::default(), sent).await
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Older {
    older_than: String,
}

impl Older {
    fn body(&self, dry_run: bool) -> Outcome<Redact> {
        let text = self.older_than.trim();
        let older_than = if text.is_empty() { None } else { Some(text.parse::<Length>()) };
        let wrong = |why: brevet_core::time::TimeError| Failure::field("older_than", why.to_string());
        Ok(Redact { older_than: older_than.transpose().map_err(wrong)?, dry_run })
    }
}

#[derive(Template)]
#[template(path = "retention/redact.html")]
struct Preview {
    shell: Shell,
    tabs: Vec<Tab>,
    older_than: String,
    it: Redacted,
}

async fn told(visitor: &Visitor, older: Older, dry_run: bool) -> Outcome<Response> {
    let made = match older.body(dry_run) {
        Ok(body) => visitor.change::<_, Redacted>(Method::POST, "/events/redact", None, &body).await,
        Err(why) => Err(why),
    };
    match made {
        Ok(Made::Now(it)) => {
            let shell = visitor.shell(Place::Settings, if dry_run { "Redact now" } else { "Redacted" });
            page(&Preview { shell, tabs: tabs(visitor, Section::Retention), older_than: older.older_than, it })
        }
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/settings/retention?said=proposed").into_response()),
        Err(why) => {
            let sent = Sent { older_than: older.older_than, form: "redact", why: Some(why.at_form()?), ..Sent::default() };
            shown(visitor, Chosen::default(), sent).await
        }
    }
}

/// Changes nothing.
pub(super) async fn preview(visitor: Visitor, Query(older): Query<Older>) -> Outcome<Response> {
    told(&visitor, older, true).await
}

pub(super) async fn redact(visitor: Visitor, Form(older): Form<Older>) -> Outcome<Response> {
    told(&visitor, older, false).await
}
