//! Nonces, and the tokens of computers: EdDSA JWTs by the transport key, each bound to one nonce of ours.
//!
//! Kept in memory: after a restart a computer simply asks for a new nonce.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{FromRequestParts, State};
use axum::http::{header, request::Parts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::agent::{Claims, Nonce};
use brevet_api::rest::Code;
use brevet_core::digest::Digest;
use brevet_core::document::PublicKey;
use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::EntityTrait as _;
use serde::Deserialize;

use crate::app::App;
use crate::clock;
use crate::http::extract::Json;
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::computer;

const NONCE_MILLIS: i64 = 120_000;
const TOKEN_SECONDS: i64 = 600;
const MOST: usize = 200_000;

/// What became of each nonce.
#[derive(Default)]
pub struct Nonces(Mutex<HashMap<String, Held>>);

struct Held {
    /// Until when it is kept, in Unix milliseconds.
    until: i64,
    /// The one token that used it.
    used_by: Option<Digest>,
}

impl Nonces {
    fn make(&self, now: Timestamp) -> Outcome<String> {
        let nonce = clock::secret()?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST {
            held.retain(|_, h| h.until > now.millis());
        }
        if held.len() >= MOST {
            return Err(Failure::new(Code::Unavailable).because("too many computers are connecting at once"));
        }
        held.insert(nonce.clone(), Held { until: now.millis().saturating_add(NONCE_MILLIS), used_by: None });
        Ok(nonce)
    }

    /// Binds a nonce to the first token that brings it, for as long as that token lives.
    fn take(&self, nonce: &str, token: Digest, until: i64, now: Timestamp) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(nonce) {
            Some(h) if h.until > now.millis() => match h.used_by {
                None => {
                    (h.used_by, h.until) = (Some(token), until);
                    true
                }
                Some(first) => first == token,
            },
            _ => false,
        }
    }
}

pub(super) async fn nonce(State(app): State<App>) -> Outcome<Json<Nonce>> {
    let now = app.clock.now();
    Ok(Json(Nonce { nonce: app.nonces.make(now)?, time: now.millis().div_euclid(1000) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The computer that is calling: its row, for a handler to work with.
pub(super) struct Caller(pub computer::Model);

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let text = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let token = text.and_then(|t| t.strip_prefix("Bearer ")).ok_or_else(|| refused("no token"))?;
        verify(app, token).await.map(Self)
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(Code::Unauthenticated).because(why)
}

/// Verifies a token strictly; nothing in it is believed before its signature.
async fn verify(app: &App, token: &str) -> Outcome<computer::Model> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(refused("the token is not a JWT"));
    };
    let (Some(head), Some(body), Some(signature)) = (decode(header), decode(claims), decode(signature)) else {
        return Err(refused("the token is not a JWT"));
    };
    let head: Header = serde_json::from_slice(&head).map_err(|_| refused("the token's header cannot be read"))?;
    if head.alg != "EdDSA" || head.typ != "JWT" {
        return Err(refused("the token is not signed with EdDSA"));
    }
    let kid = ComputerId::parse(&head.kid).map_err(|_| refused("the token names no computer"))?;
    let row = computer::Entity::find_by_id(kid.as_str()).one(&app.store.pool).await?;
    let row = row.filter(|row| row.state != "removed").ok_or_else(|| refused("no such computer"))?;
    let key = PublicKey::try_from(row.transport_key.clone()).map_err(Failure::internal)?;
    if !key.verifies(format!("{header}.{claims}").as_bytes(), &signature) {
        return Err(refused("the token's signature is wrong"));
    }
    let claims: Claims = serde_json::from_slice(&body).map_err(|_| refused("the token's claims cannot be read"))?;
    let now = app.clock.now();
    let seconds = now.millis().div_euclid(1000);
    if claims.sub != kid || claims.aud != app.instance {
        return Err(refused("the token is for something else"));
    }
    if claims.exp <= seconds || claims.exp.saturating_sub(claims.iat) > TOKEN_SECONDS || claims.exp > seconds.saturating_add(TOKEN_SECONDS)
    {
        return Err(refused("the token is expired or lives too long"));
    }
    if !app.nonces.take(&claims.nonce, Digest::of(token.as_bytes()), claims.exp.saturating_mul(1000), now) {
        return Err(refused("the nonce is unknown, too old, or was used in another token"));
    }
    Ok(row)
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
