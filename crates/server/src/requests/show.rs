//! A request as the API shows it.

use brevet_api::rest::computer::ComputerRef;
use brevet_api::rest::request::{Decision, RequestItem};
use brevet_core::escape;
use brevet_core::id::{ComputerId, GrantId, PersonId, RequestId};
use brevet_core::request::{Request, RequestState};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::state_named;
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::store::entities::{computer, decision, request};

/// As the API shows it.
///
/// # Errors
/// When the database does not answer.
pub async fn shown<C: ConnectionTrait>(connection: &C, row: request::Model) -> Outcome<RequestItem> {
    let body: Request = serde_json::from_str(&row.body)?;
    let mut decisions = decisions(connection, &row.id).await?;
    let declined = decisions.iter().position(|(kind, _)| kind == "declined").map(|i| decisions.remove(i).1);
    let computer = computer_ref(connection, &row.computer).await?;
    let approvers = super::decide::approvers(&row, &super::received::terms(connection, &body).await?);
    Ok(RequestItem {
        id: RequestId::parse(&row.id)?,
        code: body.digest.short_code(),
        state: state_named(&row.state).unwrap_or(RequestState::Lapsed),
        computer,
        user: row.user,
        target_user: body.command.target.name.clone(),
        command: escape::command(body.command.arguments.iter().map(OsText::as_bytes)),
        reason: body.reason.clone(),
        ticket: body.ticket.clone(),
        duration: body.duration,
        policy: body.policy.clone(),
        created: Timestamp::from_millis(row.created),
        lapses: Timestamp::from_millis(row.lapses),
        closed: row.closed.map(Timestamp::from_millis),
        consistent: row.consistent,
        revision: unsigned(row.revision),
        approvers,
        reminded: row.reminded.map(Timestamp::from_millis),
        escalated: row.escalated.map(Timestamp::from_millis),
        approvals_needed: u32::try_from(row.needed).unwrap_or(u32::MAX),
        approvals: decisions.into_iter().filter(|(kind, _)| kind == "approved").map(|(_, decision)| decision).collect(),
        declined,
        grant: row.grant.as_deref().map(GrantId::parse).transpose()?,
        request: Box::new(body),
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}

/// Every decision on a request, with its kind, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn decisions<C: ConnectionTrait>(connection: &C, request: &str) -> Outcome<Vec<(String, Decision)>> {
    let rows =
        decision::Entity::find().filter(decision::Column::Request.eq(request)).order_by_asc(decision::Column::Time).all(connection).await?;
    let shown = |row: decision::Model| -> Outcome<(String, Decision)> {
        let decision = Decision {
            person: PersonId::parse(&row.person)?,
            name: row.name,
            time: Timestamp::from_millis(row.time),
            comment: row.comment,
            duration: row.seconds.map(|seconds| Length::from_seconds(unsigned(seconds))),
            command_only: row.command_only,
        };
        Ok((row.kind, decision))
    };
    rows.into_iter().map(shown).collect()
}

/// A computer by id and name.
///
/// # Errors
/// When the database does not answer.
pub async fn computer_ref<C: ConnectionTrait>(connection: &C, id: &str) -> Outcome<ComputerRef> {
    let row = computer::Entity::find_by_id(id).one(connection).await?;
    Ok(ComputerRef { id: ComputerId::parse(id)?, name: row.map(|row| row.name).unwrap_or_default() })
}
