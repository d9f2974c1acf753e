//! A grant as the API shows it, with the way of each document about it.

use brevet_api::rest::grant::{Delivery, DeliveryState, GrantItem, GrantOrigin, GrantState};
use brevet_core::document::Kind;
use brevet_core::id::{GrantId, RequestId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{origin_named, state_named};
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::requests::show::{computer_ref, decisions};
use crate::store::entities::{grant, sequence};

/// As the API shows it.
///
/// # Errors
/// When the database does not answer.
pub async fn shown<C: ConnectionTrait>(connection: &C, row: grant::Model) -> Outcome<GrantItem> {
    let approvals = match &row.request {
        Some(request) if row.origin == "approved" => decisions(connection, request).await?,
        _ => Vec::new(),
    };
    Ok(GrantItem {
        id: GrantId::parse(&row.id)?,
        origin: origin_named(&row.origin).unwrap_or(GrantOrigin::Approved),
        state: state_named(&row.state).unwrap_or(GrantState::Expired),
        computer: computer_ref(connection, &row.computer).await?,
        user: row.user,
        target_user: row.target_user,
        command: row.command,
        reason: row.reason,
        policy: serde_json::from_str(&row.policy_ref)?,
        request: row.request.as_deref().map(RequestId::parse).transpose()?,
        version: unsigned(row.version),
        duration: Length::from_seconds(unsigned(row.seconds)),
        command_only: row.command_only,
        created: Timestamp::from_millis(row.created),
        use_before: Timestamp::from_millis(row.use_before),
        activated: row.activated.map(Timestamp::from_millis),
        ends: Timestamp::from_millis(row.ends),
        ended: row.ended.map(Timestamp::from_millis),
        detail: row.detail,
        approvals: approvals.into_iter().filter(|(kind, _)| kind != "declined").map(|(_, decision)| decision).collect(),
        deliveries: deliveries(connection, &row.id).await?,
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}

async fn deliveries<C: ConnectionTrait>(connection: &C, grant: &str) -> Outcome<Vec<Delivery>> {
    let rows = sequence::Entity::find()
        .filter(sequence::Column::Subject.eq(grant))
        .order_by_asc(sequence::Column::Epoch)
        .order_by_asc(sequence::Column::Seq)
        .all(connection)
        .await?;
    let shown = |row: sequence::Model| Delivery {
        document: if row.kind == "revocation" { Kind::Revocation } else { Kind::Grant },
        seq: unsigned(row.seq),
        state: match row.state.as_str() {
            "confirmed" => DeliveryState::Confirmed,
            "delivered" => DeliveryState::Delivered,
            _ => DeliveryState::Sent,
        },
        sent: Timestamp::from_millis(row.sent),
        delivered: row.delivered.map(Timestamp::from_millis),
        confirmed: row.confirmed.map(Timestamp::from_millis),
        processes_ended: row.processes_ended.and_then(|n| u32::try_from(n).ok()),
    };
    Ok(rows.into_iter().map(shown).collect())
}
