//! A grant as the API shows it, with the way of each document about it. What stands beside the rows of a page is read once for all.

use std::collections::HashMap;

use brevet_api::rest::grant::{Delivery, DeliveryState, GrantItem, GrantOrigin, GrantState};
use brevet_core::document::Kind;
use brevet_core::id::{GrantId, RequestId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{origin_named, state_named};
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::requests::show::{Computers, Decisions};
use crate::store::entities::{grant, sequence};

/// As the API shows it.
///
/// # Errors
/// When the database does not answer.
pub async fn shown<C: ConnectionTrait>(connection: &C, row: grant::Model) -> Outcome<GrantItem> {
    let beside = Beside::load(connection, std::slice::from_ref(&row)).await?;
    item(row, &beside)
}

/// Several, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn all_shown<C: ConnectionTrait>(connection: &C, rows: Vec<grant::Model>) -> Outcome<Vec<GrantItem>> {
    let beside = Beside::load(connection, &rows).await?;
    rows.into_iter().map(|row| item(row, &beside)).collect()
}

/// What is shown with grants, read for all of them at once.
struct Beside {
    computers: Computers,
    decisions: Decisions,
    deliveries: HashMap<String, Vec<Delivery>>,
}

impl Beside {
    async fn load<C: ConnectionTrait>(connection: &C, rows: &[grant::Model]) -> Outcome<Self> {
        let decided = rows.iter().filter(|row| row.origin == "approved").filter_map(|row| row.request.as_ref());
        Ok(Self {
            computers: Computers::load(connection, rows.iter().map(|row| &row.computer)).await?,
            decisions: Decisions::load(connection, decided).await?,
            deliveries: deliveries(connection, rows.iter().map(|row| &row.id)).await?,
        })
    }
}

fn item(row: grant::Model, beside: &Beside) -> Outcome<GrantItem> {
    let approvals = match &row.request {
        Some(request) if row.origin == "approved" => beside.decisions.on(request),
        _ => &[],
    };
    let approvals = approvals.iter().filter(|(kind, _)| kind != "declined").map(|(_, decision)| decision.clone()).collect();
    Ok(GrantItem {
        id: GrantId::parse(&row.id)?,
        origin: origin_named(&row.origin).unwrap_or(GrantOrigin::Approved),
        state: state_named(&row.state).unwrap_or(GrantState::Expired),
        computer: beside.computers.named(&row.computer)?,
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
        approvals,
        deliveries: beside.deliveries.get(&row.id).cloned().unwrap_or_default(),
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}

/// By grant, in their order.
async fn deliveries<C: ConnectionTrait>(connection: &C, grants: impl Iterator<Item = &String>) -> Outcome<HashMap<String, Vec<Delivery>>> {
    let rows = sequence::Entity::find()
        .filter(sequence::Column::Subject.is_in(grants))
        // As its index says it: a database does not conclude it from the ids.
        .filter(Expr::cust("\"sequence\".\"subject\" <> ''"))
        .order_by_asc(sequence::Column::Epoch)
        .order_by_asc(sequence::Column::Seq)
        .all(connection)
        .await?;
    let shown = |row: &sequence::Model| Delivery {
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
    let mut all: HashMap<String, Vec<Delivery>> = HashMap::new();
    for row in rows {
        let delivery = shown(&row);
        all.entry(row.subject).or_default().push(delivery);
    }
    Ok(all)
}
