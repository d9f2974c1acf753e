//! A token of one's own, made by whoever is signed in: nobody else has seen it, so it counts as theirs alone where two persons are
//! needed, unless somebody else was shown the link that signed them in.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use brevet_core::time::{Length, Timestamp};

use super::{Place, Shell, Visitor, filters, page};
use crate::access::Action;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::tokens::store::{New, create};

const LIVES: Length = Length::from_hours(30 * 24);

#[derive(Template)]
#[template(path = "console/token.html")]
struct Page {
    shell: Shell,
    token: String,
    expires: Timestamp,
}

pub(super) async fn make(visitor: Visitor) -> Outcome<Response> {
    let (app, actor) = (&visitor.app, &visitor.actor);
    if !actor.may(Action::OwnTokens) {
        return Err(Failure::new(brevet_api::rest::Code::Forbidden));
    }
    visitor.admit()?;
    let change = Change::begin(app).await?;
    let new = New {
        name: "made in the console".into(),
        person: actor.person.clone(),
        roles: actor.roles.clone(),
        scopes: actor.scopes.clone(),
        decides: true,
        lives: LIVES,
        made_by: actor.known_by.clone(),
    };
    let (id, token) = create(&change, &new).await?;
    let expires = change.now.plus(LIVES);
    let said =
        serde_json::json!({ "id": id, "name": new.name, "roles": new.roles, "scopes": new.scopes.0, "decides": true, "expires": expires });
    let mut event = NewEvent::new("person.token_created", format!("{:?} made a token in the console", actor.name), &said)?;
    event.person = Some(actor.person.clone());
    record(&change, By::Person(actor), event).await?;
    change.commit().await?;
    let mut response = page(&Page { shell: visitor.shell(Place::Nowhere, "A token of your own"), token, expires })?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
