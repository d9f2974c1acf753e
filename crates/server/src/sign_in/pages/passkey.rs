//! Signing in by a passkey: alone, or as the second factor after the password. The script asks the browser; what it says is checked here.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::sign_in::Way;
use brevet_core::id::PersonId;
use sea_orm::EntityTrait as _;
use serde::Deserialize;

use super::door::{record_refused, wrong_at_door};
use super::second::{at, begin_again, both, wrong_at_second};
use crate::app::App;
use crate::http::extract::Json;
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::begin::{Beginning, begin, set_cookie, step_secret};
use crate::sign_in::caller::Caller;
use crate::sign_in::passkey;
use crate::sign_in::steps::{self, Kind, Step};
use crate::store::Change;
use crate::store::entities::person;

/// Asking costs a row here: an address that nobody is known from does it no oftener than it calls for other things.
pub(super) fn counted(app: &App, caller: &Caller) -> Outcome<()> {
    app.limits.admit_stranger(&app.config.limits, &caller.ip, None)?;
    app.limits.count_stranger(&app.config.limits, &caller.ip);
    Ok(())
}

pub(super) async fn ask(State(app): State<App>, caller: Caller) -> Outcome<Response> {
    counted(&app, &caller)?;
    let challenge = passkey::ask_anybody(&app)?;
    let (secret, key) = step_secret()?;
    let change = Change::begin(&app).await?;
    let step = Step { kind: Kind::Passkey, person: None, state: challenge.state, known_by: None, next: String::new() };
    steps::put(&change, key, step).await?;
    change.commit().await?;
    let mut response = Json(challenge.options).into_response();
    set_cookie(&mut response, steps::COOKIE, &secret, steps::LIVES.seconds())?;
    Ok(response)
}

#[derive(Deserialize)]
pub(super) struct Answer {
    credential: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn answer(State(app): State<App>, caller: Caller, Form(fields): Form<Answer>) -> Outcome<Response> {
    let refused = |why: Failure| wrong_at_door(&caller, "", &fields.next, (StatusCode::UNPROCESSABLE_ENTITY, why.words()), &app);
    let Some(step) = steps::read(&app.store.pool, caller.step, Kind::Passkey, app.clock.now()).await? else {
        return Ok(begin_again(&fields.next));
    };
    let change = Change::begin(&app).await?;
    if !steps::take(&change, &step).await? {
        return Ok(begin_again(&fields.next));
    }
    let found = match passkey::answer_anybody(&change, &step.state, &fields.credential).await {
        Ok(found) => found,
        Err(why) if why.is_internal() => return Err(why),
        Err(why) => {
            // The challenge is used up all the same.
            change.commit().await?;
            return refused(why);
        }
    };
    let person = person::Entity::find_by_id(&found.person).one(change.tx()).await?;
    let Some(person) = person.filter(|person| person.enabled) else {
        record_refused(&change, PersonId::parse(&found.person)?, "passkey: they are disabled", &caller.address).await?;
        change.commit().await?;
        return refused(Failure::new(brevet_api::rest::Code::Invalid).because("this passkey signs nobody in any more"));
    };
    begin(change, &caller, Beginning { person, way: Way::Passkey, known_by: found.known_by, next: &fields.next }).await
}

pub(super) async fn ask_second(State(app): State<App>, caller: Caller) -> Outcome<Response> {
    counted(&app, &caller)?;
    let gone = || Failure::new(brevet_api::rest::Code::WrongState).because("that took too long: begin again");
    let (step, person) = at(&app, &caller).await?.ok_or_else(gone)?;
    let challenge = passkey::ask(&app, &person.id).await?;
    let change = Change::begin(&app).await?;
    steps::keep(&change, &step, &challenge.state).await?;
    change.commit().await?;
    Ok(Json(challenge.options).into_response())
}

pub(super) async fn answer_second(State(app): State<App>, caller: Caller, Form(fields): Form<Answer>) -> Outcome<Response> {
    let Some((step, person)) = at(&app, &caller).await? else { return Ok(begin_again("")) };
    let change = Change::begin(&app).await?;
    // INVARIANT: a challenge is answered once; without one that was asked, nothing is.
    if step.state.is_empty() || !steps::forget_state(&change, &step).await? {
        return Ok(begin_again(&step.next));
    }
    match passkey::answer(&change, &person.id, &step.state, &fields.credential).await {
        Ok(found) => {
            if !steps::take(&change, &step).await? {
                return Ok(begin_again(&step.next));
            }
            let known_by = both(step.known_by, found.known_by);
            begin(change, &caller, Beginning { person, way: Way::PasswordAndPasskey, known_by, next: &step.next }).await
        }
        Err(why) if why.is_internal() => Err(why),
        Err(why) => {
            steps::wrong(&change, &step).await?;
            record_refused(&change, PersonId::parse(&person.id)?, "passkey", &caller.address).await?;
            change.commit().await?;
            wrong_at_second(&app, &caller, &person, (StatusCode::UNPROCESSABLE_ENTITY, why.words())).await
        }
    }
}
