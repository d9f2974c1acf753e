//! Policies: who may run what, where, how and when.

pub mod form;
pub mod pages;
pub mod standing;
pub mod testing;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::page::{NamedQuery, PageQuery};
use brevet_api::rest::policy::{Mistake, OnComputer, PolicyQuery};
use brevet_api::rest::{Code, Page};
use brevet_core::policy::{Mode, Policy, Validity};
use serde_json::Value;

use crate::access::{Action, Actor};
use crate::app::App;
use crate::computers::policies as on_computers;
use crate::definitions::current::current;
use crate::definitions::defined::{Defined, kept, remembered};
use crate::definitions::findings::{Findings, as_mistake};
use crate::definitions::write::Reason;
use crate::definitions::{Content, Kind, Sight, mistakes, routes};
use crate::http::extract::{Expected, Json, Path, Query, Versioned, refuse_unknown};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::{any_has, wanted};
use crate::http::page::{Shown, Slice};
use crate::http::routes::{Routes, doc};

impl Defined for Policy {
    const KIND: Kind = Kind::Policy;
    const SCHEMAS: (&'static str, &'static str) = ("Policy", "StoredPolicy");
    const PLACES: (&'static str, &'static str) = ("/policies", "/policies/{reference}");
    const HISTORY: &'static str = "/policies/{reference}/history";

    fn content(self) -> Content {
        Content::Policy(Box::new(self))
    }
}

/// A mode as it is written.
#[must_use]
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Deny => "deny",
        Mode::Automatic => "automatic",
        Mode::Justify => "justify",
        Mode::Request => "request",
    }
}

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table
        .on(
            Method::GET,
            "/policies",
            Action::ReadPolicy,
            doc("All of them").answer_named(200, "StoredPolicy").page(&[]).sorted_by(routes::SORTED, "name").filters::<PolicyQuery>(),
            list,
        )
        .with(kept::<Policy>)
        .on(
            Method::POST,
            "/policies/{reference}/enable",
            Action::ChangePolicy,
            doc("Enable it").answer_named(200, "StoredPolicy").tagged().takes_match().fails(&[Code::Invalid, Code::InUse]),
            enable,
        )
        .on(
            Method::POST,
            "/policies/{reference}/disable",
            Action::ChangePolicy,
            doc("Disable it").answer_named(200, "StoredPolicy").tagged().takes_match().fails(&[Code::Invalid, Code::InUse]),
            disable,
        )
        .on(
            Method::POST,
            "/policies/{reference}/renew",
            Action::ChangePolicy,
            doc("Start its fixed validity anew")
                .answer_named(200, "StoredPolicy")
                .tagged()
                .takes_match()
                .fails(&[Code::Invalid, Code::InUse]),
            renew,
        )
        .with(remembered::<Policy>)
        .on(
            Method::GET,
            "/policies/{reference}/warnings",
            Action::ReadPolicy,
            doc("What in it will not do what its author means, as things stand, and what it gives beyond that, also where it is disabled")
                .answer::<Mistake>(200)
                .page(&[])
                .filters::<PageQuery>(),
            warnings,
        )
        .on(
            Method::GET,
            "/policies/{reference}/computers",
            Action::ReadComputers,
            doc("Where it stands on each computer")
                .answer::<OnComputer>(200)
                .page(&[])
                .sorted_by(on_computers::SORTED, "name")
                .filters::<NamedQuery>(),
            computers,
        )
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<PolicyQuery>) -> Outcome<Json<Page<Shown<Value>>>> {
    refuse_unknown::<Mode>("mode", query.mode.as_deref())?;
    let PolicyQuery { limit, cursor, sort, name, .. } = query.clone();
    let named = NamedQuery { limit, cursor, sort, name };
    let text = query.text.as_deref().map(wanted).transpose()?;
    let keep = |content: &Content| matches(content, &query) && text.as_deref().is_none_or(|text| says(content, text));
    Ok(Json(routes::list(&app, &actor, Kind::Policy, &named, keep).await?))
}

/// Whether it has a text in what was written into it; names of fields are not among that.
fn says(content: &Content, wanted: &str) -> bool {
    fn has(value: &Value, wanted: &str) -> bool {
        match value {
            Value::String(text) => any_has([text.as_str()], wanted),
            Value::Array(items) => items.iter().any(|item| has(item, wanted)),
            Value::Object(fields) => fields.values().any(|field| has(field, wanted)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    let Content::Policy(policy) = content else { return false };
    any_has([policy.name.as_str()], wanted) || serde_json::to_value(policy).is_ok_and(|value| has(&value, wanted))
}

fn matches(content: &Content, query: &PolicyQuery) -> bool {
    let Content::Policy(policy) = content else { return false };
    let mode = serde_json::to_value(policy.mode).ok();
    query.mode.as_ref().is_none_or(|wanted| mode.as_ref().and_then(Value::as_str) == Some(wanted))
        && query.enabled.is_none_or(|wanted| policy.enabled == wanted)
}

async fn enable(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    switch(&app, &actor, &reference, seen, true).await
}

async fn disable(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    switch(&app, &actor, &reference, seen, false).await
}

async fn switch(app: &App, actor: &Actor, reference: &str, seen: Expected, on: bool) -> Outcome<Versioned<Value>> {
    let reason = if on { Reason::Enabled } else { Reason::Disabled };
    routes::modify(app, actor, Kind::Policy, reference, seen.0, |old| match old {
        Content::Policy(old) => Ok((Content::Policy(Box::new(Policy { enabled: on, ..(**old).clone() })), reason)),
        _ => Err(Failure::internal("another kind")),
    })
    .await
}

async fn renew(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    routes::modify(&app, &actor, Kind::Policy, &reference, seen.0, |old| match old {
        Content::Policy(policy) if matches!(policy.validity, Validity::Fixed { .. }) => Ok((old.clone(), Reason::Renewed)),
        _ => Err(Failure::field("validity", "only a policy with fixed validity can be renewed")),
    })
    .await
}

async fn warnings(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<PageQuery>,
) -> Outcome<Json<Page<Mistake>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    let all = current(&app).await?;
    let sight = Sight::new(&actor, Action::ReadPolicy, &all);
    let policy = sight.find(&all, Kind::Policy, &reference).ok_or_else(|| Failure::not_found("policy", &reference))?;
    let known = mistakes::Known::load(&app.store.pool, &all).await?;
    let found = mistakes::Together::new(&all, &known, &sight).of(&policy.content, app.clock.now());
    let found = if sight.is_whole() { found } else { mistakes::narrowed(found) };
    let found = if actor.may(Action::ReadPersons) { found } else { mistakes::without_persons(found) };
    let given = Findings::new(&all, &sight).of(&policy.content).into_iter().map(as_mistake);
    let numbered: Vec<(usize, Mistake)> = found.into_iter().chain(given).enumerate().collect();
    let page = slice.page_of(numbered, |(number, _)| format!("{number:04}"));
    Ok(Json(Page { items: page.items.into_iter().map(|(_, mistake)| mistake).collect(), next: page.next }))
}

async fn computers(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<NamedQuery>,
) -> Outcome<Json<Page<OnComputer>>> {
    let all = current(&app).await?;
    let sight = Sight::new(&actor, Action::ReadPolicy, &all);
    let policy = sight.find(&all, Kind::Policy, &reference).ok_or_else(|| Failure::not_found("policy", &reference))?;
    Ok(Json(on_computers::of_policy(&app, &policy.id, &actor.reach(Action::ReadComputers), &query).await?))
}
