//! One computer: what it says of itself, what it holds, what happened there, and what can be done to it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Page;
use brevet_api::rest::computer::{Computer, ComputerState, PolicyHere};
use brevet_api::rest::event::Event;
use brevet_api::rest::grant::GrantItem;
use brevet_api::rest::policy::PolicyState;

use super::list::{place, state_words};
use crate::access::Action;
use crate::console::{Place, Shell, Visitor, filters, page, query};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

/// So many policies are shown; the others are on their own pages.
const MOST_POLICIES: usize = 100;

/// What somebody filled in, and why it was not taken.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Which form: `quarantine`, `release` or `remove`.
    pub act: &'static str,
    pub comment: String,
    pub why: Option<Failure>,
}

impl Form {
    fn of(&self, act: &str) -> Option<&Failure> {
        self.why.as_ref().filter(|_| self.act == act)
    }

    fn comment(&self, act: &str) -> &str {
        if self.act == act { &self.comment } else { "" }
    }
}

#[derive(Template)]
#[template(path = "computers/show.html")]
struct Show {
    shell: Shell,
    state: &'static str,
    enrolled: bool,
    may_change: bool,
    may_release: bool,
    facts: Vec<(&'static str, String)>,
    policies: Vec<PolicyHere>,
    more_policies: usize,
    refused: usize,
    grants: Vec<GrantItem>,
    events: Vec<Event>,
    events_more: String,
    tag: String,
    form: Form,
    it: Computer,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, Form::default()).await
}

/// The page with what was filled in.
pub(super) async fn shown(visitor: &Visitor, id: &str, form: Form) -> Outcome<Response> {
    let (tag, mut it): (String, Computer) = visitor.read_tagged(&place(id)).await?;
    let of_it = |path: &str, limit: &str| format!("{path}{}", query([("computer", it.id.as_str()), ("limit", limit)]));
    let (grants, events) = (of_it("/grants", "10"), of_it("/events", "20"));
    let (grants, events): (Page<GrantItem>, Page<Event>) = tokio::try_join!(visitor.read(&grants), visitor.read(&events))?;
    let failed = form.why.is_some();
    let mut policies = std::mem::take(&mut it.policies);
    // What is refused first: somebody has to look at it.
    policies.sort_by_key(|policy| match policy.state {
        PolicyState::Refused => 0,
        PolicyState::Sent => 1,
        PolicyState::Applied => 2,
    });
    let refused = policies.iter().filter(|policy| policy.state == PolicyState::Refused).count();
    let more_policies = policies.len().saturating_sub(MOST_POLICIES);
    policies.truncate(MOST_POLICIES);
    let there = it.state != ComputerState::Removed;
    let response = page(&Show {
        shell: visitor.shell(Place::Computers, it.name.clone()),
        state: state_words(&it),
        enrolled: it.state == ComputerState::Enrolled,
        may_change: there && visitor.may(Action::ChangeComputers),
        may_release: it.state == ComputerState::Quarantined && visitor.may(Action::ReleaseComputer),
        facts: facts(&it),
        policies,
        more_policies,
        refused,
        grants: grants.items,
        events: events.items,
        events_more: format!("/events{}", query([("computer", it.id.as_str())])),
        tag,
        form,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// What it says of itself.
fn facts(it: &Computer) -> Vec<(&'static str, String)> {
    let mut all = vec![("Host name", it.hostname.clone()), ("Platform", it.platform.clone()), ("brevetd", it.agent_version.clone())];
    let Some(facts) = &it.facts else { return all };
    let os = if facts.os_name.is_empty() { format!("{} {}", facts.os, facts.os_version) } else { facts.os_name.clone() };
    all.extend([
        ("brevet-broker", facts.broker_version.clone()),
        ("Operating system", os),
        ("Kernel", format!("{}, {}", facts.kernel, facts.architecture)),
        ("Control groups", facts.cgroup.clone()),
    ]);
    all.extend(facts.space.map(|space| ("Room for its journal", space.in_words())));
    all.extend(facts.clock_ahead_seconds.map(|by| ("Clock ahead of the server's", format!("{by} s"))));
    all
}

/// Where a policy stands there, in words.
pub(crate) const fn policy_words(state: PolicyState) -> &'static str {
    match state {
        PolicyState::Sent => "on its way",
        PolicyState::Applied => "in effect",
        PolicyState::Refused => "REFUSED",
    }
}
