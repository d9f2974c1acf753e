//! Single sign-on: away to the provider, and back. The way back belongs to the browser that left, and is gone once.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::sign_in::Way;
use serde::Deserialize;

use super::door::wrong_at_door;
use super::passkey::counted;
use super::second::begin_again;
use crate::app::App;
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::begin::{Beginning, begin, set_cookie, step_secret};
use crate::sign_in::caller::Caller;
use crate::sign_in::steps::{self, Kind, Step};
use crate::sign_in::{identity, provider};
use crate::store::Change;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
}

pub(super) async fn leave(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Outcome<Response> {
    let Some(config) = &app.config.openid else { return Ok(Redirect::to("/sign-in").into_response()) };
    counted(&app, &caller)?;
    let (to, left) = match provider::leave(&app, config).await {
        Ok(found) => found,
        Err(why) => return wrong_at_door(&caller, "", &asked.next, (StatusCode::SERVICE_UNAVAILABLE, why.words()), &app),
    };
    let (secret, key) = step_secret()?;
    let change = Change::begin(&app).await?;
    let step = Step { kind: Kind::Provider, person: None, state: serde_json::to_string(&left)?, known_by: None, next: asked.next };
    steps::put(&change, key, step).await?;
    change.commit().await?;
    let mut response = Redirect::to(&to).into_response();
    set_cookie(&mut response, steps::COOKIE, &secret, steps::LIVES.seconds())?;
    Ok(response)
}

/// What the provider leads back with; whatever else it adds is left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Back {
    state: String,
    code: String,
    error: String,
}

pub(super) async fn back(State(app): State<App>, caller: Caller, Query(back): Query<Back>) -> Outcome<Response> {
    let Some(config) = &app.config.openid else { return Ok(Redirect::to("/sign-in").into_response()) };
    let Some(step) = steps::read(&app.store.pool, caller.step, Kind::Provider, app.clock.now()).await? else { return Ok(begin_again("")) };
    let left: provider::Left = serde_json::from_str(&step.state)?;
    // INVARIANT: only the browser that left comes back, once, with the state that it left with.
    if !left.is_from(&back.state) {
        return Ok(begin_again(&step.next));
    }
    let change = Change::begin(&app).await?;
    if !steps::take(&change, &step).await? {
        return Ok(begin_again(&step.next));
    }
    change.commit().await?;
    let refused = |code, why: &Failure| wrong_at_door(&caller, "", &step.next, (code, why.words()), &app);
    if !back.error.is_empty() || back.code.is_empty() {
        let why = Failure::new(brevet_api::rest::Code::Forbidden).because(format!("{} did not sign you in", config.name));
        return refused(StatusCode::FORBIDDEN, &why);
    }
    let claims = match provider::claims(&app, config, left, back.code).await {
        Ok(claims) => claims,
        Err(why) => return refused(StatusCode::SERVICE_UNAVAILABLE, &why),
    };
    let change = Change::begin(&app).await?;
    let person = match identity::found(&change, config, &claims).await {
        Ok(person) => identity::with_roles(&change, config, &claims, person).await,
        Err(why) => Err(why),
    };
    match person {
        Ok(person) => begin(change, &caller, Beginning { person, way: Way::SingleSignOn, known_by: None, next: &step.next }).await,
        Err(why) if why.is_internal() => Err(why),
        Err(why) => refused(StatusCode::FORBIDDEN, &why),
    }
}
