//! The database: SQLite by default, PostgreSQL by `--database`. One set of entities and migrations serves both.
//!
//! Reading goes through a pool. Writing goes through a `Change`: one transaction, one writer at a time, with its events;
//! so a busy database never reaches a user, and no state changes without its event. Beside it stands only what is no state: who is
//! connected where, and which nonces were used.

pub mod change;
pub mod copy;
pub mod entities;
mod first;
mod lock;
mod m0030_idempotency;
mod m0031_scopes;
mod m0040_decisions;
mod m0041_notification;
mod m0042_exceptions;
mod m0050_replicas;
mod m0060_events;
mod m0061_retention;
mod m0070_facts;
mod m0071_removed;
mod m0080_knowers;
mod m0090_proposer;
mod m0100_counted;
mod m0110_applications;
mod m0110_sign_in;
mod m0110_stamp;
mod m0111_lists;
mod m0111_standing;
mod m0120_views;
mod m0130_log;
mod m0140_few;
mod m0150_names;
mod m0160_processes;
pub mod once;
pub mod target;
pub mod tear;
mod turn;
mod tx;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    TransactionOptions, TransactionTrait as _,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub use change::Change;
pub use lock::Lock;
pub use turn::{Job, Turn};
pub use tx::Tx;
pub use tx::without_nul;

/// Every migration, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        // A line each, so that branches can be put together, in the order of their names: by that a database is known to be of this version.
        let first: Box<dyn MigrationTrait> = Box::new(first::First);
        let later: Vec<Box<dyn MigrationTrait>> = vec![
            Box::new(m0030_idempotency::IdempotencyOwner),
            Box::new(m0031_scopes::Scopes),
            Box::new(m0040_decisions::Decisions),
            Box::new(m0041_notification::Notification),
            Box::new(m0042_exceptions::Exceptions),
            Box::new(m0050_replicas::Replicas),
            Box::new(m0060_events::Events),
            Box::new(m0061_retention::Retention),
            Box::new(m0070_facts::Facts),
            Box::new(m0071_removed::Removed),
            Box::new(m0080_knowers::Knowers),
            Box::new(m0090_proposer::Proposer),
            Box::new(m0100_counted::Counted),
            Box::new(m0110_applications::Applications),
            Box::new(m0110_sign_in::SignIn),
            Box::new(m0110_stamp::Stamp),
            Box::new(m0111_lists::Lists),
            Box::new(m0111_standing::Standing),
            Box::new(m0120_views::Views),
            Box::new(m0130_log::Log),
            Box::new(m0140_few::Few),
            Box::new(m0150_names::Names),
            Box::new(m0160_processes::Processes),
        ];
        std::iter::once(first).chain(later).collect()
    }
}

/// A connection that was idle for longer is asked whether it still is one.
const IDLE: Duration = Duration::from_secs(1);

/// Of every PostgreSQL connection.
const POSTGRES: [(&str, &str); 6] = [
    ("application_name", "brevet-server"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("lock_timeout", "30s"),
    ("tcp_keepalives_idle", "20"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "4"),
];

/// The open database.
#[derive(Clone)]
pub struct Store {
    /// For reading.
    pub pool: DatabaseConnection,
    writer: Arc<tokio::sync::Mutex<()>>,
    /// For tests.
    pub tear: tear::Tear,
}

impl Store {
    /// Opens the database: the one named, else `DATA/brevet.db`.
    ///
    /// # Errors
    /// When it cannot be reached or opened.
    pub async fn open(data: &Path, url: Option<&str>) -> Result<Self, DbErr> {
        let url = url.map_or_else(|| format!("sqlite://{}?mode=rwc", data.join("brevet.db").display()), str::to_owned);
        let mut options = ConnectOptions::new(url);
        options
            .sqlx_logging(false)
            .max_connections(8)
            // One that was in use a moment ago is there: asking it each time would double what a short look costs.
            .test_before_acquire_if_idle_for(IDLE)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    // A page of rows comes over without its two threads waiting for each other.
                    .row_buffer_size(256)
                    .foreign_keys(true)
                    .pragma("journal_mode", "WAL")
                    .pragma("synchronous", "FULL")
                    .pragma("busy_timeout", "10000")
                    .optimize_on_close(true, None)
            })
            // A server that hangs or vanishes must not keep the others from writing.
            .map_sqlx_postgres_opts(|postgres| postgres.options(POSTGRES));
        Ok(Self { pool: Database::connect(options).await?, writer: Arc::default(), tear: tear::Tear::default() })
    }

    /// Whether other servers may use the same database at the same time.
    #[must_use]
    pub fn shared(&self) -> bool {
        self.pool.get_database_backend() == DbBackend::Postgres
    }

    /// For reading several things as they stood at one moment. Changes nothing; dropping it ends it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        // SQLite reads in a transaction from one snapshot anyway.
        let isolation_level = self.shared().then_some(IsolationLevel::RepeatableRead);
        self.pool.begin_with_options(TransactionOptions { isolation_level, ..TransactionOptions::default() }).await
    }

    /// Has SQLite look at what its tables hold now, so that it chooses the right index. PostgreSQL does so by itself.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn analyse(&self) -> Result<(), DbErr> {
        if !self.shared() {
            let _writer = self.writer.lock().await;
            // All tables that changed much since the last time (0x10000), by a bounded sample of each (0x10).
            self.pool.execute_unprepared("PRAGMA optimize = 0x10012").await?;
        }
        Ok(())
    }

    /// Brings the schema up to this version.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let _turn = Turn::wait(self, Job::Migrate).await?;
        Migrator::up(&self.pool, None).await
    }
}
