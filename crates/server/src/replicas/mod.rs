//! Several servers on one PostgreSQL: each hears of the changes of the others, and knows which of them are alive.
//!
//! INVARIANT: nothing depends on a notification arriving. Each change leaves a row; the rows are looked at when a notification comes,
//! and every few seconds besides. A server that was away for longer than rows are kept looks at everything.

mod listen;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use brevet_core::id::ComputerId;
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, DbBackend, DbErr, EntityTrait as _, QueryFilter as _, QuerySelect as _, Statement};

pub use listen::run;

use crate::app::App;
use crate::clock::{self, NoRandomness};
use crate::store::entities::{replica, used_nonce, woken};

/// Rows are kept for so long.
const KEPT: Length = Length::from_minutes(60);
/// A server that was not heard of for so long is gone, in milliseconds.
const GONE: i64 = 30_000;

/// The database's own clock: the servers' may differ.
const NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

/// This server among those that share a database.
pub struct Replica {
    /// Names this process.
    pub id: String,
    alive: Mutex<HashSet<String>>,
}

impl Replica {
    /// A name that no other process has.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn new() -> Result<Self, NoRandomness> {
        let id = clock::random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id, alive: Mutex::default() })
    }

    fn alive(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a computer has a stream open, here or at another server that is alive. `stream` is the column.
#[must_use]
pub fn connected(app: &App, computer: &ComputerId, stream: Option<&str>) -> bool {
    app.hub.connected(computer) || elsewhere(app, stream)
}

/// Whether its newest stream is at another server that is alive.
#[must_use]
pub fn elsewhere(app: &App, stream: Option<&str>) -> bool {
    let Some((replica, _)) = stream.and_then(|stream| stream.split_once('/')) else { return false };
    replica != app.replica.id && app.replica.alive().contains(replica)
}

/// Says that this server is alive, and hears which others are.
async fn beat(app: &App) -> Result<(), DbErr> {
    let pool = &app.store.pool;
    let sql = format!("INSERT INTO replica (id, started, seen) VALUES ($1, {NOW}, {NOW}) ON CONFLICT (id) DO UPDATE SET seen = {NOW}");
    pool.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [app.replica.id.as_str().into()])).await?;
    let sql = format!("SELECT id FROM replica WHERE seen > {NOW} - {GONE}");
    let rows = pool.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let alive = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<HashSet<String>, _>>()?;
    *app.replica.alive() = alive;
    Ok(())
}

/// Says that this server stops: its streams are nobody's.
///
/// # Errors
/// When the database does not answer.
pub async fn leave(app: &App) -> Result<(), DbErr> {
    if app.store.shared() {
        replica::Entity::delete_by_id(&app.replica.id).exec(&app.store.pool).await?;
    }
    Ok(())
}

/// Forgets what nobody looks at any more. Called by the sweep.
///
/// # Errors
/// When the database does not take it.
pub async fn forget(app: &App) -> Result<(), DbErr> {
    if !app.store.shared() {
        return Ok(());
    }
    let (pool, now) = (&app.store.pool, app.clock.now());
    woken::Entity::delete_many().filter(woken::Column::Time.lt(now.minus(KEPT).millis())).exec(pool).await?;
    used_nonce::Entity::delete_many().filter(used_nonce::Column::Until.lt(now.millis())).exec(pool).await?;
    let sql = format!("DELETE FROM replica WHERE seen < {NOW} - 3600000");
    pool.execute_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    Ok(())
}

/// The newest row, where looking begins.
async fn newest(app: &App) -> Result<i64, DbErr> {
    let newest: Option<Option<i64>> =
        woken::Entity::find().select_only().column_as(woken::Column::Seq.max(), "newest").into_tuple().one(&app.store.pool).await?;
    Ok(newest.flatten().unwrap_or(0))
}

/// Binds a nonce to the first token that brings it, for all servers; false when another token did.
///
/// # Errors
/// When the database does not answer.
pub async fn bind_nonce(app: &App, nonce: &str, token: &str, until: Timestamp) -> Result<bool, DbErr> {
    if !app.store.shared() {
        return Ok(true);
    }
    let row = used_nonce::ActiveModel {
        nonce: sea_orm::ActiveValue::Set(nonce.into()),
        token: sea_orm::ActiveValue::Set(token.into()),
        until: sea_orm::ActiveValue::Set(until.millis()),
    };
    let first = sea_orm::sea_query::OnConflict::column(used_nonce::Column::Nonce).do_nothing().to_owned();
    used_nonce::Entity::insert(row).on_conflict(first).try_insert().exec_without_returning(&app.store.pool).await?;
    let held = used_nonce::Entity::find_by_id(nonce).one(&app.store.pool).await?;
    Ok(held.is_some_and(|held| held.token == token))
}
