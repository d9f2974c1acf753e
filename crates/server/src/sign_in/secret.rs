//! What is derived from the server's own key, so that a copy of the database alone is of no use: the pepper of passwords, the secrets of
//! authenticator apps, hashes of recovery codes, and the mark of a browser that signed in before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::app::App;
use crate::http::failure::{Failure, Outcome};

/// Bytes for one purpose and one text, which nobody without the key can make.
///
/// # Errors
/// When the key cannot be used.
pub(super) fn derive(app: &App, purpose: &str, text: &str) -> Outcome<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&app.keys.notification.seed()).map_err(Failure::internal)?;
    mac.update(format!("brevet {purpose} 1\0{text}").as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

/// The same as text.
///
/// # Errors
/// As `derive`.
pub(super) fn derive_text(app: &App, purpose: &str, text: &str) -> Outcome<String> {
    Ok(URL_SAFE_NO_PAD.encode(derive(app, purpose, text)?))
}
