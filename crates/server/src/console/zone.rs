//! The zone that a viewer is in: told by the script in a cookie, UTC where no script runs. Only for reading what they type, and `today`.

use axum::http::{HeaderMap, header};
use brevet_core::zone;

const COOKIE: &str = "__Host-brevet-zone=";

/// As the browser says, where there is such a zone.
pub(crate) fn of(headers: &HeaderMap) -> String {
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let said = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE));
    said.filter(|zone| zone::is_known(zone)).unwrap_or("UTC").to_owned()
}
