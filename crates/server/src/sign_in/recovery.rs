//! Recovery codes: ten, shown once, each a second factor once, for whoever lost the authenticator app.

use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::secret;
use crate::app::App;
use crate::clock;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::recovery_code;

const COUNT: usize = 10;
/// Nothing in here is taken for something else.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// As they are typed: in any case, with or without the strokes.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn kept(app: &App, person: &str, code: &str) -> Outcome<String> {
    secret::derive_text(app, "recovery code", &format!("{person}\0{}", plain(code)))
}

/// New ones in the place of all before.
pub(super) async fn make(change: &Change, person: &str, known_by: Option<&str>) -> Outcome<Vec<String>> {
    recovery_code::Entity::delete_many().filter(recovery_code::Column::Person.eq(person)).exec(change.tx()).await?;
    let mut codes = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let bytes = clock::random::<16>()?;
        let letters: Vec<char> =
            bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31))).map(|byte| char::from(*byte)).collect();
        let code = letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-");
        let row = recovery_code::ActiveModel {
            hash: Set(kept(&change.app, person, &code)?),
            person: Set(person.into()),
            known_by: Set(known_by.map(str::to_owned)),
        };
        recovery_code::Entity::insert(row).exec_without_returning(change.tx()).await?;
        codes.push(code);
    }
    Ok(codes)
}

/// Uses one up: who else knows it, if it was one.
pub(super) async fn use_up(change: &Change, person: &str, code: &str) -> Outcome<Option<Option<String>>> {
    let hash = kept(&change.app, person, code)?;
    let Some(row) = recovery_code::Entity::find_by_id(&hash).one(change.tx()).await? else { return Ok(None) };
    let gone = recovery_code::Entity::delete_by_id(hash).exec(change.tx()).await?;
    Ok((gone.rows_affected == 1 && row.person == person).then_some(row.known_by))
}
