//! Autonomous rules: they travel as signed documents, and the broker decides.

pub mod form;
pub mod pages;
mod replay;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Code;
use brevet_api::rest::policy::Shadow;
use brevet_core::autonomous::AutonomousRule;
use serde_json::Value;

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::defined::{Defined, kept, listed, remembered};
use crate::definitions::write::Reason;
use crate::definitions::{Content, Kind, routes};
use crate::http::extract::{Body, Expected, Path, Versioned};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};

impl Defined for AutonomousRule {
    const KIND: Kind = Kind::Autonomous;
    const SCHEMAS: (&'static str, &'static str) = ("AutonomousRule", "StoredAutonomous");
    const PLACES: (&'static str, &'static str) = ("/autonomous", "/autonomous/{reference}");
    const HISTORY: &'static str = "/autonomous/{reference}/history";

    fn content(self) -> Content {
        Content::Autonomous(Box::new(self))
    }
}

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table
        .with(listed::<AutonomousRule>)
        .with(kept::<AutonomousRule>)
        .with(remembered::<AutonomousRule>)
        .with(replay::routes)
        .on(
            Method::POST,
            "/autonomous/{reference}/enable",
            Action::ChangePolicy,
            doc("Enable it").answer_named(200, "StoredAutonomous").tagged().takes_match().fails(&[Code::Invalid]),
            enable,
        )
        .on(
            Method::POST,
            "/autonomous/{reference}/disable",
            Action::ChangePolicy,
            doc("Disable it").answer_named(200, "StoredAutonomous").tagged().takes_match().fails(&[Code::Invalid]),
            disable,
        )
        .on(
            Method::POST,
            "/autonomous/{reference}/shadow",
            Action::ChangePolicy,
            doc("Only record what it would do, or no longer").body::<Shadow>().answer_named(200, "StoredAutonomous").tagged().takes_match(),
            shadow,
        )
}

async fn enable(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    switch(&app, &actor, &reference, seen, true).await
}

async fn disable(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Expected) -> Outcome<Versioned<Value>> {
    switch(&app, &actor, &reference, seen, false).await
}

async fn switch(app: &App, actor: &Actor, reference: &str, seen: Expected, on: bool) -> Outcome<Versioned<Value>> {
    let reason = if on { Reason::Enabled } else { Reason::Disabled };
    routes::modify(app, actor, Kind::Autonomous, reference, seen.0, |old| match old {
        Content::Autonomous(old) => Ok((Content::Autonomous(Box::new(AutonomousRule { enabled: on, ..(**old).clone() })), reason)),
        _ => Err(Failure::internal("another kind")),
    })
    .await
}

async fn shadow(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    seen: Expected,
    Body(body): Body<Shadow>,
) -> Outcome<Versioned<Value>> {
    routes::modify(&app, &actor, Kind::Autonomous, &reference, seen.0, |old| match old {
        Content::Autonomous(old) => {
            let next = AutonomousRule { shadow: body.shadow, ..(**old).clone() };
            Ok((Content::Autonomous(Box::new(next)), Reason::Changed))
        }
        _ => Err(Failure::internal("another kind")),
    })
    .await
}
