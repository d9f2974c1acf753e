//! A PostgreSQL database that is to be filled: while no server uses it, and all or nothing.

use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait as _};

use super::copy::{self, Copied, CopyError, Say};
use super::{Job, Store, Turn};

/// Ours alone until it is committed or dropped. Dropped, nothing happened.
pub struct Target {
    tx: DatabaseTransaction,
    turn: Turn,
    store: Store,
}

impl Target {
    /// Opens it; `None` when a server uses it. One that starts meanwhile waits until this is over.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn open(data: &Path, url: &str) -> Result<Option<Self>, DbErr> {
        let store = Store::open(data, Some(url)).await?;
        if in_use(&store).await? {
            store.pool.close().await?;
            return Ok(None);
        }
        let turn = Turn::wait(&store, Job::Migrate).await?;
        let tx = store.pool.begin().await?;
        // What is to come is made ready meanwhile, for as long as it takes.
        tx.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        Ok(Some(Self { tx, turn, store }))
    }

    /// Whether it has no tables.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_empty(&self) -> Result<bool, DbErr> {
        Ok(copy::tables(&self.tx).await?.is_empty())
    }

    /// Moves the tables that are there to a schema of this name, which nothing reads.
    ///
    /// # Errors
    /// When there is such a schema, or our role may not make one.
    pub async fn set_aside(&self, schema: &str) -> Result<(), DbErr> {
        self.tx.execute_unprepared(&format!("CREATE SCHEMA \"{schema}\"")).await?;
        let move_all = "SELECT format('ALTER TABLE %I.%I SET SCHEMA %I', schemaname, tablename, $1) \
                        FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
        let rows = self.tx.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, move_all, [schema.into()])).await?;
        for row in rows {
            self.tx.execute_unprepared(&row.try_get_by_index::<String>(0)?).await?;
        }
        Ok(())
    }

    /// Makes the tables and copies everything into them.
    ///
    /// # Errors
    /// As `copy`; then this is to be dropped.
    pub async fn fill(&self, from: &DatabaseTransaction, say: Say<'_>) -> Result<Vec<Copied>, CopyError> {
        copy::make_tables(from, &self.tx).await?;
        copy::copy(from, &self.tx, say).await
    }

    /// Makes it durable, and lets servers in.
    ///
    /// # Errors
    /// When the database does not take it; then nothing happened.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.tx.commit().await?;
        drop(self.turn);
        self.store.pool.close().await
    }
}

/// How often, and after how long each time, it is asked whether the others are gone.
const ASKED: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// Whether another connection of the program stays open: a server's, on whichever machine. What was stopped a moment ago is given time
/// to go: PostgreSQL notices it a little later.
///
/// # Errors
/// When the database does not answer.
pub async fn in_use(store: &Store) -> Result<bool, DbErr> {
    for _ in 0..ASKED {
        if others(store).await? == 0 {
            return Ok(false);
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Ok(true)
}

async fn others(store: &Store) -> Result<i64, DbErr> {
    let tx = store.pool.begin().await?;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
               AND application_name = current_setting('application_name')";
    let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    let others = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
    tx.commit().await?;
    Ok(others)
}
