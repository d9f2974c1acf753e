//! One change: a transaction with its events, and whom to wake once it is durable.
//!
//! INVARIANT: everything that changes state goes through here. Dropped without `commit`, nothing happened. There is one writer at a
//! time, also when several servers share a PostgreSQL: so events have the order in which they became durable, and whatever a change
//! reads stays so until it is over.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait as _, DbErr, EntityTrait as _, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use tokio::sync::OwnedMutexGuard;

use super::entities::woken;
use super::{Store, Tx};
use crate::app::App;
use crate::audit::log::Growing;
use crate::notification::outbox::Filling;
use crate::proposals;

/// The advisory lock that every writer holds until its transaction is over. PostgreSQL lets go of it after the commit is visible, and
/// when the writer's connection ends in any way.
const WRITER: i64 = 0x6272_6576_6574_0001;

/// More computers than this are not named one by one.
const MOST_NAMED: usize = 200;

/// Where servers that share a database hear of changes.
pub const CHANNEL: &str = "brevet_changes";

/// Every computer, in the row that says which were woken.
pub const EVERY: &str = "*";

/// A running change.
pub struct Change {
    tx: Tx,
    /// The server.
    pub app: App,
    /// The moment of this change.
    pub now: Timestamp,
    woken: BTreeSet<ComputerId>,
    recorded: AtomicBool,
    /// What stood before, where four eyes will compare.
    pub before: Option<proposals::Guarded>,
    /// What this change puts into the outbox.
    pub filling: Filling,
    /// What this change adds to the log.
    pub log: Growing,
    _writer: OwnedMutexGuard<()>,
}

impl Change {
    /// Begins a change; waits for the one before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(app: &App) -> Result<Self, DbErr> {
        let Store { pool, writer, tear, .. } = &app.store;
        let guard = writer.clone().lock_owned().await;
        let immediate =
            TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
        let tx = Tx::new(pool.begin_with_options(immediate).await?, tear.clone());
        if app.store.shared() {
            tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({WRITER})")).await?;
        }
        let before = proposals::before(&tx).await?;
        Ok(Self {
            tx,
            app: app.clone(),
            now: app.clock.now(),
            woken: BTreeSet::new(),
            recorded: AtomicBool::new(false),
            before,
            filling: Filling::default(),
            log: Growing::default(),
            _writer: guard,
        })
    }

    /// The transaction, for queries.
    #[must_use]
    pub const fn tx(&self) -> &Tx {
        &self.tx
    }

    /// Has this computer's stream look for documents once the change is durable.
    pub fn wake(&mut self, computer: &ComputerId) {
        self.woken.insert(computer.clone());
    }

    /// An event was written in this change.
    pub(crate) fn recorded(&self) {
        self.shows();
    }

    /// Something changed that pages of the console show: those that are open look again.
    pub(crate) fn shows(&self) {
        self.recorded.store(true, Ordering::Relaxed);
    }

    /// Makes the change durable and wakes the streams that it concerns, also those of other servers on the same database.
    ///
    /// # Errors
    /// When the database does not take it; then nothing happened. When the connection broke while it answered, it may have.
    pub async fn commit(self) -> Result<(), DbErr> {
        // Dropped, a trial leaves nothing behind.
        if proposals::settle(&self).await? == proposals::Settled::Undo {
            return Ok(());
        }
        let news = self.recorded.load(Ordering::Relaxed);
        if self.app.store.shared() && (news || !self.woken.is_empty()) {
            self.tell_others().await?;
        }
        let Self { tx, app, woken, filling, log, .. } = self;
        log.write(&tx, &app.keys.issuer).await?;
        super::once::mark(&tx).await?;
        tx.commit().await?;
        for computer in &woken {
            app.hub.wake(computer);
        }
        if news {
            app.hub.tell();
        }
        if filling.filled() {
            app.outbox.wake.notify_one();
        }
        Ok(())
    }

    /// INVARIANT: the row stands if and only if the change does. The notification only has others look at it sooner.
    async fn tell_others(&self) -> Result<(), DbErr> {
        let computers = if self.woken.len() > MOST_NAMED {
            EVERY.to_owned()
        } else {
            self.woken.iter().map(ComputerId::as_str).collect::<Vec<_>>().join(" ")
        };
        let row = woken::ActiveModel {
            seq: NotSet,
            replica: Set(self.app.replica.id.clone()),
            time: Set(self.now.millis()),
            computers: Set(computers),
        };
        woken::Entity::insert(row).exec_without_returning(&self.tx).await?;
        self.tx.execute_unprepared(&format!("SELECT pg_notify('{CHANNEL}', '')")).await?;
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
