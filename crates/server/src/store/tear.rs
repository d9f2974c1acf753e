//! Where a test tears the connection to the database: before a statement of a change, before its commit, or right after it.
//!
//! In production nothing arms it. On PostgreSQL the backend really ends; on SQLite, which has no connection to lose, the statement
//! fails and so does everything after it, which is what a caller sees of a process that lost its database.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};

const OFF: i64 = -1;

/// Armed or not, shared by all changes of a store.
#[derive(Debug, Clone)]
pub struct Tear(Arc<AtomicI64>);

impl Default for Tear {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(OFF)))
    }
}

impl Tear {
    /// Tears at the point with this number, counted from 0 from now on, once.
    pub fn arm(&self, point: u32) {
        self.0.store(i64::from(point), Ordering::SeqCst);
    }

    /// Tears nothing any more; whether it had not torn yet.
    pub fn disarm(&self) -> bool {
        self.0.swap(OFF, Ordering::SeqCst) != OFF
    }

    /// Whether this is the point.
    fn due(&self) -> bool {
        if self.0.load(Ordering::Relaxed) == OFF {
            return false;
        }
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| if left == OFF { None } else { Some(left - 1) }) == Ok(0)
    }

    /// A point with a connection: on PostgreSQL the connection is gone after this, and what follows fails by itself.
    pub(super) async fn point(&self, tx: &DatabaseTransaction) -> Result<(), DbErr> {
        if !self.due() {
            return Ok(());
        }
        if tx.get_database_backend() == DbBackend::Postgres {
            let _ = tx.execute_unprepared("SELECT pg_terminate_backend(pg_backend_pid())").await;
            return Ok(());
        }
        Err(torn())
    }

    /// A point without one: nobody hears what the database did.
    pub(super) fn point_after(&self) -> Result<(), DbErr> {
        if self.due() { Err(torn()) } else { Ok(()) }
    }
}

/// As the driver says it.
pub(super) fn torn() -> DbErr {
    DbErr::Conn(sea_orm::RuntimeErr::Internal("the connection to the database was torn".into()))
}
