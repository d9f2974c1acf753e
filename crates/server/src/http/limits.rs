//! How often one may call: each token for itself, and each address for the calls of strangers.
//!
//! Computers' own endpoints are not counted, but for enrolment with a wrong secret. A token that worked lately is known here, so that a
//! stranger at the same address (behind one proxy, say) cannot keep it out. Memory is bounded; nothing is written anywhere.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_core::digest::Digest;
use tokio::time::Instant;

use super::failure::{Failure, Outcome};
use crate::app::App;
use crate::config::Limits as Settings;

/// So many tokens or addresses are remembered; of more, those that have nothing on their account are forgotten.
const MOST: usize = 20_000;

/// Accounts of tokens and addresses.
#[derive(Default)]
pub struct Limits {
    tokens: Accounts<Digest>,
    addresses: Accounts<IpAddr>,
}

/// For each key the moment at which its account would be empty if nobody called any more (GCRA).
struct Accounts<K>(Mutex<HashMap<K, Instant>>);

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// So many calls a second in the long run, so many at once.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    fn interval(self) -> Option<Duration> {
        Duration::from_secs(1).checked_div(self.per_second)
    }
}

impl<K: Hash + Eq> Accounts<K> {
    /// Whether a call is let through now; else how long to wait. With `count`, it goes on the account.
    fn take(&self, key: K, now: Instant, rate: Rate, count: bool) -> Result<(), Duration> {
        let Some(interval) = rate.interval() else { return Ok(()) };
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MOST && !accounts.contains_key(&key) {
            accounts.retain(|_, until| *until > now);
            if accounts.len() >= MOST {
                return Err(Duration::from_secs(1));
            }
        }
        let until = accounts.get(&key).copied().unwrap_or(now).max(now);
        let most = interval.saturating_mul(rate.burst.max(1).saturating_sub(1));
        let ahead = until.saturating_duration_since(now);
        if ahead > most {
            return Err(ahead.saturating_sub(most));
        }
        if count {
            accounts.insert(key, until + interval);
        }
        Ok(())
    }

    fn knows(&self, key: &K) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }
}

fn refused(wait: Duration, who: &str, setting: &str) -> Failure {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
    Failure::new(Code::RateLimited)
        .because(format!("{who} has made too many calls; try again in {seconds} s"))
        .hint(format!("an operator can change limits.{setting} in the server's configuration"))
        .retry_after(seconds)
}

impl Limits {
    fn stranger(settings: &Settings) -> Rate {
        Rate { per_second: settings.address_calls_per_second, burst: settings.address_burst }
    }

    /// Whether a call from this address is looked at. One with a token that worked lately always is.
    ///
    /// # Errors
    /// `rate_limited`, with when to try again.
    pub fn admit_stranger(&self, settings: &Settings, address: &IpAddr, token: Option<&Digest>) -> Outcome<()> {
        if token.is_some_and(|token| self.tokens.knows(token)) {
            return Ok(());
        }
        let rate = Self::stranger(settings);
        let taken = self.addresses.take(*address, Instant::now(), rate, false);
        taken.map_err(|wait| refused(wait, "this address", "address_calls_per_second"))
    }

    /// A call from this address that nobody we know made.
    pub fn count_stranger(&self, settings: &Settings, address: &IpAddr) {
        // Whether it was too many shows at the next call.
        let _ = self.addresses.take(*address, Instant::now(), Self::stranger(settings), true);
    }

    /// A call with a token that is known.
    ///
    /// # Errors
    /// `rate_limited`, with when to try again.
    pub fn admit_token(&self, settings: &Settings, token: Digest) -> Outcome<()> {
        let rate = Rate { per_second: settings.token_calls_per_second, burst: settings.token_burst };
        let taken = self.tokens.take(token, Instant::now(), rate, true);
        taken.map_err(|wait| refused(wait, "this token", "token_calls_per_second"))
    }
}

/// Whose call it is, as far as the network says. Behind a proxy that the configuration trusts, the address that it saw.
pub fn address(app: &App, call: &Parts) -> IpAddr {
    let peer = call.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let peer = peer.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)).to_canonical();
    let trusted = &app.config.limits.trusted_proxies;
    if !trusted.contains(&peer) {
        return prefix(peer);
    }
    // The last address that a proxy of ours did not add itself.
    let lines = call.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let said: Vec<IpAddr> = lines.flat_map(|line| line.split(',')).filter_map(|part| part.trim().parse().ok()).collect();
    prefix(said.iter().rev().map(IpAddr::to_canonical).find(|address| !trusted.contains(address)).unwrap_or(peer))
}

/// One customer has a /64 of IPv6, and every address in it.
fn prefix(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

/// For routes that anybody may call with a secret that can be wrong: enrolment, signing in by a link.
pub async fn strangers(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let address = address(&app, &parts);
    if let Err(failure) = app.limits.admit_stranger(&app.config.limits, &address, None) {
        return failure.into_response();
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST) {
        app.limits.count_stranger(&app.config.limits, &address);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    #[test]
    fn so_many_at_once_and_then_as_many_as_time_gives_back() {
        let (accounts, start) = (Accounts::default(), Instant::now());
        let calls = |at: Duration| accounts.take("a", start + at, RATE, true);
        for _ in 0..3 {
            assert!(calls(Duration::ZERO).is_ok());
        }
        assert_eq!(calls(Duration::ZERO), Err(Duration::from_millis(500)));
        assert!(accounts.take("b", start, RATE, true).is_ok(), "another's account is another");
        assert!(calls(Duration::from_millis(500)).is_ok());
        assert!(calls(Duration::from_millis(600)).is_err());
        for _ in 0..3 {
            assert!(calls(Duration::from_secs(60)).is_ok());
        }
        assert!(calls(Duration::from_secs(60)).is_err(), "silence gives no more than the burst");
    }

    #[test]
    fn zero_is_no_limit_and_looking_costs_nothing() {
        let accounts = Accounts::default();
        let now = Instant::now();
        for _ in 0..100 {
            assert!(accounts.take(1, now, Rate { per_second: 0, burst: 0 }, true).is_ok());
            assert!(accounts.take(1, now, RATE, false).is_ok());
        }
    }

    #[test]
    fn memory_is_bounded_and_those_that_are_known_stay() {
        let (accounts, now) = (Accounts::default(), Instant::now());
        for key in 0..MOST {
            accounts.take(key, now, RATE, true).unwrap();
        }
        assert!(accounts.take(MOST, now, RATE, true).is_err());
        assert!(accounts.take(0, now, RATE, true).is_ok());
        assert!(accounts.take(MOST, now + Duration::from_secs(9), RATE, true).is_ok());
        assert!(accounts.0.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn an_address_of_ipv6_counts_by_its_network() {
        let at = |text: &str| prefix(text.parse().unwrap());
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }
}
