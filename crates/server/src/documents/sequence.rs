//! The sequence of one computer: manifests, grants, declines, revocations.

use brevet_core::document::{Envelope, Kind};
use brevet_core::id::ComputerId;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::definitions::write::signed;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::{computer, sequence};

/// A place in a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The server's epoch.
    pub epoch: u64,
    /// From 1 in each epoch.
    pub seq: u64,
}

/// Takes the next place, has the document signed for it, keeps it and wakes the computer's stream.
///
/// # Errors
/// When there is no such computer, or the document cannot be sealed.
pub async fn append(
    change: &mut Change,
    computer: &ComputerId,
    kind: Kind,
    subject: &str,
    seal: impl FnOnce(Place) -> Outcome<Envelope>,
) -> Outcome<Place> {
    let row = computer::Entity::find_by_id(computer.as_str()).one(change.tx()).await?;
    let row = row.ok_or_else(|| Failure::not_found("computer", computer.as_str()))?;
    let place = Place { epoch: unsigned(row.epoch), seq: unsigned(row.sent).saturating_add(1) };
    let taken = computer::Entity::update_many()
        .col_expr(computer::Column::Sent, Expr::value(signed(place.seq)))
        .filter(computer::Column::Id.eq(computer.as_str()).and(computer::Column::Sent.eq(row.sent)))
        .exec(change.tx())
        .await?;
    if taken.rows_affected != 1 {
        return Err(Failure::internal("a place in a sequence was taken twice"));
    }
    let envelope = seal(place)?;
    let row = sequence::ActiveModel {
        computer: Set(computer.to_string()),
        epoch: Set(signed(place.epoch)),
        seq: Set(signed(place.seq)),
        kind: Set(kind_name(kind).into()),
        digest: Set(envelope.digest()?.to_string()),
        subject: Set(subject.into()),
        state: Set("sent".into()),
        sent: Set(change.now.millis()),
        delivered: Set(None),
        confirmed: Set(None),
        processes_ended: Set(None),
        envelope: Set(serde_json::to_string(&envelope)?),
    };
    sequence::Entity::insert(row).exec(change.tx()).await?;
    change.wake(computer);
    Ok(place)
}

/// Lets go of manifests that say nothing any more once another follows: those that the computer's signed receipts say it has kept, and
/// those of earlier epochs, which nobody is sent. Whoever lacks such a place after all is sent the newest manifest in it (`agents::stream`).
///
/// # Errors
/// When the database does not answer.
pub async fn forget_manifests(change: &Change, computer: &ComputerId, epoch: u64) -> Outcome<()> {
    let epoch = signed(epoch);
    let receipt = sequence::Entity::find()
        .filter(sequence::Column::Computer.eq(computer.as_str()))
        .filter(sequence::Column::Epoch.eq(epoch))
        .filter(sequence::Column::State.eq("confirmed"))
        .order_by_desc(sequence::Column::Seq)
        .select_only()
        .column(sequence::Column::Seq)
        .into_tuple::<i64>()
        .one(change.tx())
        .await?;
    // A broker takes the next place only when it has kept the one before. Its last receipt may be of one that it had not kept yet when
    // it fell: that one stays.
    let kept = sequence::Column::Seq.lt(receipt.unwrap_or(0)).and(sequence::Column::State.eq("confirmed"));
    sequence::Entity::delete_many()
        .filter(sequence::Column::Computer.eq(computer.as_str()))
        .filter(sequence::Column::Kind.eq(kind_name(Kind::Manifest)))
        .filter(sequence::Column::Epoch.lt(epoch).or(sequence::Column::Epoch.eq(epoch).and(kept)))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// The newest manifest of an epoch.
///
/// # Errors
/// When the database does not answer.
pub async fn newest_manifest<C: ConnectionTrait>(connection: &C, computer: &ComputerId, epoch: u64) -> Outcome<Option<Envelope>> {
    let row = sequence::Entity::find()
        .filter(sequence::Column::Computer.eq(computer.as_str()))
        .filter(sequence::Column::Epoch.eq(signed(epoch)))
        .filter(sequence::Column::Kind.eq(kind_name(Kind::Manifest)))
        .order_by_desc(sequence::Column::Seq)
        .one(connection)
        .await?;
    row.map(|row| serde_json::from_str(&row.envelope)).transpose().map_err(Into::into)
}

/// What comes after a place, in order, at most so many.
///
/// # Errors
/// When the database does not answer.
pub async fn after<C: ConnectionTrait>(connection: &C, computer: &ComputerId, place: Place, most: u64) -> Outcome<Vec<sequence::Model>> {
    Ok(sequence::Entity::find()
        .filter(sequence::Column::Computer.eq(computer.as_str()))
        .filter(sequence::Column::Epoch.eq(signed(place.epoch)))
        .filter(sequence::Column::Seq.gt(signed(place.seq)))
        .order_by_asc(sequence::Column::Seq)
        .limit(most)
        .all(connection)
        .await?)
}

/// The computer says that it holds everything up to a place.
///
/// # Errors
/// When the database does not answer.
pub async fn delivered(change: &Change, computer: &str, place: Place) -> Outcome<()> {
    let moved = sequence::Entity::update_many()
        .col_expr(sequence::Column::State, Expr::value("delivered"))
        .col_expr(sequence::Column::Delivered, Expr::value(change.now.millis()))
        .filter(sequence::Column::Computer.eq(computer))
        .filter(sequence::Column::Epoch.eq(signed(place.epoch)))
        .filter(sequence::Column::Seq.lte(signed(place.seq)))
        .filter(sequence::Column::State.eq("sent"))
        .exec(change.tx())
        .await?;
    if moved.rows_affected > 0 {
        change.shows();
    }
    computer::Entity::update_many()
        .col_expr(computer::Column::Held, Expr::value(signed(place.seq)))
        .filter(computer::Column::Id.eq(computer))
        .filter(computer::Column::Epoch.eq(signed(place.epoch)))
        .filter(computer::Column::Sent.gte(signed(place.seq)))
        .filter(computer::Column::Held.lt(signed(place.seq)))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// As the column holds it.
#[must_use]
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Trust => "trust",
        Kind::Policy => "policy",
        Kind::Autonomous => "autonomous",
        Kind::Settings => "settings",
        Kind::Manifest => "manifest",
        Kind::Grant => "grant",
        Kind::Decline => "decline",
        Kind::Revocation => "revocation",
        Kind::Heartbeat => "heartbeat",
        Kind::Acknowledgement => "acknowledgement",
    }
}

/// Numbers of the database are never negative.
#[must_use]
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
