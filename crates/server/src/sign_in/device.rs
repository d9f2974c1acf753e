//! The mark of a browser in which somebody signed in before: at the password it is counted apart from strangers. It gives nothing else.

use brevet_core::time::{Length, Timestamp};

use super::secret;
use crate::app::App;
use crate::clock;
use crate::http::failure::Outcome;
use crate::http::signed_in::hash;

pub(super) const COOKIE: &str = "__Host-brevet-device";
/// As long as browsers keep it.
pub(super) const LIVES: Length = Length::from_hours(90 * 24);

/// A new mark for a browser of this person.
///
/// # Errors
/// When there is no randomness.
pub(super) fn mark(app: &App, person: &str, now: Timestamp) -> Outcome<String> {
    let said = format!("{person}.{}.{}", now.plus(LIVES).millis(), clock::secret()?);
    let mac = secret::derive_text(app, "device", &said)?;
    Ok(format!("{said}.{mac}"))
}

/// What attempts from this browser are counted by, if it is one of this person's.
pub(super) fn account(app: &App, mark: &str, person: &str, now: Timestamp) -> Option<String> {
    let (said, mac) = mark.rsplit_once('.')?;
    let right = secret::derive_text(app, "device", said).ok()?;
    let mut parts = said.split('.');
    let ours = parts.next() == Some(person);
    let ends: i64 = parts.next()?.parse().ok()?;
    // Compared by hash, so that nothing is learnt from how long it takes.
    (ours && ends > now.millis() && hash(&right) == hash(mac)).then(|| format!("device {said}"))
}
