//! What a computer's journal says of grants: first use, end, receipts, and those that its broker made itself.

use brevet_core::document::{EndReason, Kind};
use brevet_core::escape;
use brevet_core::record::{DocumentConfirmed, GrantActivated, GrantEnded, LocalGrant, Origin};
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::OPEN;
use crate::definitions::write::signed;
use crate::documents::sequence::kind_name;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{grant, sequence};

/// As the column and the event's kind hold it.
#[must_use]
pub const fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Expired => "expired",
        EndReason::Revoked => "revoked",
        EndReason::Finished => "finished",
        EndReason::Unused => "unused",
    }
}

/// The broker made a grant of its own.
///
/// # Errors
/// When the database does not take it.
pub async fn issued(change: &Change, computer: &str, it: &LocalGrant, time: Timestamp) -> Outcome<()> {
    if grant::Entity::find_by_id(it.id.as_str()).one(change.tx()).await?.is_some() {
        return Ok(());
    }
    let origin = match it.origin {
        Origin::Automatic => "automatic",
        Origin::Justify => "justify",
        Origin::Autonomous => "autonomous",
    };
    let row = grant::ActiveModel {
        id: Set(it.id.to_string()),
        computer: Set(computer.into()),
        origin: Set(origin.into()),
        state: Set("issued".into()),
        user: Set(it.user.name.clone()),
        target_user: Set(it.command.target.name.clone()),
        command: Set(escape::command(it.command.arguments.iter().map(OsText::as_bytes))),
        reason: Set(it.reason.clone()),
        policy: Set(it.policy.id.to_string()),
        policy_ref: Set(serde_json::to_string(&it.policy)?),
        request: Set(it.request.as_ref().map(ToString::to_string)),
        version: Set(1),
        seconds: Set(signed(it.duration.seconds())),
        command_only: Set(false),
        created: Set(time.millis()),
        use_before: Set(it.use_before.millis()),
        activated: Set(None),
        ends: Set(it.use_before.plus(it.duration).millis()),
        ended: Set(None),
        detail: Set(None),
        body: Set(serde_json::to_string(it)?),
    };
    grant::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// First use: from now its end is known.
///
/// # Errors
/// When the database does not take it.
pub async fn activated(change: &Change, computer: &str, it: &GrantActivated) -> Outcome<()> {
    grant::Entity::update_many()
        .col_expr(grant::Column::State, Expr::value("active"))
        .filter(grant::Column::Id.eq(it.grant.as_str()))
        .filter(grant::Column::Computer.eq(computer))
        .filter(grant::Column::State.eq("issued"))
        .exec(change.tx())
        .await?;
    // The end of a grant that was revoked here meanwhile is not moved.
    grant::Entity::update_many()
        .col_expr(grant::Column::Activated, Expr::value(it.at.wall.millis()))
        .col_expr(grant::Column::Ends, Expr::value(it.ends.millis()))
        .filter(grant::Column::Id.eq(it.grant.as_str()))
        .filter(grant::Column::Computer.eq(computer))
        .filter(grant::Column::Activated.is_null())
        .exec(change.tx())
        .await?;
    Ok(())
}

/// The grant ended there; false when it had ended here before.
///
/// # Errors
/// When the database does not take it.
pub async fn ended(change: &Change, computer: &str, it: &GrantEnded, time: Timestamp) -> Outcome<bool> {
    let moved = grant::Entity::update_many()
        .col_expr(grant::Column::State, Expr::value(reason_name(it.reason)))
        .col_expr(grant::Column::Ended, Expr::value(time.millis()))
        .col_expr(grant::Column::Detail, Expr::value(it.detail.clone()))
        .filter(grant::Column::Id.eq(it.grant.as_str()))
        .filter(grant::Column::Computer.eq(computer))
        .filter(grant::Column::State.is_in(OPEN))
        .exec(change.tx())
        .await?;
    Ok(moved.rows_affected == 1)
}

/// A document took effect there: the receipt.
///
/// # Errors
/// When the database does not take it.
pub async fn confirmed(change: &Change, computer: &str, epoch: u64, it: &DocumentConfirmed) -> Outcome<()> {
    let in_sequence = matches!(it.document, Kind::Manifest | Kind::Grant | Kind::Decline | Kind::Revocation);
    let Some(seq) = it.seq.filter(|_| in_sequence) else { return Ok(()) };
    let wall = change.now.millis();
    sequence::Entity::update_many()
        .col_expr(sequence::Column::Delivered, Expr::value(wall))
        .filter(sequence::Column::Computer.eq(computer))
        .filter(sequence::Column::Epoch.eq(signed(epoch)))
        .filter(sequence::Column::Seq.lte(signed(seq)))
        .filter(sequence::Column::Delivered.is_null())
        .exec(change.tx())
        .await?;
    sequence::Entity::update_many()
        .col_expr(sequence::Column::State, Expr::value("confirmed"))
        .col_expr(sequence::Column::Confirmed, Expr::value(wall))
        .col_expr(sequence::Column::ProcessesEnded, Expr::value(it.processes_ended.map(i64::from)))
        .filter(sequence::Column::Computer.eq(computer))
        .filter(sequence::Column::Epoch.eq(signed(epoch)))
        .filter(sequence::Column::Seq.eq(signed(seq)))
        .filter(sequence::Column::Digest.eq(it.digest.to_string()))
        .filter(sequence::Column::Kind.eq(kind_name(it.document)))
        .filter(sequence::Column::State.ne("confirmed"))
        .exec(change.tx())
        .await?;
    crate::documents::sequence::delivered(change, computer, crate::documents::sequence::Place { epoch, seq }).await
}
