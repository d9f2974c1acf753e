//! What a browser at the sign-in sends with it: nothing in here is believed to say who it is.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use brevet_core::digest::Digest;

use super::{device, steps};
use crate::app::App;
use crate::console::theme;
use crate::http::limits;
use crate::http::signed_in::{cookie, hash, session_secret};

/// A browser may say much of itself; so much of it is kept.
const LONGEST_NAME: usize = 200;

/// A browser at the sign-in.
pub(crate) struct Caller {
    pub ip: IpAddr,
    pub address: String,
    pub browser: String,
    pub theme: &'static str,
    /// The sign-in that this one takes the place of.
    pub session: Option<Digest>,
    pub device: Option<String>,
    pub step: Option<Digest>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let browser = parts.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let ip = limits::address(app, parts);
        Ok(Self {
            ip,
            address: ip.to_string(),
            browser: browser.unwrap_or_default().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect(),
            theme: theme::of(&parts.headers),
            session: session_secret(&parts.headers).map(hash),
            device: cookie(&parts.headers, device::COOKIE).map(str::to_owned),
            step: cookie(&parts.headers, steps::COOKIE).map(hash),
        })
    }
}
