//! What a computer's journal says of requests.

use brevet_core::id::{GrantId, RequestId};
use brevet_core::policy::RequestTerms;
use brevet_core::request::{Request, RequestState};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::state_name;
use crate::definitions::write::signed;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{definition_change, request};

/// A new request; false when it is not that computer's to make.
///
/// # Errors
/// When the database does not take it.
pub async fn created(change: &Change, computer: &str, it: &Request) -> Outcome<bool> {
    let taken = request::Entity::find_by_id(it.id.as_str()).one(change.tx()).await?.is_some();
    if taken || it.computer.as_str() != computer {
        return Ok(false);
    }
    let terms = terms(change, it).await?;
    let row = request::ActiveModel {
        id: Set(it.id.to_string()),
        computer: Set(computer.into()),
        state: Set(state_name(RequestState::Pending).into()),
        user: Set(it.user.name.clone()),
        policy: Set(it.policy.id.to_string()),
        created: Set(it.created.millis()),
        lapses: Set(it.lapses.millis()),
        closed: Set(None),
        consistent: Set(it.is_consistent()),
        needed: Set(i64::from(terms.approvals.max(1))),
        grant: Set(None),
        body: Set(serde_json::to_string(it)?),
    };
    request::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(true)
}

/// The terms that count: the server's own of that version of the policy, where it has them, not what the computer says they were.
///
/// # Errors
/// When the database does not answer.
pub async fn terms(change: &Change, it: &Request) -> Outcome<RequestTerms> {
    let key = (it.policy.id.to_string(), signed(it.policy.version));
    let kept = definition_change::Entity::find_by_id(key).one(change.tx()).await?.and_then(|row| row.content);
    let policy = kept.and_then(|text| serde_json::from_str::<brevet_core::policy::Policy>(&text).ok());
    Ok(policy.map_or_else(|| it.terms.clone(), |policy| policy.request))
}

/// The request ended on the computer. What a person decided before stays decided.
///
/// # Errors
/// When the database does not take it.
pub async fn closed(change: &Change, computer: &str, id: &RequestId, state: RequestState, time: Timestamp) -> Outcome<bool> {
    let moved = request::Entity::update_many()
        .col_expr(request::Column::State, Expr::value(state_name(state)))
        .col_expr(request::Column::Closed, Expr::value(time.millis()))
        .filter(request::Column::Id.eq(id.as_str()))
        .filter(request::Column::Computer.eq(computer))
        .filter(request::Column::State.eq(state_name(RequestState::Pending)))
        .exec(change.tx())
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Whether it lapsed here already.
///
/// # Errors
/// When the database does not answer.
pub async fn has_lapsed(change: &Change, computer: &str, id: &RequestId) -> Outcome<bool> {
    let row = request::Entity::find_by_id(id.as_str()).one(change.tx()).await?;
    Ok(row.is_some_and(|row| row.computer == computer && row.state == state_name(RequestState::Lapsed)))
}

/// Which grant a rule made for it.
///
/// # Errors
/// When the database does not take it.
pub async fn answered(change: &Change, computer: &str, id: &RequestId, grant: &GrantId) -> Outcome<()> {
    request::Entity::update_many()
        .col_expr(request::Column::Grant, Expr::value(grant.as_str()))
        .filter(request::Column::Id.eq(id.as_str()))
        .filter(request::Column::Computer.eq(computer))
        .filter(request::Column::State.eq(state_name(RequestState::AutoApproved)))
        .exec(change.tx())
        .await?;
    Ok(())
}
