//! Done once: a call under an idempotency key marks the key as done in the very transaction that does its work.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _};

use super::Tx;
use super::entities::idempotency::{Column, Entity};

/// Reserved, and nothing durable yet.
pub const RUNNING: i64 = 0;
/// Durable; the answer is not kept yet.
pub const DONE: i64 = 1;
/// Durable; the answer is not kept at all.
pub const UNKEPT: i64 = 2;

/// Under which key a call runs, and that it is this call.
#[derive(Debug, Clone)]
pub struct Running {
    /// As stored.
    pub key: String,
    /// Random; another call that took over a lost one's key has another.
    pub owner: String,
}

tokio::task_local! {
    static CALL: Running;
}

/// Runs a call under its key.
pub async fn within<F: Future>(running: Running, call: F) -> F::Output {
    CALL.scope(running, call).await
}

/// Marks the running call's key as done in this transaction; nothing where there is no key.
///
/// # Errors
/// When another call has the key by now: then the transaction must not happen.
pub(super) async fn mark(tx: &Tx) -> Result<(), DbErr> {
    let Ok(running) = CALL.try_with(Clone::clone) else { return Ok(()) };
    let marked = Entity::update_many()
        .col_expr(Column::Status, Expr::value(DONE))
        .filter(Column::Key.eq(running.key))
        .filter(Column::Owner.eq(running.owner))
        .exec(tx)
        .await?;
    if marked.rows_affected == 1 { Ok(()) } else { Err(DbErr::Custom("another call took over this idempotency key".into())) }
}
