//! Sessions as a list, and the page of one: what ran, under which grant, and what its end reached. They call the routes beside them.

pub(crate) mod list;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use brevet_api::rest::Page;
use brevet_api::rest::event::Event;
use brevet_api::rest::session::{SessionItem, SessionState};
use brevet_core::policy::Containment;

use super::received::in_words;
use crate::access::Action;
use crate::app::App;
use crate::console::{Place, Shell, Visitor, filters, page, part, query};
use crate::http::extract::Path;
use crate::http::failure::Outcome;
use crate::requests::pages::facts::{Named, of_file};

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new().route("/sessions", get(list::list)).route("/sessions/{id}", get(show))
}

#[derive(Template)]
#[template(path = "sessions/show.html")]
struct Show {
    shell: Shell,
    runs: bool,
    may_revoke: bool,
    arguments: Vec<String>,
    directory: String,
    facts: Vec<Named>,
    ended: Option<String>,
    events: Vec<Event>,
    events_more: String,
    it: SessionItem,
}

async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let (session, events) = (format!("/sessions/{}", part(&id)), format!("/events{}", query([("session", id.as_str()), ("limit", "20")])));
    let (it, events): (SessionItem, Page<Event>) = tokio::try_join!(visitor.read(&session), visitor.read(&events))?;
    let command = it.record.as_ref().map(|record| &record.command);
    page(&Show {
        shell: visitor.shell(Place::Access, format!("Session of {}", it.user)),
        runs: it.state == SessionState::Started,
        may_revoke: visitor.may(Action::Revoke),
        arguments: command.map(|command| command.arguments.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        directory: command.map(|command| command.directory.to_string()).unwrap_or_default(),
        facts: command.map(|command| of_file(&command.application)).unwrap_or_default(),
        ended: it.outcome.as_ref().map(in_words),
        events: events.items,
        events_more: format!("/events?session={}", part(&id)),
        it,
    })
}

/// What the end of a session reaches, in words.
pub(crate) const fn reach(containment: Containment) -> &'static str {
    match containment {
        Containment::Cgroup => "what it started",
        Containment::PidNamespace | Containment::Confined => "every process in it",
    }
}
