//! `POST check`: what would be said of a definition, before it is stored. It stores nothing, and refuses nothing: what is wrong is its answer.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::check::{Check, Checked, Definition as Written};
use brevet_api::rest::error::FieldError;

use super::check::{alone, dangling};
use super::content::{Content, Snapshot};
use super::counted::{Enrolled, meant};
use super::current::current;
use super::findings::Findings;
use super::mistakes::{self, Known, Together};
use super::near::Advice;
use super::sight::Sight;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};

/// Most of each kind in one answer.
const MOST: usize = 100;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes.on(
        Method::POST,
        "/check",
        Action::ReadPolicy,
        doc("Say what a definition would say, and what is wrong with it; store nothing").body::<Check>().answer::<Checked>(200),
        check,
    )
}

async fn check(State(app): State<App>, actor: Actor, Body(body): Body<Check>) -> Outcome<Json<Checked>> {
    let content = match body.definition {
        Written::Group(group) => Content::Group(group),
        Written::List(list) => Content::List(list),
        Written::Policy(policy) => Content::Policy(policy),
        Written::Autonomous(rule) => Content::Autonomous(rule),
    };
    let mut all = Snapshot::clone(&*current(&app).await?);
    let sight = Sight::new(&actor, Action::ReadPolicy, &all);
    let mut errors = alone(&content, "");
    errors.extend(dangling(&content, &all, "", &Advice::default()));
    errors.extend(taken(&content, body.replaces.as_deref(), &all, &sight)?);
    // It is held against the others, not against what it takes the place of.
    let replaced = body.replaces.as_deref().and_then(|reference| sight.find(&all, content.kind(), reference)).map(|found| found.id.clone());
    all.0.retain(|definition| Some(&definition.id) != replaced.as_ref());
    let known = Known::load(&app.store.pool, &all).await?;
    let warnings = Together::new(&all, &known, &sight).of(&content, app.clock.now());
    let warnings = if sight.is_whole() { warnings } else { mistakes::narrowed(warnings) };
    let warnings = if actor.may(Action::ReadPersons) { warnings } else { mistakes::without_persons(warnings) };
    errors.truncate(MOST);
    let summary = summary(&app, &actor, &content, &all).await?;
    let findings = Findings::new(&all, &sight).of(&content);
    Ok(Json(Checked { summary, errors, warnings, findings }))
}

async fn summary(app: &App, actor: &Actor, content: &Content, all: &Snapshot) -> Outcome<String> {
    let enrolled = Enrolled::load(app, &actor.reach(Action::ReadComputers), &[meant(content, all)]).await?;
    Ok(enrolled.summary(content, all))
}

/// A name that another has. Names beyond somebody's scope are taken too, as they are when it is stored.
fn taken(content: &Content, replaces: Option<&str>, all: &Snapshot, sight: &Sight) -> Outcome<Option<FieldError>> {
    let replaced = match replaces {
        Some(reference) => {
            let found = sight.find(all, content.kind(), reference);
            Some(found.ok_or_else(|| Failure::field("replaces", "there is no such definition"))?.id.clone())
        }
        None => None,
    };
    let other = all.named(content.kind(), content.name()).filter(|found| Some(&found.id) != replaced.as_ref());
    Ok(other.map(|_| FieldError { field: "name".into(), reason: "another one has this name".into() }))
}
