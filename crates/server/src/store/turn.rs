//! Work that one server of several does at a time. Who dies lets go of it, because the lock lives as long as their connection.
//!
//! This saves work; what must not happen twice is a conditional update besides.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, Statement, TransactionTrait as _};

use super::Store;

/// What is done in turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// What time alone brings about.
    Sweep,
    /// Redaction of what was kept for long enough.
    Redact,
    /// Bringing the schema up to date.
    Migrate,
}

impl Job {
    const fn lock(self) -> i64 {
        match self {
            Self::Sweep => 0x6272_6576_6574_0010,
            Self::Redact => 0x6272_6576_6574_0011,
            Self::Migrate => 0x6272_6576_6574_0012,
        }
    }
}

/// Ours until it is dropped.
pub struct Turn {
    _held: Option<DatabaseTransaction>,
}

impl Turn {
    /// Takes it, or `None` when another server is at it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take(store: &Store, job: Job) -> Result<Option<Self>, DbErr> {
        if !store.shared() {
            return Ok(Some(Self { _held: None }));
        }
        let tx = store.pool.begin().await?;
        let sql = format!("SELECT pg_try_advisory_xact_lock({})", job.lock());
        let row = tx.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        let ours = row.map(|row| row.try_get_by_index::<bool>(0)).transpose()?.unwrap_or(false);
        Ok(ours.then_some(Self { _held: Some(tx) }))
    }

    /// Waits for it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wait(store: &Store, job: Job) -> Result<Self, DbErr> {
        if !store.shared() {
            return Ok(Self { _held: None });
        }
        let tx = store.pool.begin().await?;
        tx.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0").await?;
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({})", job.lock())).await?;
        Ok(Self { _held: Some(tx) })
    }
}
