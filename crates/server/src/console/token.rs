//! A token of one's own, made by whoever is signed in: nobody else has seen it, so it counts as theirs alone where two persons are
//! needed, unless somebody else was shown the link that signed them in.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use brevet_core::time::{Length, Timestamp};

use super::page;
use crate::access::Action;
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::{identify_cookie, signed_in_by};
use crate::store::Change;
use crate::tokens::store::{New, create};

const LIVES: Length = Length::from_hours(30 * 24);

#[derive(Template)]
#[template(path = "token.html")]
struct Page {
    name: String,
    token: String,
    expires: Timestamp,
}

/// The cookie is sent with no call that another site makes (`SameSite=Strict`), so this one was meant.
pub(super) async fn make(State(app): State<App>, headers: HeaderMap) -> Outcome<Response> {
    let actor = identify_cookie(&app, &headers).await?;
    if !actor.may(Action::OwnTokens) {
        return Err(Failure::new(brevet_api::rest::Code::Forbidden));
    }
    let change = Change::begin(&app).await?;
    let new = New {
        name: "made in the console".into(),
        person: actor.person.clone(),
        roles: actor.roles.clone(),
        scopes: actor.scopes.clone(),
        decides: true,
        lives: LIVES,
        made_by: signed_in_by(&change, &headers).await?,
    };
    let (id, token) = create(&change, &new).await?;
    let expires = change.now.plus(LIVES);
    let said =
        serde_json::json!({ "id": id, "name": new.name, "roles": new.roles, "scopes": new.scopes.0, "decides": true, "expires": expires });
    let mut event = NewEvent::new("person.token_created", format!("{:?} made a token in the console", actor.name), &said)?;
    event.person = Some(actor.person.clone());
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    let mut response = page(&Page { name: actor.name, token, expires })?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
