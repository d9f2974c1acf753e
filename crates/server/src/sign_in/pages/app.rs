//! Setting an authenticator app up: the secret is shown, and counts when the app's first code was right; recovery codes come with it.

use askama::Template;
use axum::Form as Posted;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_core::digest::{Digest, Fields as Hashed};
use sea_orm::{ActiveValue::Set, EntityTrait as _};
use serde::Deserialize;
use totp_rs::Totp;

use super::account::{done, own_row, too_late};
use crate::clock;
use crate::console::{Place, Shell, Visitor, page};
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::routes::said;
use crate::sign_in::steps::{self, Kind, Step};
use crate::sign_in::{code, credentials, recovery, where_signed_in};
use crate::store::Change;
use crate::store::entities::person_app;

#[derive(Template)]
#[template(path = "sign_in/app.html")]
struct SetUp {
    shell: Shell,
    /// In groups of four, to type.
    secret: String,
    address: String,
    size: i32,
    path: String,
    wrong: bool,
}

#[derive(Template)]
#[template(path = "sign_in/codes.html")]
struct Codes {
    shell: Shell,
    codes: Vec<String>,
}

/// What is begun belongs to this sign-in alone.
pub(super) fn own_key(visitor: &Visitor, what: &str) -> Digest {
    Hashed::new("brevet own step 1").text(&visitor.signed.hash).text(what).finish()
}

pub(super) async fn begin(visitor: Visitor) -> Outcome<Response> {
    if let Some(response) = too_late(&visitor).await? {
        return Ok(response);
    }
    let salt = clock::secret()?;
    let change = Change::begin(&visitor.app).await?;
    let person = visitor.actor.person.to_string();
    let step = Step { kind: Kind::App, person: Some(person), state: salt.clone(), known_by: None, next: String::new() };
    steps::put(&change, own_key(&visitor, "app"), step).await?;
    change.commit().await?;
    shown(&visitor, &salt, false)
}

fn totp(visitor: &Visitor, salt: &str) -> Outcome<Totp> {
    code::shared(&visitor.app, visitor.actor.person.as_str(), &visitor.actor.name, salt)
}

fn shown(visitor: &Visitor, salt: &str, wrong: bool) -> Outcome<Response> {
    let totp = totp(visitor, salt)?;
    let address = totp.to_url().map_err(|error| Failure::internal(error.to_string()))?;
    let (size, path) = code::picture(&address)?;
    let letters: Vec<char> = totp.secret().to_base32().chars().filter(|c| *c != '=').collect();
    let secret = letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ");
    page(&SetUp { shell: visitor.shell(Place::Nowhere, "Set up an authenticator app"), secret, address, size, path, wrong })
}

#[derive(Deserialize)]
pub(super) struct Typed {
    code: String,
}

pub(super) async fn confirm(visitor: Visitor, Posted(typed): Posted<Typed>) -> Outcome<Response> {
    let now = visitor.app.clock.now();
    let key = own_key(&visitor, "app");
    let Some(step) = steps::read(&visitor.app.store.pool, Some(key), Kind::App, now).await? else { return done("too-late") };
    let Some(used) = code::step(&totp(&visitor, &step.state)?, &typed.code, now) else {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&visitor, &step.state, true)?).into_response());
    };
    let change = Change::begin(&visitor.app).await?;
    let row = own_row(&change, &visitor.actor.person).await?;
    if !steps::take(&change, &step).await? {
        return done("too-late");
    }
    person_app::Entity::delete_by_id(&row.id).exec(change.tx()).await?;
    let known_by = credentials::knower(change.tx(), &visitor).await?;
    let new = person_app::ActiveModel {
        person: Set(row.id.clone()),
        salt: Set(step.state),
        since: Set(change.now.millis()),
        last_step: Set(used),
        known_by: Set(known_by.clone()),
    };
    person_app::Entity::insert(new).exec_without_returning(change.tx()).await?;
    let codes = recovery::make(&change, &row.id, known_by.as_deref()).await?;
    let ended = where_signed_in::end_all(&change, &row.id, Some(&visitor.signed.id)).await?;
    let body = serde_json::json!({ "ended": ended, "known_by": known_by });
    let words = format!("{:?} set up an authenticator app", row.name);
    said(&change, &visitor.actor, ("person.app_set_up", words), &body, &row).await?;
    change.commit().await?;
    page(&Codes { shell: visitor.shell(Place::Nowhere, "Your recovery codes"), codes })
}

pub(super) async fn recovery_codes(visitor: Visitor) -> Outcome<Response> {
    if let Some(response) = too_late(&visitor).await? {
        return Ok(response);
    }
    let change = Change::begin(&visitor.app).await?;
    let row = own_row(&change, &visitor.actor.person).await?;
    if person_app::Entity::find_by_id(&row.id).one(change.tx()).await?.is_none() {
        return Err(Failure::new(brevet_api::rest::Code::WrongState).because("recovery codes come with an authenticator app"));
    }
    let known_by = credentials::knower(change.tx(), &visitor).await?;
    let codes = recovery::make(&change, &row.id, known_by.as_deref()).await?;
    let words = format!("{:?} made new recovery codes", row.name);
    let body = serde_json::json!({ "known_by": known_by });
    said(&change, &visitor.actor, ("person.recovery_codes_made", words), &body, &row).await?;
    change.commit().await?;
    page(&Codes { shell: visitor.shell(Place::Nowhere, "Your recovery codes"), codes })
}
