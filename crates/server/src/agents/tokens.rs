//! Nonces, and the tokens of computers: EdDSA JWTs by the transport key, each bound to one nonce of ours.
//!
//! Nothing is kept for a nonce that was only asked for. The key that signs nonces follows from the issuer's, so that each of several
//! servers knows the nonces of all; which token brought one stands in their database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{FromRequestParts, State};
use axum::http::{header, request::Parts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::agent::{Claims, Nonce};
use brevet_api::rest::Code;
use brevet_core::digest::{Digest, Fields};
use brevet_core::document::{Key, PublicKey};
use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::EntityTrait as _;
use serde::Deserialize;

use crate::app::App;
use crate::clock;
use crate::http::extract::Json;
use crate::http::failure::{Failure, Outcome};
use crate::replicas::bind_nonce;
use crate::store::entities::computer;

const NONCE_MILLIS: i64 = 120_000;
/// Servers' clocks may differ by so much.
const SKEW_MILLIS: i64 = 5_000;
const TOKEN_SECONDS: i64 = 600;
/// Tokens of one computer that may live at a time: one that reconnects without end keeps out only itself.
const MOST_TOKENS: usize = 256;
/// Time, random bytes, signature.
const NONCE_BYTES: usize = 8 + 16 + 64;
const NOT_OURS: &str = "the nonce is unknown, too old, or was used in another token";

/// Makes nonces and knows its own again: each carries its time and our signature, so that asking for one costs us no memory.
/// Only those that an authenticated computer used are remembered.
pub struct Nonces {
    key: Key,
    used: Mutex<HashMap<ComputerId, Vec<Used>>>,
}

struct Used {
    nonce: Digest,
    /// The one token that brought it.
    token: Digest,
    /// Until when that token lives, in Unix milliseconds.
    until: i64,
}

/// A computer's claim to a nonce.
struct Claim<'a> {
    computer: &'a ComputerId,
    nonce: &'a str,
    token: Digest,
    /// Until when the token lives, in Unix milliseconds.
    until: i64,
}

/// What became of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Bound to this token now.
    First,
    /// Bound to this token before.
    Known,
}

fn signed_part(payload: &[u8]) -> [u8; 32] {
    *Fields::new("brevet nonce 1").bytes(payload).finish().as_bytes()
}

impl Nonces {
    /// With a key that every server of this installation has, and that signs nothing else.
    #[must_use]
    pub fn new(issuer: &Key) -> Self {
        let seed = Fields::new("brevet nonce key 1").bytes(&issuer.seed()).finish();
        Self { key: Key::from_seed(seed.as_bytes()), used: Mutex::default() }
    }

    fn make(&self, now: Timestamp) -> Outcome<String> {
        let mut nonce = now.millis().to_be_bytes().to_vec();
        nonce.extend_from_slice(&clock::random::<16>()?);
        let signature = self.key.sign(&signed_part(&nonce));
        nonce.extend_from_slice(&signature);
        Ok(URL_SAFE_NO_PAD.encode(nonce))
    }

    /// When a nonce of ours was made; `None` for anything else.
    fn made(&self, nonce: &str) -> Option<i64> {
        let bytes = decode(nonce).filter(|bytes| bytes.len() == NONCE_BYTES)?;
        let (payload, signature) = bytes.split_at_checked(24)?;
        let ours = self.key.public().verifies(&signed_part(payload), signature);
        payload.first_chunk().filter(|_| ours).map(|time| i64::from_be_bytes(*time))
    }

