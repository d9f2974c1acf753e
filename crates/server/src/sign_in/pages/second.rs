//! The second factor, after the password was right: a code of the authenticator app, or a recovery code.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::sign_in::Way;
use brevet_core::id::PersonId;
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde::Deserialize;

use super::door::{rates, record_refused, too_many};
use crate::app::App;
use crate::console::{VERSION, page, query};
use crate::http::failure::Outcome;
use crate::sign_in::begin::{Beginning, begin};
use crate::sign_in::caller::Caller;
use crate::sign_in::steps::{self, Kind};
use crate::sign_in::throttle::Attempt;
use crate::sign_in::{code, recovery};
use crate::store::Change;
use crate::store::entities::{passkey, person, person_app, sign_in_step};

#[derive(Template)]
#[template(path = "sign_in/second.html")]
struct Second<'a> {
    version: &'a str,
    theme: &'a str,
    has_app: bool,
    has_passkey: bool,
    wrong: Option<String>,
}

/// It took too long, was tried too often, or nobody began it here.
pub(super) fn begin_again(next: &str) -> Response {
    Redirect::to(&format!("/sign-in{}", query([("why", "late"), ("next", next)]))).into_response()
}

/// The step that this browser is at, with its person, where they may still sign in.
pub(super) async fn at(app: &App, caller: &Caller) -> Outcome<Option<(sign_in_step::Model, person::Model)>> {
    let pool = &app.store.pool;
    let Some(step) = steps::read(pool, caller.step, Kind::Second, app.clock.now()).await? else { return Ok(None) };
    let person = person::Entity::find_by_id(step.person.as_deref().unwrap_or_default()).one(pool).await?;
    Ok(person.filter(|person| person.enabled).map(|person| (step, person)))
}

async fn shown(app: &App, caller: &Caller, person: &person::Model, wrong: Option<String>) -> Outcome<Response> {
    let pool = &app.store.pool;
    let keys = passkey::Entity::find().filter(passkey::Column::Person.eq(&person.id)).count(pool).await?;
    let has_app = person_app::Entity::find_by_id(&person.id).one(pool).await?.is_some();
    page(&Second { version: &VERSION, theme: caller.theme, has_app, has_passkey: keys > 0, wrong })
}

/// The page again, with what was wrong.
pub(super) async fn wrong_at_second(
    app: &App,
    caller: &Caller,
    person: &person::Model,
    (code, wrong): (StatusCode, String),
) -> Outcome<Response> {
    Ok((code, shown(app, caller, person, Some(wrong)).await?).into_response())
}

pub(super) async fn show(State(app): State<App>, caller: Caller) -> Outcome<Response> {
    match at(&app, &caller).await? {
        Some((_, person)) => shown(&app, &caller, &person, None).await,
        None => Ok(begin_again("")),
    }
}

#[derive(Deserialize)]
pub(super) struct Fields {
    code: String,
}

pub(super) async fn answer(State(app): State<App>, caller: Caller, Form(fields): Form<Fields>) -> Outcome<Response> {
    let Some((step, person)) = at(&app, &caller).await? else { return Ok(begin_again("")) };
    // Whoever is here knows the password; only they, and nobody without it, can use these attempts up.
    let account = format!("second {}", person.id);
    let (by_account, by_address) = rates(&app);
    let attempt = Attempt { account: &account, address: &caller.address, by_account, by_address };
    if let Err(failure) = app.sign_in.throttle.take(&attempt, app.clock.now()) {
        let again = wrong_at_second(&app, &caller, &person, (StatusCode::TOO_MANY_REQUESTS, failure.words())).await?;
        return too_many(again, failure);
    }
    let change = Change::begin(&app).await?;
    let Some((way, known_by)) = right(&change, &person, &fields.code).await? else {
        steps::wrong(&change, &step).await?;
        record_refused(&change, PersonId::parse(&person.id)?, "code", &caller.address).await?;
        change.commit().await?;
        let words = "This code is not right, or it was used. Wait for the next one; the computer's and the phone's clocks must agree.";
        return wrong_at_second(&app, &caller, &person, (StatusCode::UNPROCESSABLE_ENTITY, words.into())).await;
    };
    if !steps::take(&change, &step).await? {
        return Ok(begin_again(&step.next));
    }
    app.sign_in.throttle.give_back(&attempt);
    let beginning = Beginning { person, way, known_by: both(step.known_by, known_by), next: &step.next };
    begin(change, &caller, beginning).await
}

/// Uses up what was typed, where it is right: how that is called, and who else knows it.
async fn right(change: &Change, person: &person::Model, typed: &str) -> Outcome<Option<(Way, Option<String>)>> {
    let row = person_app::Entity::find_by_id(&person.id).one(change.tx()).await?;
    if let Some(row) = row {
        let shared = code::shared(&change.app, &person.id, &person.name, &row.salt)?;
        if let Some(step) = code::step(&shared, typed, change.now) {
            let fresh = code::use_up(change, &person.id, step).await?;
            return Ok(fresh.then_some((Way::PasswordAndCode, row.known_by)));
        }
    }
    let used = recovery::use_up(change, &person.id, typed).await?;
    Ok(used.map(|known_by| (Way::PasswordAndRecoveryCode, known_by)))
}

/// Whoever knows both factors could have signed in; whoever knows one could not.
pub(super) fn both(one: Option<String>, other: Option<String>) -> Option<String> {
    if one == other { one } else { None }
}
