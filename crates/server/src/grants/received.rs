//! What a computer's journal says of grants: first use, end, receipts, and those that its broker made itself.

use brevet_core::document::{EndReason, GrantDocument, Kind};
use brevet_core::escape;
use brevet_core::id::GrantId;
use brevet_core::record::{DocumentConfirmed, DocumentRefused, GrantActivated, GrantEnded, LocalGrant, Origin};
use brevet_core::request::Request;
use brevet_core::text::OsText;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{OPEN, unused};
use crate::definitions::write::signed;
use crate::documents::sequence::{Place, kind_name, unsigned};
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{computer, grant, request, sequence};

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
        redacted: Set(None),
    };
    grant::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// The broker accepted a grant of ours. A server that was put back to a backup may have forgotten it: then it is taken from the
/// record, so that it can be seen and revoked. Only one of an earlier epoch: what this epoch issued is known, and a computer's
/// word approves nothing.
///
/// # Errors
/// When the database does not take it.
pub async fn known(change: &Change, row: &computer::Model, it: &GrantDocument) -> Outcome<()> {
    let computer = row.id.as_str();
    if it.epoch >= unsigned(row.epoch) {
        return Ok(());
    }
    if grant::Entity::find_by_id(it.grant.as_str()).one(change.tx()).await?.is_some() || it.computer.as_str() != computer {
        return Ok(());
    }
    let Some(request) = request::Entity::find_by_id(it.request.as_str()).one(change.tx()).await? else { return Ok(()) };
    let asked: Request = serde_json::from_str(&request.body)?;
    if request.computer != computer || asked.digest != it.request_digest {
        return Ok(());
    }
    super::issue::keep(change, &asked, it).await?;
    request::Entity::update_many()
        .col_expr(request::Column::State, Expr::value("approved"))
        .col_expr(request::Column::Closed, Expr::value(it.time.millis()))
        .col_expr(request::Column::Grant, Expr::value(it.grant.as_str()))
        .filter(request::Column::Id.eq(&request.id))
        .filter(request::Column::State.eq("pending"))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// First use: from now its end is known. A computer that was silent may tell of it after the server took the grant for unused;
/// what it says counts, and the end that it tells of next stands.
///
/// # Errors
/// When the database does not take it.
pub async fn activated(change: &Change, computer: &str, it: &GrantActivated) -> Outcome<()> {
    grant::Entity::update_many()
        .col_expr(grant::Column::State, Expr::value("active"))
        .col_expr(grant::Column::Ended, Expr::value(None::<i64>))
        .col_expr(grant::Column::Detail, Expr::value(None::<String>))
        .filter(grant::Column::Id.eq(it.grant.as_str()))
        .filter(grant::Column::Computer.eq(computer))
        .filter(grant::Column::State.is_in(["issued", "unused"]))
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
pub async fn confirmed(change: &Change, computer: &str, it: &DocumentConfirmed) -> Outcome<()> {
    let in_sequence = matches!(it.document, Kind::Manifest | Kind::Grant | Kind::Decline | Kind::Revocation);
    if !in_sequence {
        return Ok(());
    }
    let wall = change.now.millis();
    // By its digest, because a journal that is sent again after a restore speaks of documents of an earlier epoch.
    let Some(place) = sequence::Entity::find()
        .filter(sequence::Column::Computer.eq(computer))
        .filter(sequence::Column::Digest.eq(it.digest.to_string()))
        .filter(sequence::Column::Kind.eq(kind_name(it.document)))
        .one(change.tx())
        .await?
        .map(|row| Place { epoch: unsigned(row.epoch), seq: unsigned(row.seq) })
    else {
        return Ok(());
    };
    let Place { epoch, seq } = place;
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
        .filter(sequence::Column::State.ne("confirmed"))
        .exec(change.tx())
        .await?;
    crate::documents::sequence::delivered(change, computer, place).await
}

/// A computer refused a document: when that was a grant's first version, and it will not take it later, nobody can use the grant.
/// Gives the grant that the document was about.
///
/// # Errors
/// When the database does not take it.
pub async fn refused(change: &Change, row: &computer::Model, it: &DocumentRefused) -> Outcome<Option<GrantId>> {
    let Some(digest) = &it.digest else { return Ok(None) };
    let found = sequence::Entity::find()
        .filter(sequence::Column::Computer.eq(&row.id))
        .filter(sequence::Column::Digest.eq(digest.to_string()))
        .filter(sequence::Column::Kind.is_in([kind_name(Kind::Grant), kind_name(Kind::Revocation)]))
        .one(change.tx())
        .await?;
    let Some(found) = found else { return Ok(None) };
    let id = GrantId::parse(&found.subject)?;
    if found.kind == kind_name(Kind::Grant) && FINAL.contains(&it.code.as_str()) {
        let taken = sequence::Entity::find()
            .filter(sequence::Column::Computer.eq(&row.id))
            .filter(sequence::Column::Subject.eq(&found.subject))
            .filter(sequence::Column::Kind.eq(kind_name(Kind::Grant)))
            .filter(sequence::Column::State.eq("confirmed"))
            .one(change.tx())
            .await?;
        if taken.is_none() {
            unused::end(change, &found.subject, &format!("its computer refused it: {}", it.reason)).await?;
        }
    }
    Ok(Some(id))
}

/// Codes of a refusal that the same document meets again whenever it is sent. The others say that it was there before, or that
/// something is missing before it.
const FINAL: [&str; 4] = ["unknown_request", "request_closed", "digest", "unreadable"];
