//! Who is calling: an API token, or the console's cookie. Secrets are looked up by their hash and never stored in clear.

use axum::http::{HeaderMap, header};
use brevet_api::rest::{Code, TOKEN_PREFIX};
use brevet_core::digest::{Digest, Fields};
use brevet_core::id::{PersonId, TokenId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, QueryFilter as _};

use super::failure::{Failure, Outcome};
use crate::access::{Actor, Scopes, roles_from_text};
use crate::app::App;
use crate::store::entities::{console_session, person, token};

/// The console's cookie.
pub const COOKIE: &str = "__Host-brevet";

/// How a secret is kept: secrets have 256 random bits, so a plain hash is enough.
#[must_use]
pub fn hash(secret: &str) -> Digest {
    Fields::new("brevet secret 1").text(secret).finish()
}

/// The text of an API token, where one was sent.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    text.strip_prefix("Bearer ").filter(|t| t.starts_with(TOKEN_PREFIX) && t.len() < 200)
}

/// Who is calling.
///
/// # Errors
/// `unauthenticated` when nobody that we know.
pub async fn identify(app: &App, headers: &HeaderMap) -> Outcome<Actor> {
    let unknown = || Failure::new(Code::Unauthenticated).hint("send Authorization: Bearer brv_…");
    let secret = bearer(headers).ok_or_else(unknown)?;
    let row = token::Entity::find().filter(token::Column::Hash.eq(hash(secret).to_string())).one(&app.store.pool).await?;
    let row = row.ok_or_else(|| unknown().because("there is no such token here"))?;
    // Whoever has its text is no stranger: what became of it tells them nothing about anybody else.
    if row.revoked {
        return Err(unknown().because("this token was revoked"));
    }
    if row.expires <= app.clock.now().millis() {
        return Err(unknown().because(format!("this token expired at {}", Timestamp::from_millis(row.expires))));
    }
    let person = enabled_person(app, &row.person).await?.ok_or_else(|| unknown().because("this token's person is disabled"))?;
    touch(app, &row);
    let own = roles_from_text(&person.roles);
    let roles = roles_from_text(&row.roles).into_iter().filter(|role| own.contains(role)).collect();
    Ok(Actor {
        person: PersonId::parse(&person.id)?,
        name: person.name,
        roles,
        scopes: Scopes::from_text(&person.scopes)?.narrowed(&Scopes::from_text(&row.scopes)?),
        token: Some(TokenId::parse(&row.id)?),
        decides: row.decides,
        known_by: row.made_by.as_deref().map(PersonId::parse).transpose()?,
    })
}

/// The secret of a sign-in to the console, where one was sent.
#[must_use]
pub fn session_secret(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// A cookie by its name. HTTP/2 brings each in a line of its own.
#[must_use]
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';'));
    lines.find_map(|one| one.trim().strip_prefix(name)?.strip_prefix('='))
}

async fn console_session<C: ConnectionTrait>(connection: &C, headers: &HeaderMap) -> Outcome<Option<console_session::Model>> {
    let Some(secret) = session_secret(headers) else { return Ok(None) };
    Ok(console_session::Entity::find_by_id(hash(secret).to_string()).one(connection).await?)
}

/// Who is signed in to the console.
///
/// # Errors
/// `unauthenticated` when nobody.
pub async fn identify_cookie(app: &App, headers: &HeaderMap) -> Outcome<Actor> {
    Ok(identify_signed_in(app, headers).await?.0)
}

/// The same, with where they are signed in.
///
/// # Errors
/// `unauthenticated` when nobody.
pub(crate) async fn identify_signed_in(app: &App, headers: &HeaderMap) -> Outcome<(Actor, console_session::Model)> {
    let unknown = || Failure::new(Code::Unauthenticated);
    let row = console_session(&app.store.pool, headers).await?;
    let row = row.filter(|row| crate::sign_in::lives(app, row, app.clock.now())).ok_or_else(unknown)?;
    let person = enabled_person(app, &row.person).await?.ok_or_else(unknown)?;
    let known_by = row.made_by.as_deref().map(PersonId::parse).transpose()?;
    Ok((Actor { known_by, ..Actor::signed_in(person)? }, row))
}

/// Somebody asked for a page: remembered to the minute, and waiting for nobody who writes.
pub(crate) fn seen(app: &App, row: &console_session::Model) {
    let now = app.clock.now();
    if row.seen >= now.minus(Length::from_minutes(1)).millis() {
        return;
    }
    let (app, hash) = (app.clone(), row.hash.clone());
    tokio::spawn(async move {
        if let Err(failure) = looked(&app, &hash, now).await {
            tracing::warn!("the use of a sign-in was not remembered: {failure:?}");
        }
    });
}

async fn looked(app: &App, hash: &str, now: Timestamp) -> Outcome<()> {
    let change = crate::store::Change::begin(app).await?;
    console_session::Entity::update_many()
        .col_expr(console_session::Column::Seen, Expr::value(now.millis()))
        .filter(console_session::Column::Hash.eq(hash))
        .exec(change.tx())
        .await?;
    Ok(change.commit().await?)
}

impl Actor {
    /// A person with everything that is theirs, without a token.
    ///
    /// # Errors
    /// When their row cannot be read.
    pub fn signed_in(person: person::Model) -> Outcome<Self> {
        Ok(Self {
            person: PersonId::parse(&person.id)?,
            name: person.name,
            roles: roles_from_text(&person.roles),
            scopes: Scopes::from_text(&person.scopes)?,
            token: None,
            decides: true,
            known_by: None,
        })
    }
}

async fn enabled_person(app: &App, id: &str) -> Outcome<Option<person::Model>> {
    Ok(person::Entity::find_by_id(id).one(&app.store.pool).await?.filter(|person| person.enabled))
}

/// Remembers the use to the minute, so that reading does not become writing, and waits for nobody who writes.
fn touch(app: &App, row: &token::Model) {
    let now = app.clock.now();
    let minute_ago = now.minus(Length::from_minutes(1)).millis();
    if row.last_used.is_some_and(|used| used >= minute_ago) {
        return;
    }
    let (app, id) = (app.clone(), row.id.clone());
    tokio::spawn(async move {
        if let Err(failure) = used(&app, &id, now).await {
            tracing::warn!("the use of a token was not remembered: {failure:?}");
        }
    });
}

async fn used(app: &App, id: &str, now: Timestamp) -> Outcome<()> {
    let change = crate::store::Change::begin(app).await?;
    token::Entity::update_many()
        .col_expr(token::Column::LastUsed, Expr::value(now.millis()))
        .filter(token::Column::Id.eq(id).and(token::Column::Revoked.eq(false)))
        .exec(change.tx())
        .await?;
    Ok(change.commit().await?)
}
