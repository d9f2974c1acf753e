//! Signing out: the sign-in ends here, not only in the browser.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};

use sea_orm::EntityTrait as _;

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::Outcome;
use crate::http::signed_in::{COOKIE, hash, identify_cookie, session_secret};
use crate::sign_in::begin::set_cookie;
use crate::store::Change;
use crate::store::entities::console_session;

pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Outcome<Response> {
    let actor = identify_cookie(&app, &headers).await?;
    let secret = session_secret(&headers).unwrap_or_default();
    let change = Change::begin(&app).await?;
    console_session::Entity::delete_by_id(hash(secret).to_string()).exec(change.tx()).await?;
    let mut event = NewEvent::new("person.signed_out", format!("{:?} signed out", actor.name), &serde_json::json!({}))?;
    event.person = Some(actor.person.clone());
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    let mut response = Redirect::to("/sign-in?why=out").into_response();
    set_cookie(&mut response, COOKIE, "", 0)?;
    Ok(response)
}
