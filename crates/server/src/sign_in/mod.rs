//! How persons sign in to the console: by a one-time link, by a passkey, by name and password with a second factor, or at a provider of
//! single sign-on; where they are signed in; and what they set up for it.
//!
//! INVARIANT: a password alone never signs anybody in. Whatever was set up in a sign-in that somebody else knows is known to them too, so
//! that nobody becomes a second person to themself. The API sets no secret: a stolen token must not become a sign-in.

mod begin;
mod caller;
mod code;
mod credentials;
mod device;
mod identity;
pub(crate) mod pages;
mod passkey;
mod password;
mod provider;
mod recovery;
mod routes;
mod rules;
mod secret;
mod steps;
mod throttle;
mod where_signed_in;

use crate::app::App;
use crate::http::failure::Outcome;
pub use credentials::{Guarded, guarded, remove_all};
pub use routes::routes;
pub use steps::forget as forget_steps;
pub use where_signed_in::end_all;
pub(crate) use where_signed_in::lives;

use tokio::sync::Semaphore;

/// What this server keeps in memory for it.
pub struct State {
    throttle: throttle::Throttle,
    /// Each hash of a password takes 19 MiB and tens of milliseconds: so many at once, whoever asks.
    hashing: Semaphore,
    provider: provider::Known,
}

impl Default for State {
    fn default() -> Self {
        Self { throttle: throttle::Throttle::default(), hashing: Semaphore::new(2), provider: provider::Known::default() }
    }
}

/// Whether a person can sign in without a link.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn suffices(app: &App, person: &str) -> Outcome<bool> {
    Ok(credentials::of(&app.store.pool, person).await?.suffice())
}
