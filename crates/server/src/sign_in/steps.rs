//! What stands between two steps of a sign-in, or of setting something up: here, by the hash of a secret that the browser holds, for a
//! few minutes. What is taken is gone: nothing that was answered once can be answered again.

use brevet_core::digest::Digest;
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, QueryFilter as _};

use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::sign_in_step as row;

pub(super) const COOKIE: &str = "__Host-brevet-step";
pub(super) const LIVES: Length = Length::from_minutes(10);
/// So many wrong second factors, then the password is asked for again.
const TRIES: i64 = 5;

/// What stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The password was right; the second factor is missing.
    Second,
    /// A passkey was asked for, whoever it is.
    Passkey,
    /// The provider of single sign-on was asked.
    Provider,
    /// A passkey is being added.
    NewPasskey,
    /// An authenticator app is being set up.
    App,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Passkey => "passkey",
            Self::Provider => "provider",
            Self::NewPasskey => "new_passkey",
            Self::App => "app",
        }
    }
}

/// One step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub kind: Kind,
    pub person: Option<String>,
    pub state: String,
    pub known_by: Option<String>,
    pub next: String,
}

/// Keeps it, in the place of what had this key.
pub(super) async fn put(change: &Change, key: Digest, step: Step) -> Outcome<()> {
    let key = key.to_string();
    row::Entity::delete_many()
        .filter(row::Column::Hash.eq(&key).or(row::Column::Expires.lt(change.now.millis())))
        .exec(change.tx())
        .await?;
    let new = row::ActiveModel {
        hash: Set(key),
        kind: Set(step.kind.name().into()),
        person: Set(step.person),
        state: Set(step.state),
        known_by: Set(step.known_by),
        next: Set(step.next),
        tries: Set(0),
        expires: Set(change.now.plus(LIVES).millis()),
    };
    row::Entity::insert(new).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// Looks at it.
pub(super) async fn read<C: ConnectionTrait>(
    connection: &C,
    key: Option<Digest>,
    kind: Kind,
    now: Timestamp,
) -> Outcome<Option<row::Model>> {
    let Some(key) = key else { return Ok(None) };
    let found = row::Entity::find_by_id(key.to_string()).one(connection).await?;
    Ok(found.filter(|row| row.kind == kind.name() && row.expires > now.millis() && row.tries < TRIES))
}

/// Takes it away: true for exactly one of those who try.
pub(super) async fn take(change: &Change, step: &row::Model) -> Outcome<bool> {
    Ok(row::Entity::delete_by_id(&step.hash).exec(change.tx()).await?.rows_affected == 1)
}

/// Keeps what was asked in between.
pub(super) async fn keep(change: &Change, step: &row::Model, state: &str) -> Outcome<()> {
    let kept = row::Entity::update_many().col_expr(row::Column::State, Expr::value(state)).filter(row::Column::Hash.eq(&step.hash));
    kept.exec(change.tx()).await?;
    Ok(())
}

/// Takes what was asked in between away: true for exactly one of those who try.
pub(super) async fn forget_state(change: &Change, step: &row::Model) -> Outcome<bool> {
    let gone = row::Entity::update_many()
        .col_expr(row::Column::State, Expr::value(""))
        .filter(row::Column::Hash.eq(&step.hash))
        .filter(row::Column::State.eq(&step.state))
        .exec(change.tx())
        .await?;
    Ok(gone.rows_affected == 1)
}

/// Counts a wrong answer.
pub(super) async fn wrong(change: &Change, step: &row::Model) -> Outcome<()> {
    row::Entity::update_many()
        .col_expr(row::Column::Tries, Expr::col(row::Column::Tries).add(1))
        .filter(row::Column::Hash.eq(&step.hash))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// Everything that a person has begun, or everybody.
///
/// # Errors
/// When the database does not take it.
pub async fn forget(change: &Change, person: Option<&str>) -> Outcome<()> {
    let delete = row::Entity::delete_many();
    let delete = match person {
        Some(person) => delete.filter(row::Column::Person.eq(person)),
        None => delete,
    };
    delete.exec(change.tx()).await?;
    Ok(())
}
