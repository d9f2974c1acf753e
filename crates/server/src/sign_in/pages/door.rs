//! The door: name and password, which lead to the second factor. Unknown names, wrong passwords and persons without a second factor are
//! answered with the same words in the same time.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_core::id::PersonId;
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde::Deserialize;

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::console::{VERSION, filters, page};
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::begin::{set_cookie, step_secret};
use crate::sign_in::caller::Caller;
use crate::sign_in::steps::{self, Kind, Step};
use crate::sign_in::throttle::{Attempt, Rate};
use crate::sign_in::{device, passkey, password};
use crate::store::Change;
use crate::store::entities::{passkey as key, person, person_app, person_password};

#[derive(Template)]
#[template(path = "sign_in/door.html")]
struct Door<'a> {
    version: &'a str,
    theme: &'a str,
    name: &'a str,
    next: &'a str,
    why: Option<&'a str>,
    wrong: Option<String>,
    passkeys: bool,
    single: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
    why: String,
}

/// Why somebody is here, where an address says it by a word.
fn words(why: &str) -> Option<&'static str> {
    Some(match why {
        "again" => "To change how you sign in, sign in once more.",
        "late" => "That took too long, or was tried too often. Begin again.",
        "out" => "You are signed out.",
        _ => return None,
    })
}

pub(super) async fn show(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Outcome<Response> {
    let (why, passkeys) = (words(&asked.why), passkey::possible(&app));
    page(&Door { version: &VERSION, theme: caller.theme, name: "", next: &asked.next, why, wrong: None, passkeys, single: single(&app) })
}

/// What the provider of single sign-on is called, where there is one.
fn single(app: &App) -> Option<&str> {
    app.config.openid.as_ref().map(|openid| openid.name.as_str())
}

/// The door again, with what was wrong.
pub(super) fn wrong_at_door(caller: &Caller, name: &str, next: &str, (code, wrong): (StatusCode, String), app: &App) -> Outcome<Response> {
    let passkeys = passkey::possible(app);
    let single = single(app);
    let door = Door { version: &VERSION, theme: caller.theme, name, next, why: None, wrong: Some(wrong), passkeys, single };
    Ok((code, page(&door)?).into_response())
}

#[derive(Deserialize)]
pub(super) struct Fields {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// What the configuration allows.
pub(super) fn rates(app: &App) -> (Rate, Rate) {
    let set = &app.config.sign_in;
    (Rate { attempts: set.account_attempts, every: set.account_every }, Rate { attempts: set.address_attempts, every: set.address_every })
}

pub(super) async fn sign_in(State(app): State<App>, caller: Caller, Form(fields): Form<Fields>) -> Outcome<Response> {
    let name = fields.name.trim();
    let person = enabled(&app, name).await?;
    // Whoever is not there is looked for in the same places.
    let id = person.as_ref().map(|person| person.id.clone()).unwrap_or_default();
    let id = id.as_str();
    let mark = caller.device.as_deref().and_then(|mark| device::account(&app, mark, id, app.clock.now()));
    let account = mark.unwrap_or_else(|| format!("name {name}"));
    let (by_account, by_address) = rates(&app);
    let attempt = Attempt { account: &account, address: &caller.address, by_account, by_address };
    let again = |code: StatusCode, wrong: String| wrong_at_door(&caller, name, &fields.next, (code, wrong), &app);
    if let Err(failure) = app.sign_in.throttle.take(&attempt, app.clock.now()) {
        return too_many(again(StatusCode::TOO_MANY_REQUESTS, failure.words())?, failure);
    }
    let kept = person_password::Entity::find_by_id(id).one(&app.store.pool).await?;
    let has_app = person_app::Entity::find_by_id(id).one(&app.store.pool).await?.is_some();
    let keys = key::Entity::find().filter(key::Column::Person.eq(id)).count(&app.store.pool).await?;
    let known_by = kept.as_ref().and_then(|kept| kept.known_by.clone());
    let right = password::is_right(&app, kept.map(|kept| kept.hash), &fields.password).await?;
    let Some(person) = person.filter(|_| right && (has_app || keys > 0)) else {
        note_refused(&app, id, &caller.address);
        return again(StatusCode::UNPROCESSABLE_ENTITY, "Name or password is wrong, or no second factor is set up.".into());
    };
    app.sign_in.throttle.give_back(&attempt);
    let (secret, key) = step_secret()?;
    let change = Change::begin(&app).await?;
    let step = Step { kind: Kind::Second, person: Some(person.id), state: String::new(), known_by, next: fields.next };
    steps::put(&change, key, step).await?;
    change.commit().await?;
    let mut response = Redirect::to("/sign-in/second").into_response();
    set_cookie(&mut response, steps::COOKIE, &secret, steps::LIVES.seconds())?;
    Ok(response)
}

/// The page, with when to try again.
pub(super) fn too_many(mut response: Response, failure: Failure) -> Outcome<Response> {
    if let Some(seconds) = failure.into_response().headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.clone());
    }
    Ok(response)
}

async fn enabled(app: &App, name: &str) -> Outcome<Option<person::Model>> {
    // No name has such a character, and a database may not take it.
    let name = if name.contains('\0') { "" } else { name };
    let found = person::Entity::find().filter(person::Column::Name.eq(name)).filter(person::Column::Enabled.eq(true));
    Ok(found.one(&app.store.pool).await?)
}

/// Records it while nobody waits, so that the answer takes as long for a name that nobody has; what was typed as a name is not recorded.
fn note_refused(app: &App, id: &str, address: &str) {
    let Ok(person) = PersonId::parse(id) else { return };
    let (app, address) = (app.clone(), address.to_owned());
    tokio::spawn(async move {
        if let Err(failure) = refused(&app, person, "password", &address).await {
            tracing::warn!("a refused sign-in was not recorded: {failure:?}");
        }
    });
}

async fn refused(app: &App, person: PersonId, step: &str, address: &str) -> Outcome<()> {
    let change = Change::begin(app).await?;
    record_refused(&change, person, step, address).await?;
    Ok(change.commit().await?)
}

/// The event that somebody was not let in as this person.
pub(super) async fn record_refused(change: &Change, person: PersonId, step: &str, address: &str) -> Outcome<()> {
    let row = person::Entity::find_by_id(person.as_str()).one(change.tx()).await?.ok_or_else(|| Failure::internal("no person"))?;
    let said = serde_json::json!({ "step": step, "address": address });
    let mut event = NewEvent::new("person.sign_in_refused", format!("a sign-in as {:?} was refused: wrong {step}", row.name), &said)?;
    event.person = Some(person);
    record(change, By::Server, event).await
}
