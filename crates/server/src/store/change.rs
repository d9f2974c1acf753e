//! One change: a transaction with its events, and whom to wake once it is durable.
//!
//! INVARIANT: everything that changes state goes through here. Dropped without `commit`, nothing happened.

use std::collections::BTreeSet;
use std::ops::Deref;

use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait as _};
use tokio::sync::OwnedMutexGuard;

use super::Store;
use crate::app::App;

/// A running change.
pub struct Change {
    tx: DatabaseTransaction,
    /// The server.
    pub app: App,
    /// The moment of this change.
    pub now: Timestamp,
    woken: BTreeSet<ComputerId>,
    _writer: OwnedMutexGuard<()>,
}

impl Change {
    /// Begins a change; waits for the one before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(app: &App) -> Result<Self, DbErr> {
        let Store { pool, writer } = &app.store;
        let guard = writer.clone().lock_owned().await;
        let immediate =
            TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
        let tx = pool.begin_with_options(immediate).await?;
        Ok(Self { tx, app: app.clone(), now: app.clock.now(), woken: BTreeSet::new(), _writer: guard })
    }

    /// The transaction, for queries.
    #[must_use]
    pub const fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// Has this computer's stream look for documents once the change is durable.
    pub fn wake(&mut self, computer: &ComputerId) {
        self.woken.insert(computer.clone());
    }

    /// Makes the change durable and wakes the streams that it concerns.
    ///
    /// # Errors
    /// When the database does not take it; then nothing happened.
    pub async fn commit(self) -> Result<(), DbErr> {
        let Self { tx, app, woken, .. } = self;
        super::once::mark(&tx).await?;
        tx.commit().await?;
        for computer in &woken {
            app.hub.wake(computer);
        }
        Ok(())
    }

    /// Lets go without changing anything; the same as dropping, said aloud.
    pub fn commit_nothing(self) {}
}

impl Deref for Change {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}
