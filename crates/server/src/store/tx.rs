//! The transaction of a change: every statement passes here, so that a test can tear the connection at each, and so that no text has
//! a NUL in it, which PostgreSQL takes nowhere: whoever can put one into a reason must not keep a computer's journal from being stored.

use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement, Value};
use sea_orm_migration::async_trait::async_trait;

use super::tear::{Tear, torn};

/// A running transaction.
pub struct Tx {
    inner: DatabaseTransaction,
    tear: Tear,
    broken: AtomicBool,
}

impl Tx {
    pub(super) fn new(inner: DatabaseTransaction, tear: Tear) -> Self {
        Self { inner, tear, broken: AtomicBool::new(false) }
    }

    async fn point(&self) -> Result<(), DbErr> {
        let passed = if self.broken.load(Ordering::Relaxed) { Err(torn()) } else { self.tear.point(&self.inner).await };
        if passed.is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        passed
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.point().await?;
        self.inner.commit().await?;
        self.tear.point_after()
    }
}

#[async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.point().await?;
        self.inner.execute_raw(plain(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.point().await?;
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.point().await?;
        self.inner.query_one_raw(plain(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.point().await?;
        self.inner.query_all_raw(plain(statement)).await
    }
}

/// The text with U+FFFD where it had a NUL. What is kept byte for byte is JSON text, which writes a NUL in other characters.
#[must_use]
pub fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn plain(mut statement: Statement) -> Statement {
    for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
        if let Value::String(Some(text)) = value {
            *text = without_nul(std::mem::take(text));
        }
    }
    statement
}
