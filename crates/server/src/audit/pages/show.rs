//! One event: what it says, field by field, and what belongs to the same request, grant and session, in the order in which it came.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::event::Event;
use brevet_core::application::Facts;
use serde::Deserialize as _;

use super::readable::{Field, fields};
use crate::access::Action;
use crate::applications::seen;
use crate::console::{Place, Shell, Visitor, filters, page, part, query};
use crate::http::extract::Path;
use crate::http::failure::Outcome;

/// So many neighbours of each kind are read.
const NEIGHBOURS: &str = "60";
/// Of a larger body only the beginning is shown; the export has all of it.
const MOST_BODY: usize = 48 << 10;

#[derive(Template)]
#[template(path = "events/show.html")]
struct Show {
    shell: Shell,
    it: Event,
    /// Where it leads: what, to where, in which words.
    leads: Vec<(&'static str, String, String)>,
    fields: Vec<Field>,
    all_fields: bool,
    body: String,
    whole_body: bool,
    neighbours: Vec<Event>,
    all_of: String,
    may_verify: bool,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let it: Event = visitor.read(&format!("/events/{}", part(&id))).await?;
    let of = |name: &'static str, id: Option<String>| {
        let visitor = &visitor;
        async move {
            let Some(id) = id else { return Ok(Page { items: Vec::new(), next: None }) };
            visitor
                .read::<Page<Event>>(&format!("/events{}", query([(name, id.as_str()), ("order", "oldest"), ("limit", NEIGHBOURS)])))
                .await
        }
    };
    let (request, grant, session) = tokio::try_join!(
        of("request", it.request.as_ref().map(ToString::to_string)),
        of("grant", it.grant.as_ref().map(ToString::to_string)),
        of("session", it.session.as_ref().map(ToString::to_string)),
    )?;
    let together = [request.items, grant.items, session.items].into_iter().flatten();
    let neighbours: BTreeMap<u64, Event> = together.map(|event| (event.seq, event)).collect();
    let (fields, all_fields) = fields(&it.body);
    let (body, whole_body) = written(&it);
    page(&Show {
        shell: visitor.shell(Place::Events, it.kind.clone()),
        leads: leads(&visitor, &it),
        fields,
        all_fields,
        body,
        whole_body,
        neighbours: neighbours.into_values().collect(),
        all_of: all_of(&it),
        may_verify: visitor.may(Action::ReadJournal),
        it,
    })
}

/// The body as JSON, and whether that is all of it.
fn written(it: &Event) -> (String, bool) {
    let text = serde_json::to_string_pretty(&it.body).unwrap_or_default();
    match text.char_indices().find(|(at, _)| *at >= MOST_BODY) {
        Some((at, _)) => (text.get(..at).unwrap_or_default().to_owned(), false),
        None => (text, true),
    }
}

/// The rest of the story, in the report.
fn all_of(it: &Event) -> String {
    let id = |name, id: Option<String>| id.map(|id| query([(name, id.as_str()), ("order", "oldest")]));
    let first = id("request", it.request.as_ref().map(ToString::to_string));
    let first = first.or_else(|| id("grant", it.grant.as_ref().map(ToString::to_string)));
    first.or_else(|| id("session", it.session.as_ref().map(ToString::to_string))).unwrap_or_default()
}

fn leads(visitor: &Visitor, it: &Event) -> Vec<(&'static str, String, String)> {
    let mut leads = Vec::new();
    let mut lead = |what, action, place: &str, id: Option<String>, name: Option<&str>| {
        if let Some(id) = id {
            let to = if visitor.may(action) { format!("/{place}/{}", part(&id)) } else { String::new() };
            leads.push((what, to, name.map_or(id, str::to_owned)));
        }
    };
    lead("Request", Action::ReadRequests, "requests", it.request.as_ref().map(ToString::to_string), None);
    lead("Grant", Action::ReadGrants, "grants", it.grant.as_ref().map(ToString::to_string), None);
    lead("Session", Action::ReadSessions, "sessions", it.session.as_ref().map(ToString::to_string), None);
    lead("Policy", Action::ReadPolicy, "policies", it.policy.as_ref().map(ToString::to_string), it.policy_name.as_deref());
    lead("Computer", Action::ReadComputers, "computers", it.computer.as_ref().map(ToString::to_string), it.computer_name.as_deref());
    // From its page a policy or a list entry begins with it filled in.
    let facts = ["/command/application", "/application"].iter().find_map(|place| it.body.pointer(place));
    let facts = facts.and_then(|facts| Facts::deserialize(facts).ok());
    let application = facts.and_then(|facts| Some((seen::id(&facts).ok()?, facts.path.to_string())));
    let (id, path) = application.unzip();
    lead("Application", Action::ReadEvents, "applications", id, path.as_deref());
    lead("Person", Action::ReadPersons, "settings/people", it.person.as_ref().map(ToString::to_string), None);
    leads
}
