//! Where somebody is signed in to the console: looking at it, and ending it.

use brevet_api::rest::sign_in::{SignedIn, Way};
use brevet_core::id::{PersonId, SignInId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::app::App;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::console_session as row;

/// How a person signed in, as the column has it.
fn way_named(name: &str) -> Way {
    Way::ALL.into_iter().find(|way| way.name() == name).unwrap_or(Way::Link)
}

/// Whether it has neither ended nor been idle for too long.
pub(crate) fn lives(app: &App, row: &row::Model, now: Timestamp) -> bool {
    row.expires > now.millis() && Timestamp::from_millis(row.seen).plus(app.config.sign_in.idle) > now
}

fn shown(row: row::Model) -> Outcome<SignedIn> {
    Ok(SignedIn {
        id: SignInId::parse(&row.id)?,
        way: way_named(&row.way),
        since: Timestamp::from_millis(row.created),
        seen: Timestamp::from_millis(row.seen),
        ends: Timestamp::from_millis(row.expires),
        address: row.address,
        browser: row.browser,
        known_by: row.made_by.as_deref().map(PersonId::parse).transpose()?,
    })
}

/// Everywhere that a person is signed in, newest first.
pub(super) async fn of(app: &App, person: &str) -> Outcome<Vec<SignedIn>> {
    let now = app.clock.now();
    let rows = row::Entity::find().filter(row::Column::Person.eq(person)).order_by_desc(row::Column::Id).all(&app.store.pool).await?;
    rows.into_iter().filter(|row| lives(app, row, now)).map(shown).collect()
}

/// Ends one: false where there is none of this person.
pub(super) async fn end_one(change: &Change, person: &str, id: &str) -> Outcome<bool> {
    let gone = row::Entity::delete_many().filter(row::Column::Person.eq(person)).filter(row::Column::Id.eq(id)).exec(change.tx()).await?;
    Ok(gone.rows_affected == 1)
}

/// Ends all of a person's but one, with what they had begun at the sign-in: how many.
///
/// # Errors
/// When the database does not take it.
pub async fn end_all(change: &Change, person: &str, except: Option<&str>) -> Outcome<u64> {
    let mut delete = row::Entity::delete_many().filter(row::Column::Person.eq(person));
    if let Some(except) = except {
        delete = delete.filter(row::Column::Id.ne(except));
    }
    super::steps::forget(change, Some(person)).await?;
    Ok(delete.exec(change.tx()).await?.rows_affected)
}

/// A person is signed in in so many browsers at most; of more, the oldest ends.
const MOST: usize = 50;

/// Makes room for one more, and forgets what is over.
pub(super) async fn make_room<C: ConnectionTrait>(connection: &C, person: &str, now: Timestamp) -> Outcome<()> {
    row::Entity::delete_many().filter(row::Column::Expires.lt(now.millis())).exec(connection).await?;
    let rows = row::Entity::find().filter(row::Column::Person.eq(person)).order_by_desc(row::Column::Id).all(connection).await?;
    let old: Vec<String> = rows.into_iter().skip(MOST.saturating_sub(1)).map(|row| row.hash).collect();
    if !old.is_empty() {
        row::Entity::delete_many().filter(row::Column::Hash.is_in(old)).exec(connection).await?;
    }
    Ok(())
}
