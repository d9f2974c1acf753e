//! `[limits]`: how often one may call, and how long it may take.

use std::net::IpAddr;

use brevet_core::time::Length;
use serde::Deserialize;

/// The table of the configuration. 0 calls a second means that there is no such limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// In the long run, for each API token.
    pub token_calls_per_second: u32,
    /// At once, for each API token.
    pub token_burst: u32,
    /// In the long run, for each address, of calls that nobody we know made.
    pub address_calls_per_second: u32,
    /// At once, for each address.
    pub address_burst: u32,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a connection may take over the headers of a request, and stay idle before the next.
    pub header_timeout: Length,
    /// How long a body may take to arrive.
    pub body_timeout: Length,
    /// How long a call may take until its answer begins.
    pub call_timeout: Length,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_calls_per_second: 100,
            token_burst: 1000,
            address_calls_per_second: 10,
            address_burst: 100,
            trusted_proxies: Vec::new(),
            header_timeout: Length::from_seconds(15),
            body_timeout: Length::from_seconds(30),
            call_timeout: Length::from_seconds(60),
        }
    }
}

impl Limits {
    /// Times, with their names, that must not be zero.
    pub(super) const fn times(&self) -> [(&'static str, Length); 3] {
        [
            ("limits.header_timeout", self.header_timeout),
            ("limits.body_timeout", self.body_timeout),
            ("limits.call_timeout", self.call_timeout),
        ]
    }
}