    /// Binds a nonce to the first token that brings it, for as long as that token lives. The token's signature was verified before.
    ///
    /// # Errors
    /// In words, why it is not.
    fn take(&self, claim: &Claim<'_>, now: Timestamp) -> Result<Taken, &'static str> {
        let made = self.made(claim.nonce).ok_or(NOT_OURS)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(claim.computer.clone()).or_default();
        used.retain(|held| held.until > now.millis());
        let nonce = Digest::of(claim.nonce.as_bytes());
        if let Some(held) = used.iter().find(|held| held.nonce == nonce) {
            return if held.token == claim.token { Ok(Taken::Known) } else { Err(NOT_OURS) };
        }
        let past = now.millis().saturating_sub(made);
        if !(-SKEW_MILLIS..NONCE_MILLIS).contains(&past) {
            return Err(NOT_OURS);
        }
        if used.len() >= MOST_TOKENS {
            return Err("too many tokens of this computer are alive: use one until it expires");
        }
        used.push(Used { nonce, token: claim.token, until: claim.until });
        Ok(Taken::First)
    }

    /// Another server had bound it before.
    fn give_back(&self, claim: &Claim<'_>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let nonce = Digest::of(claim.nonce.as_bytes());
        if let Some(used) = used.get_mut(claim.computer) {
            used.retain(|held| held.nonce != nonce);
        }
    }

    /// As `take`, held against what other servers on the same database saw.
    async fn bind(&self, app: &App, claim: &Claim<'_>, now: Timestamp) -> Outcome<()> {
        if self.take(claim, now).map_err(refused)? == Taken::Known {
            return Ok(());
        }
        let nonce = Digest::of(claim.nonce.as_bytes()).to_string();
        let bound = bind_nonce(app, &nonce, &claim.token.to_string(), Timestamp::from_millis(claim.until)).await;
        if !matches!(bound, Ok(true)) {
            self.give_back(claim);
        }
        if bound? { Ok(()) } else { Err(refused(NOT_OURS)) }
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
    // INVARIANT: a nonce is remembered at least as long as it could be used in another token.
    let until = claims.exp.saturating_mul(1000).max(now.millis().saturating_add(NONCE_MILLIS));
    let claim = Claim { computer: &kid, nonce: &claims.nonce, token: Digest::of(token.as_bytes()), until };
    app.nonces.bind(app, &claim, now).await?;
    Ok(row)
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim<'a>(computer: &'a ComputerId, nonce: &'a str, token: &[u8]) -> Claim<'a> {
        Claim { computer, nonce, token: Digest::of(token), until: 1_000_000 }
    }

    #[test]
    fn a_nonce_is_ours_fresh_and_for_one_token() {
        let (nonces, now) = (Nonces::new(&Key::from_seed(&[1; 32])), Timestamp::from_millis(1_000));
        let computer = ComputerId::new(1, [1; 10]);
        let nonce = nonces.make(now).unwrap();
        let take = |nonce: &str, token: &[u8], now| nonces.take(&claim(&computer, nonce, token), now);
        assert_eq!(take(&nonce, b"one", now), Ok(Taken::First));
        assert_eq!(take(&nonce, b"one", now), Ok(Taken::Known), "the same token may be shown again");
        assert!(take(&nonce, b"two", now).is_err());
        let late = Timestamp::from_millis(1_000 + NONCE_MILLIS);
        assert!(take(&nonces.make(now).unwrap(), b"three", late).is_err());
        let ahead = nonces.make(Timestamp::from_millis(1_001 + SKEW_MILLIS)).unwrap();
        assert!(take(&ahead, b"six", now).is_err(), "from the future");
        let others = Nonces::new(&Key::from_seed(&[2; 32])).make(now).unwrap();
        assert!(take(&others, b"four", now).is_err());
        assert!(take("", b"five", now).is_err());
        let sister = Nonces::new(&Key::from_seed(&[1; 32])).make(now).unwrap();
        assert_eq!(take(&sister, b"seven", now), Ok(Taken::First), "each server with the same key knows the others' nonces");
    }

    #[test]
    fn a_computer_that_takes_many_keeps_out_only_itself_and_asking_costs_nothing() {
        let (nonces, now) = (Nonces::new(&Key::from_seed(&[1; 32])), Timestamp::from_millis(1_000));
        let (greedy, other) = (ComputerId::new(1, [1; 10]), ComputerId::new(1, [2; 10]));
        for n in 0..=MOST_TOKENS {
            let nonce = nonces.make(now).unwrap();
            assert_eq!(nonces.take(&claim(&greedy, &nonce, &n.to_be_bytes()), now).is_ok(), n < MOST_TOKENS);
        }
        assert_eq!(nonces.used.lock().unwrap().len(), 1);
        assert!(nonces.take(&claim(&other, &nonces.make(now).unwrap(), b"x"), now).is_ok());
    }
}
