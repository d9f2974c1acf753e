//! One person: roles and where they hold, OS users, and what an owner can do about them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::person::Person;

use super::list::{Choice, Filled};
use super::sign_in::{self, Signing};
use crate::access::Action;
use crate::console::{Place, Shell, Visitor, filters, page, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

/// Which form of the page was sent, what was filled in there, and why it was not taken.
#[derive(Default)]
pub(super) struct Sent {
    pub form: &'static str,
    pub roles: Option<Filled>,
    pub user: String,
    pub computer: String,
    pub subject: String,
    pub why: Option<Failure>,
}

#[derive(Template)]
#[template(path = "people/show.html")]
struct Show {
    shell: Shell,
    tabs: Vec<Tab>,
    tag: String,
    choices: Vec<Choice>,
    may_change: bool,
    may_read_events: bool,
    oneself: bool,
    signing: Option<Signing>,
    sent: Sent,
    it: Person,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, Sent::default()).await
}

pub(super) async fn shown(visitor: &Visitor, id: &str, sent: Sent) -> Outcome<Response> {
    let (tag, it): (String, Person) = visitor.read_tagged(&format!("/persons/{}", part(id))).await?;
    let held = Filled { roles: it.roles.clone(), scopes: it.scopes.clone() };
    let failed = sent.why.is_some();
    let response = page(&Show {
        shell: visitor.shell(Place::Settings, it.name.clone()),
        tabs: tabs(visitor, Section::People),
        tag,
        choices: sent.roles.as_ref().unwrap_or(&held).choices(),
        may_change: visitor.may(Action::ChangePersons) && !it.removed,
        may_read_events: visitor.may(Action::ReadEvents),
        oneself: it.id == visitor.actor.person,
        signing: if it.removed { None } else { sign_in::of(visitor, id).await? },
        sent,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}
