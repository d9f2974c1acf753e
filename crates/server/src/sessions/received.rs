//! What a computer's journal says of sessions.

use brevet_core::escape;
use brevet_core::record::{Outcome as SessionOutcome, SessionEnded, SessionStarted};
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::session;

/// About to start.
///
/// # Errors
/// When the database does not take it.
pub async fn started(change: &Change, computer: &str, it: &SessionStarted, time: Timestamp) -> Outcome<()> {
    if session::Entity::find_by_id(it.session.as_str()).one(change.tx()).await?.is_some() {
        return Ok(());
    }
    let containment = serde_json::to_value(it.containment)?;
    let row = session::ActiveModel {
        id: Set(it.session.to_string()),
        grant: Set(it.grant.to_string()),
        computer: Set(computer.into()),
        state: Set("started".into()),
        user: Set(it.user.name.clone()),
        target_user: Set(it.command.target.name.clone()),
        command: Set(escape::command(it.command.arguments.iter().map(OsText::as_bytes))),
        reason: Set(it.reason.clone()),
        policy: Set(it.policy.id.to_string()),
        policy_ref: Set(serde_json::to_string(&it.policy)?),
        containment: Set(containment.as_str().unwrap_or_default().to_owned()),
        started: Set(time.millis()),
        ends: Set(it.ends.millis()),
        ended: Set(None),
        outcome: Set(None),
        processes_ended: Set(None),
        record: Set(serde_json::to_string(it)?),
        redacted: Set(None),
        processes: Set(None),
        processes_at: Set(None),
    };
    session::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// Over.
///
/// # Errors
/// When the database does not take it.
pub async fn ended(change: &Change, computer: &str, it: &SessionEnded, time: Timestamp) -> Outcome<()> {
    session::Entity::update_many()
        .col_expr(session::Column::State, Expr::value("ended"))
        .col_expr(session::Column::Ended, Expr::value(time.millis()))
        .col_expr(session::Column::Outcome, Expr::value(serde_json::to_string(&it.outcome)?))
        .col_expr(session::Column::ProcessesEnded, Expr::value(i64::from(it.processes_ended)))
        .filter(session::Column::Id.eq(it.session.as_str()))
        .filter(session::Column::Computer.eq(computer))
        .filter(session::Column::State.eq("started"))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// How it ended, in words.
#[must_use]
pub fn in_words(outcome: &SessionOutcome) -> String {
    match outcome {
        SessionOutcome::Exited { status } => format!("exited with {status}"),
        SessionOutcome::Signalled { signal } => format!("killed by signal {signal}"),
        SessionOutcome::NotStarted { reason } => format!("not started: {reason}"),
        SessionOutcome::Expired => "expired".into(),
        SessionOutcome::Revoked => "revoked".into(),
        SessionOutcome::Finished => "finished".into(),
        SessionOutcome::Lost => "lost".into(),
    }
}

/// Its name, as in the record.
#[must_use]
pub const fn outcome_name(outcome: &SessionOutcome) -> &'static str {
    match outcome {
        SessionOutcome::Exited { .. } => "exited",
        SessionOutcome::Signalled { .. } => "signalled",
        SessionOutcome::NotStarted { .. } => "not_started",
        SessionOutcome::Expired => "expired",
        SessionOutcome::Revoked => "revoked",
        SessionOutcome::Finished => "finished",
        SessionOutcome::Lost => "lost",
    }
}
