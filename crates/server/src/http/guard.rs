//! What stands before every handler of the table: who calls, how often, whether they may, and whether the call has the form that
//! its description says. A handler is reached in no other way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;

use super::failure::{Failure, Outcome};
use super::{limits, signed_in};
use crate::access::{Action, Actor, role_name};
use crate::app::App;
use crate::console::ForVisitor;

/// What the guard of one route knows.
pub(super) struct Entry {
    pub app: App,
    pub action: Action,
    pub query: Vec<String>,
    pub needs_match: bool,
}

pub(super) async fn guard(State(entry): State<Arc<Entry>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let actor = match admitted(&entry, &parts).await {
        Ok(actor) => actor,
        Err(failure) => return failure.into_response(),
    };
    parts.extensions.insert(actor);
    let request = Request::from_parts(parts, body);
    let longest = Duration::from_millis(entry.app.config.limits.call_timeout.millis());
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::new(Code::Unavailable).because("the call took too long and was given up").retry_after(1).into_response(),
    }
}

async fn admitted(entry: &Entry, call: &Parts) -> Outcome<Actor> {
    let app = &entry.app;
    // A change that a second person confirmed is made by whoever proposed it: who called is known, and what they may is asked again.
    if let Some(crate::proposals::Replayed(actor)) = call.extensions.get() {
        let may = actor.may(entry.action);
        return if may { Ok(actor.clone()) } else { Err(Failure::new(Code::Forbidden).because("its proposer may not do this any more")) };
    }
    let actor = match call.extensions.get::<ForVisitor>() {
        // A page of the console calls for whoever is signed in, which was found out before.
        Some(visitor) => {
            app.limits.admit_token(&app.config.limits, visitor.session())?;
            visitor.actor().clone()
        }
        None => by_token(app, call).await?,
    };
    if !actor.may(entry.action) {
        let roles: Vec<&str> = actor.roles.iter().map(|role| role_name(*role)).collect();
        return Err(Failure::by_role(&roles.join(", ")));
    }
    if entry.action == Action::Decide && !actor.decides {
        return Err(Failure::new(Code::TokenMayNotDecide).hint("make a token with decides = true, or decide in the console"));
    }
    refuse_unknown_query(&entry.query, call)?;
    if entry.needs_match && !call.headers.contains_key(header::IF_MATCH) {
        return Err(Failure::new(Code::PreconditionRequired)
            .because("this changes what is stored, so say in If-Match which version you saw")
            .hint("read it and send its ETag, or * for whatever is there"));
    }
    Ok(actor)
}

/// Whose token was sent; how often strangers and tokens call is counted.
async fn by_token(app: &App, call: &Parts) -> Outcome<Actor> {
    let address = limits::address(app, call);
    let token = signed_in::bearer(&call.headers).map(signed_in::hash);
    app.limits.admit_stranger(&app.config.limits, &address, token.as_ref())?;
    let actor = match signed_in::identify(app, &call.headers).await {
        Ok(actor) => actor,
        Err(failure) => {
            if failure.code == Code::Unauthenticated {
                app.limits.count_stranger(&app.config.limits, &address);
            }
            return Err(failure);
        }
    };
    if let Some(token) = token {
        app.limits.admit_token(&app.config.limits, token)?;
    }
    Ok(actor)
}

/// A parameter that is not described, is there twice or holds NUL is a mistake that nobody should have to look for.
fn refuse_unknown_query(known: &[String], call: &Parts) -> Outcome<()> {
    let wrong = |why: String| Failure::new(Code::Malformed).because(format!("the query: {why}"));
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&call.uri).map_err(|_| wrong("it cannot be read".into()))?;
    let mut seen = HashSet::new();
    for (name, value) in &pairs {
        if !known.contains(name) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(wrong(format!("there is no parameter {name:?}; those of this call: {known}")));
        }
        if value.contains('\0') {
            return Err(wrong(format!("{name} has a NUL character")));
        }
        if !seen.insert(name) {
            return Err(wrong(format!("{name} is there twice")));
        }
    }
    Ok(())
}
