//! Signing in by a one-time link: looking at the page uses nothing up, its single button does.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_core::time::Length;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::assets::VERSION;
use super::{page, theme};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::{COOKIE, hash, identify_cookie, session_secret};
use crate::store::Change;
use crate::store::entities::{console_session, person, sign_in};

const LIVES: Length = Length::from_hours(12);

#[derive(Template)]
#[template(path = "console/sign_in_link.html")]
struct Page<'a> {
    version: &'a str,
    theme: &'a str,
    works: bool,
    name: &'a str,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Door<'a> {
    version: &'a str,
    theme: &'a str,
}

/// Where whoever is not signed in is led.
pub(super) async fn door(headers: HeaderMap) -> Outcome<Response> {
    page(&Door { version: &VERSION, theme: theme::of(&headers) })
}

pub(super) async fn show(State(app): State<App>, Path(secret): Path<String>) -> Outcome<Response> {
    let row = sign_in::Entity::find_by_id(hash(&secret).to_string()).one(&app.store.pool).await?;
    let row = row.filter(|row| !row.used && row.expires > app.clock.now().millis());
    let person = match row {
        Some(row) => person::Entity::find_by_id(&row.person).one(&app.store.pool).await?.filter(|person| person.enabled),
        None => None,
    };
    match person {
        Some(person) => page(&Page { version: &VERSION, theme: "auto", works: true, name: &person.name }),
        None => dead_link(),
    }
}

fn dead_link() -> Outcome<Response> {
    let mut response = page(&Page { version: &VERSION, theme: "auto", works: false, name: "" })?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

pub(super) async fn sign_in(State(app): State<App>, Path(secret): Path<String>) -> Outcome<Response> {
    let change = Change::begin(&app).await?;
    let hashed = hash(&secret).to_string();
    let used = sign_in::Entity::update_many()
        .col_expr(sign_in::Column::Used, Expr::value(true))
        .filter(sign_in::Column::Hash.eq(&hashed))
        .filter(sign_in::Column::Used.eq(false))
        .filter(sign_in::Column::Expires.gt(change.now.millis()))
        .exec(change.tx())
        .await?;
    let row = sign_in::Entity::find_by_id(&hashed).one(change.tx()).await?;
    let Some(row) = row.filter(|_| used.rows_affected == 1) else { return dead_link() };
    let person = person::Entity::find_by_id(&row.person).one(change.tx()).await?.filter(|person| person.enabled);
    let Some(person) = person else { return dead_link() };
    let cookie = clock::secret()?;
    console_session::Entity::delete_many().filter(console_session::Column::Expires.lt(change.now.millis())).exec(change.tx()).await?;
    let session = console_session::ActiveModel {
        hash: Set(hash(&cookie).to_string()),
        person: Set(person.id.clone()),
        created: Set(change.now.millis()),
        expires: Set(change.now.plus(LIVES).millis()),
        made_by: Set(row.made_by.clone()),
    };
    console_session::Entity::insert(session).exec_without_returning(change.tx()).await?;
    let actor = Actor::signed_in(person.clone())?;
    let mut event = NewEvent::new("person.signed_in", format!("{:?} signed in by a link", person.name), &serde_json::json!({}))?;
    event.person = Some(actor.person.clone());
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    with_cookie(&format!("{COOKIE}={cookie}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}", LIVES.seconds()))
}

fn with_cookie(cookie: &str) -> Outcome<Response> {
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(cookie).map_err(Failure::internal)?);
    Ok(response)
}

pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Outcome<Response> {
    let actor = identify_cookie(&app, &headers).await?;
    let secret = session_secret(&headers).unwrap_or_default();
    let change = Change::begin(&app).await?;
    console_session::Entity::delete_by_id(hash(secret).to_string()).exec(change.tx()).await?;
    let mut event = NewEvent::new("person.signed_out", format!("{:?} signed out", actor.name), &serde_json::json!({}))?;
    event.person = Some(actor.person.clone());
    record(&change, By::Person(&actor), event).await?;
    change.commit().await?;
    with_cookie(&format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"))
}
