//! Passwords: what is taken as one, how it is kept, and whether it is right, in the same time whoever it is.
//!
//! The rules are those of NIST SP 800-63B for a password that never stands alone: at least 8 characters, long ones allowed, nothing
//! demanded of their kinds, none of those that somebody would try first, no change by the calendar.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization as _;

use super::secret;
use crate::app::App;
use crate::clock;
use crate::http::failure::{Failure, Outcome};

const SHORTEST: usize = 8;
/// Longer than anybody types, and a bound for what a stranger has us hash.
pub(super) const LONGEST_BYTES: usize = 1024;
/// So much of it is held against what is tried first; the rest only makes it better. How long that takes grows steeply with it.
const LOOKED_AT: usize = 24;
/// What needs fewer guesses is among what is tried first.
const FEWEST_GUESSES: u64 = 100_000_000;
/// 19 MiB, twice over: what OWASP and RFC 9106 have for servers with little memory to spare for each.
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;

/// One text, however the keyboard composes it.
fn normal(text: &str) -> String {
    text.nfc().collect()
}

/// Why a text is no password for this person.
pub(super) async fn refuse_weak(app: &App, name: &str, text: &str) -> Outcome<()> {
    let refuse = |why: &str| Err(Failure::field("password", why));
    let text = normal(text);
    if text.len() > LONGEST_BYTES {
        return refuse("at most 1024 bytes");
    }
    if text.chars().count() < SHORTEST {
        return refuse("at least 8 characters; several words that only you put together are easy to keep");
    }
    let begin: String = text.chars().take(LOOKED_AT).collect();
    let host = app.url.trim_start_matches("https://").to_owned();
    let parts = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|part| part.len() > 2).map(str::to_owned).collect()
    };
    let known: Vec<String> = [vec![name.to_owned(), "brevet".into()], parts(name), parts(&host), vec![host]].concat();
    let _turn = app.sign_in.hashing.acquire().await.map_err(Failure::internal)?;
    // WHY not here: nothing else is answered by a thread that counts.
    let guesses = tokio::task::spawn_blocking(move || {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        zxcvbn::zxcvbn(&begin, &known).guesses()
    });
    if guesses.await.map_err(Failure::internal)? < FEWEST_GUESSES {
        return refuse("it is among those that somebody would try first: a common word or password, a name, a date, or a simple row");
    }
    Ok(())
}

/// How a password is kept.
pub(super) async fn keep(app: &App, text: &str) -> Outcome<String> {
    let (text, pepper, salt) = (normal(text), secret::derive(app, "password", "")?, clock::random::<16>()?);
    let _turn = app.sign_in.hashing.acquire().await.map_err(Failure::internal)?;
    let kept = tokio::task::spawn_blocking(move || {
        let kept: PasswordHash = argon2(&pepper)?.hash_password_with_salt(text.as_bytes(), &salt)?;
        Ok::<_, argon2::password_hash::Error>(kept.to_string())
    });
    kept.await.map_err(Failure::internal)?.map_err(|error| Failure::internal(error.to_string()))
}

fn argon2(pepper: &[u8]) -> Result<Argon2<'_>, argon2::Error> {
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, 1, None)?)
}

/// What is compared with where there is no password: nothing is right, and it takes as long.
static NONE: LazyLock<String> = LazyLock::new(|| {
    let kept = argon2(b"").ok().and_then(|argon2| argon2.hash_password_with_salt(b"", &[0; 16]).ok());
    kept.map(|kept: PasswordHash| kept.to_string()).unwrap_or_default()
});

/// Whether it is this one; as slow where there is none.
pub(super) async fn is_right(app: &App, kept: Option<String>, text: &str) -> Outcome<bool> {
    if text.len() > LONGEST_BYTES {
        return Ok(false);
    }
    let (text, pepper, known) = (normal(text), secret::derive(app, "password", "")?, kept.is_some());
    let _turn = app.sign_in.hashing.acquire().await.map_err(Failure::internal)?;
    let right = tokio::task::spawn_blocking(move || {
        let kept = kept.unwrap_or_else(|| NONE.clone());
        let Ok(kept) = PasswordHash::new(&kept) else { return false };
        argon2(&pepper).is_ok_and(|argon2| argon2.verify_password(text.as_bytes(), &kept).is_ok())
    });
    Ok(right.await.map_err(Failure::internal)? && known)
}
