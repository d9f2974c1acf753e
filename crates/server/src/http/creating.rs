//! Calls that create, or that must not be done twice by mistake: `Location`, and `Idempotency-Key`.
//!
//! The same key and body within a day give the same answer and are done once: of two at a time one runs and the other is told so.
//! INVARIANT: the key is marked as done in the transaction that creates (`store::once`), so no crash and no race does it twice.
//! An answer that holds a secret is never kept: its repetition is told that it was done.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_core::digest::{Digest, Fields};
use brevet_core::time::Length;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use tracing::Instrument as _;

use super::extract::{MAX_BODY, read_body};
use super::failure::{Failure, Outcome};
use crate::access::Actor;
use crate::app::App;
use crate::clock::secret;
use crate::store::entities::idempotency::{ActiveModel, Column, Entity, Model};
use crate::store::once::{DONE, RUNNING, Running, UNKEPT};
use crate::store::{Change, once};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEPT: Length = Length::from_hours(24);
/// After so long a call that is still marked as running was lost with its process: nothing of it was made durable.
const LOST: Length = Length::from_minutes(2);

pub(super) async fn layer(State((app, secret)): State<(App, bool)>, request: Request, next: Next) -> Response {
    let place = request.extensions().get::<OriginalUri>().map_or_else(|| request.uri().path().to_owned(), |uri| uri.path().to_owned());
    let answered = match key_of(request.headers()) {
        Ok(None) => Ok(next.run(request).await),
        Ok(Some(key)) => keyed(&app, &key, secret, request, next).await,
        Err(failure) => Err(failure),
    };
    match answered {
        Ok(response) => with_location(response, &place).await,
        Err(failure) => failure.into_response(),
    }
}

fn key_of(headers: &HeaderMap) -> Outcome<Option<String>> {
    let wrong = || Failure::new(Code::Malformed).because("an Idempotency-Key has 1 to 200 visible ASCII characters, and is there once");
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong())?;
    let plain = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && values.next().is_none() { Ok(Some(text.to_owned())) } else { Err(wrong()) }
}

async fn keyed(app: &App, key: &str, secret: bool, request: Request, next: Next) -> Outcome<Response> {
    let who = request.extensions().get::<Actor>().ok_or_else(|| Failure::new(Code::Unauthenticated))?;
    let token = who.token.as_ref().map(ToString::to_string).unwrap_or_default();
    let fields = Fields::new("brevet idempotency 2").text(who.person.as_str()).text(&token);
    let key = fields.text(request.uri().path()).text(key).finish().to_string();
    let (parts, body) = request.into_parts();
    let body = read_body(app, body).await?;
    let running = match reserve(app, key, &Digest::of(&body).to_string()).await? {
        Reserved::Ours(running) => running,
        Reserved::Kept(row) => return Ok(kept(row)),
    };
    // A client that goes away must not leave it half done and the key taken: it runs to its end in any case.
    let call = next.run(Request::from_parts(parts, Body::from(body)));
    let call = tokio::spawn(once::within(running.clone(), call).instrument(tracing::Span::current()));
    let response = match call.await {
        Ok(response) => response,
        Err(error) => {
            settle(app, &running, None).await?;
            return Err(Failure::internal(error));
        }
    };
    if !response.status().is_success() {
        settle(app, &running, None).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_BODY).await.map_err(Failure::internal)?;
    let etag = parts.headers.get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let keep = Answer { status: parts.status, etag, body: (!secret).then(|| bytes.clone()) };
    settle(app, &running, Some(keep)).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

enum Reserved {
    /// Nobody had the key: the call runs under it.
    Ours(Running),
    /// It was done; this is the answer.
    Kept(Model),
}

async fn reserve(app: &App, key: String, body_hash: &str) -> Outcome<Reserved> {
    let change = Change::begin(app).await?;
    Entity::delete_many().filter(Column::Created.lte(change.now.minus(KEPT).millis())).exec(change.tx()).await?;
    let running = Running { key: key.clone(), owner: secret()? };
    let busy = || Failure::new(Code::IdempotencyRunning).because("a call with this idempotency key is running").retry_after(1);
    let taken = match Entity::find_by_id(&key).one(change.tx()).await? {
        Some(row) if row.body_hash != body_hash => return Err(Failure::new(Code::IdempotencyMismatch)),
        Some(row) if row.status <= DONE && row.created > change.now.minus(LOST).millis() => return Err(busy()),
        Some(row) if row.status == DONE || row.status == UNKEPT => {
            let hint = "look whether it is there; to have a secret that was shown once, revoke it and make another with a new key";
            return Err(Failure::new(Code::AlreadyDone).hint(hint));
        }
        Some(row) if row.status != RUNNING => return Ok(Reserved::Kept(row)),
        Some(row) => {
            let update = Entity::update_many()
                .col_expr(Column::Owner, Expr::value(running.owner.clone()))
                .col_expr(Column::Created, Expr::value(change.now.millis()))
                .filter(Column::Key.eq(&key))
                .filter(Column::Owner.eq(row.owner))
                .filter(Column::Status.eq(RUNNING));
            update.exec(change.tx()).await?.rows_affected
        }
        None => {
            let row = ActiveModel {
                key: Set(key),
                body_hash: Set(body_hash.to_owned()),
                status: Set(RUNNING),
                etag: Set(None),
                answer: Set(String::new()),
                created: Set(change.now.millis()),
                owner: Set(running.owner.clone()),
            };
            let first = OnConflict::column(Column::Key).do_nothing().to_owned();
            Entity::insert(row).on_conflict(first).exec_without_returning(change.tx()).await?
        }
    };
    if taken != 1 {
        return Err(busy());
    }
    change.commit().await?;
    Ok(Reserved::Ours(running))
}

struct Answer {
    status: StatusCode,
    etag: Option<String>,
    /// `None` for one that holds a secret.
    body: Option<Bytes>,
}

/// Keeps the answer; without one the key is free again, unless the call made something durable all the same.
async fn settle(app: &App, running: &Running, answer: Option<Answer>) -> Outcome<()> {
    let change = Change::begin(app).await?;
    match answer {
        Some(answer) => {
            let status = answer.body.as_ref().map_or(UNKEPT, |_| i64::from(answer.status.as_u16()));
            let text = answer.body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
            Entity::update_many()
                .col_expr(Column::Status, Expr::value(status))
                .col_expr(Column::Etag, Expr::value(answer.etag))
                .col_expr(Column::Answer, Expr::value(text))
                .filter(Column::Key.eq(&running.key))
                .filter(Column::Owner.eq(&running.owner))
                .exec(change.tx())
                .await?;
        }
        None => {
            Entity::delete_many()
                .filter(Column::Key.eq(&running.key))
                .filter(Column::Owner.eq(&running.owner))
                .filter(Column::Status.eq(RUNNING))
                .exec(change.tx())
                .await?;
        }
    }
    Ok(change.commit().await?)
}

fn kept(row: Model) -> Response {
    let status = u16::try_from(row.status).ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], row.answer).into_response();
    if let Some(etag) = row.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Where what was created is: below the place that it was sent to, under its id.
async fn with_location(response: Response, place: &str) -> Response {
    if response.status() != StatusCode::CREATED {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else { return Failure::new(Code::Internal).into_response() };
    let id = serde_json::from_slice::<serde_json::Value>(&bytes).ok().and_then(|value| value.get("id")?.as_str().map(str::to_owned));
    if let Some(location) = id.and_then(|id| HeaderValue::from_str(&format!("{place}/{id}")).ok()) {
        parts.headers.insert(header::LOCATION, location);
    }
    Response::from_parts(parts, Body::from(bytes))
}
