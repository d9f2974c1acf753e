//! One signed `POST` (Standard Webhooks), bounded in time and size.
//!
//! It never follows a redirect, never uses a proxy, and goes only to addresses that `address` lets through. Nothing in the answer is
//! used but its status.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{address, dispatch::Failed};
use crate::app::App;
use crate::store::entities::{notification, notification_target as target};

const LONGEST: Duration = Duration::from_secs(10);
/// What of an answer is read, so that the connection ends in order.
const MOST: usize = 16 << 10;

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // A key of any length is one for HMAC; without one there is nothing to sign with, and an empty signature is none.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Which key secrets are derived from here.
pub(super) fn key(app: &App) -> String {
    app.keys.notification.public().fingerprint().to_string()
}

fn secret_bytes(app: &App, target: &target::Model) -> Vec<u8> {
    mac(&app.keys.notification.seed(), format!("brevet webhook secret 1\0{}\0{}", target.id, target.secret).as_bytes())
}

/// A target's secret as its receiver needs it. It is derived from a key file, so that the database and its backups have none.
pub(super) fn secret(app: &App, target: &target::Model) -> String {
    format!("whsec_{}", STANDARD.encode(secret_bytes(app, target)))
}

/// The header `webhook-signature`.
fn signature(key: &[u8], id: &str, time: i64, body: &str) -> String {
    format!("v1,{}", STANDARD.encode(mac(key, format!("{id}.{time}.{body}").as_bytes())))
}

/// Sends it once.
///
/// # Errors
/// Why it was not taken, and whether trying again makes sense.
pub(super) async fn send(app: &App, target: &target::Model, row: &notification::Model) -> Result<(), Failed> {
    let allow_loopback = app.config.webhooks.allow_loopback;
    let url = address::check(&target.address, allow_loopback).map_err(|why| Failed::for_good(format!("the address {why}")))?;
    if target.key != key(app) {
        let why = "keys/notification.key is not the one that its secret was made with: put that back, or give the target a new secret";
        return Err(Failed::again(why));
    }
    let client = app.outbox.http.get_or_try_init(|| async { client(allow_loopback) }).await;
    let client = client.map_err(|error| Failed::again(chain(&error)))?;
    let time = app.clock.now().millis().div_euclid(1000);
    let signature = signature(&secret_bytes(app, target), &row.id, time, &row.body);
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &row.id)
        .header("webhook-timestamp", time.to_string())
        .header("webhook-signature", signature)
        .body(row.body.clone());
    let mut answer = request.send().await.map_err(|error| Failed::again(chain(&error.without_url())))?;
    let status = answer.status();
    let mut read = 0usize;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read = read.saturating_add(chunk.len());
        if read > MOST {
            break;
        }
    }
    match status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err(Failed::again(format!("it answered {status}: redirects are not followed"))),
        // 410 says that nobody wants it there any more.
        410 => Err(Failed::for_good(format!("it answered {status}"))),
        _ => Err(Failed::again(format!("it answered {status}"))),
    }
}

fn client(allow_loopback: bool) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(LONGEST)
        .connect_timeout(LONGEST)
        .dns_resolver(address::checked(allow_loopback))
        .user_agent(concat!("brevet/", env!("CARGO_PKG_VERSION")))
        .build()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The example of the specification's reference libraries.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
