//! A sign-in that is complete: a new secret, whatever the browser held before.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::sign_in::Way;
use brevet_core::digest::Digest;
use brevet_core::id::SignInId;
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use super::caller::Caller;
use super::{device, steps, where_signed_in};
use crate::access::Actor;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::console::theme::local;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::{COOKIE, hash};
use crate::store::Change;
use crate::store::entities::{console_session, person};

/// Who signed in, and how.
pub(super) struct Beginning<'a> {
    pub person: person::Model,
    pub way: Way,
    /// Who else could have done it.
    pub known_by: Option<String>,
    /// Where to go now; nowhere but in the console.
    pub next: &'a str,
}

/// Begins it, with its event, and leads on.
///
/// # Errors
/// When the database does not take it; then nobody is signed in.
pub(super) async fn begin(change: Change, caller: &Caller, beginning: Beginning<'_>) -> Outcome<Response> {
    let Beginning { person, way, known_by, next } = beginning;
    let (secret, id) = (clock::secret()?, clock::id(SignInId::new, change.now)?);
    let longest = change.app.config.sign_in.longest;
    // INVARIANT: what the browser held before, whoever put it there, is not signed in any more.
    if let Some(before) = caller.session {
        console_session::Entity::delete_by_id(before.to_string()).exec(change.tx()).await?;
    }
    where_signed_in::make_room(change.tx(), &person.id, change.now).await?;
    let row = console_session::ActiveModel {
        hash: Set(hash(&secret).to_string()),
        person: Set(person.id.clone()),
        created: Set(change.now.millis()),
        expires: Set(change.now.plus(longest).millis()),
        made_by: Set(known_by.clone()),
        id: Set(id.to_string()),
        way: Set(way.name().into()),
        seen: Set(change.now.millis()),
        address: Set(caller.address.clone()),
        browser: Set(caller.browser.clone()),
    };
    console_session::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let mark = device::mark(&change.app, &person.id, change.now)?;
    let actor = Actor::signed_in(person)?;
    let said = serde_json::json!({ "sign_in": id, "way": way, "address": caller.address, "known_by": known_by });
    let mut event = NewEvent::new("person.signed_in", format!("{:?} signed in {}", actor.name, way.words()), &said)?;
    event.person = Some(actor.person.clone());
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    let mut response = Redirect::to(local(next)).into_response();
    set_cookie(&mut response, COOKIE, &secret, longest.seconds())?;
    set_cookie(&mut response, device::COOKIE, &mark, device::LIVES.seconds())?;
    set_cookie(&mut response, steps::COOKIE, "", 0)?;
    Ok(response)
}

/// A cookie of ours: for this host alone, never for a script, never with what another site sends.
pub(super) fn set_cookie(response: &mut Response, name: &str, value: &str, seconds: u64) -> Outcome<()> {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_str(&text).map_err(Failure::internal)?);
    Ok(())
}

/// A fresh secret for a step: what the browser keeps, and the key here.
pub(super) fn step_secret() -> Outcome<(String, Digest)> {
    let secret = clock::secret()?;
    let key = hash(&secret);
    Ok((secret, key))
}
