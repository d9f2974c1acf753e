//! `Idempotency-Key` on creating calls: the same key and body within a day give the same answer.
//!
//! Never on a route whose answer holds a secret: answers are kept as they were sent.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_core::digest::{Digest, Fields};
use brevet_core::time::Length;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::extract::MAX_BODY;
use super::failure::{Failure, Outcome};
use crate::access::Actor;
use crate::app::App;
use crate::store::Change;
use crate::store::entities::idempotency;

pub(super) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let key = request.headers().get("idempotency-key").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let Some(key) = key else { return next.run(request).await };
    match keyed(&app, &key, request, next).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn keyed(app: &App, key: &str, request: Request, next: Next) -> Outcome<Response> {
    if key.is_empty() || key.len() > 200 {
        return Err(Failure::new(Code::Malformed).because("an idempotency key has 1 to 200 characters"));
    }
    let who = request.extensions().get::<Actor>().map(|actor| actor.person.to_string()).unwrap_or_default();
    let key = Fields::new("brevet idempotency 1").text(&who).text(request.uri().path()).text(key).finish().to_string();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| Failure::new(Code::TooLarge))?;
    let body_hash = Digest::of(&body).to_string();
    let day_ago = app.clock.now().minus(Length::from_hours(24)).millis();
    let known = idempotency::Entity::find_by_id(&key).one(&app.store.pool).await?;
    if let Some(known) = known.filter(|row| row.created > day_ago) {
        if known.body_hash != body_hash {
            return Err(Failure::new(Code::IdempotencyMismatch));
        }
        let status = u16::try_from(known.status).ok().and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or(StatusCode::OK);
        return Ok(answer(status, known.etag.as_deref(), known.answer.into_bytes()));
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let status = response.status();
    if !status.is_success() {
        return Ok(response);
    }
    let etag = response.headers().get(header::ETAG).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let bytes = to_bytes(response.into_body(), MAX_BODY).await.map_err(Failure::internal)?;
    let change = Change::begin(app).await?;
    idempotency::Entity::delete_many().filter(idempotency::Column::Created.lte(day_ago)).exec(change.tx()).await?;
    let row = idempotency::ActiveModel {
        key: Set(key),
        body_hash: Set(body_hash),
        status: Set(i64::from(status.as_u16())),
        etag: Set(etag.clone()),
        answer: Set(String::from_utf8_lossy(&bytes).into_owned()),
        created: Set(change.now.millis()),
    };
    idempotency::Entity::insert(row).exec(change.tx()).await?;
    change.commit().await?;
    Ok(answer(status, etag.as_deref(), bytes.to_vec()))
}

fn answer(status: StatusCode, etag: Option<&str>, body: Vec<u8>) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
