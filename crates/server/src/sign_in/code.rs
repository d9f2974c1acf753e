//! Codes of an authenticator app (TOTP, RFC 6238): six digits, a new one each 30 seconds, each good once.

use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use totp_rs::{Builder, Secret, Totp};

use super::secret;
use crate::app::App;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::person_app;

/// RFC 4226 wants 160 bits.
const SECRET: usize = 20;

/// What the app and the server share for a person: from the salt and the server's key.
pub(super) fn shared(app: &App, person: &str, name: &str, salt: &str) -> Outcome<Totp> {
    let bytes = secret::derive(app, "authenticator", &format!("{person}\0{salt}"))?;
    let bytes: Box<[u8]> = bytes.into_iter().take(SECRET).collect();
    // What an app shows has no colon in it.
    let plain = |text: &str| text.replace(':', " ");
    let host = plain(app.url.trim_start_matches("https://"));
    let built =
        Builder::new().with_secret(Secret::new(bytes)).with_account_name(plain(name)).with_issuer(Some(format!("Brevet {host}"))).build();
    built.map_err(|error| Failure::internal(error.to_string()))
}

/// The step whose code this is, one before and after allowed for clocks; digits may stand apart.
pub(super) fn step(totp: &Totp, code: &str, now: Timestamp) -> Option<i64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let seconds = u64::try_from(now.millis() / 1000).ok()?;
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    i64::try_from(totp.check(&digits, seconds)?).ok()
}

/// Uses a step up: a code that was used, or one before it, is not right any more.
pub(super) async fn use_up(change: &Change, person: &str, step: i64) -> Outcome<bool> {
    let used = person_app::Entity::update_many()
        .col_expr(person_app::Column::LastStep, Expr::value(step))
        .filter(person_app::Column::Person.eq(person))
        .filter(person_app::Column::LastStep.lt(step))
        .exec(change.tx())
        .await?;
    Ok(used.rows_affected == 1)
}

/// The secret as a picture: one path of dark squares, and how many squares wide.
pub(super) fn picture(text: &str) -> Outcome<(i32, String)> {
    use std::fmt::Write as _;
    let code = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium).map_err(Failure::internal)?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            write!(path, "M{x} {y}h1v1h-1z").map_err(Failure::internal)?;
        }
    }
    Ok((code.size(), path))
}
