//! Taking approvals back: whoever approved saw something else than what is there now, or may not decide any more.
//!
//! INVARIANT: an approval that counts was given for exactly the request and the version of its policy that are there now.

use brevet_core::request::RequestState;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{event, state_name};
use crate::audit::{By, record};
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{decision, request};

/// Takes back all approvals of a request that is still pending, with an event; nothing where there are none.
///
/// # Errors
/// When the database does not take it.
pub async fn all(change: &Change, row: &request::Model, because: &str) -> Outcome<()> {
    some(change, row, because, |_| true).await
}

/// Takes back the approvals of these persons.
///
/// # Errors
/// When the database does not take it.
pub async fn some(change: &Change, row: &request::Model, because: &str, of: impl Fn(&str) -> bool) -> Outcome<()> {
    let given = decision::Entity::find()
        .filter(decision::Column::Request.eq(&row.id))
        .filter(decision::Column::Kind.eq("approved"))
        .all(change.tx())
        .await?;
    let taken: Vec<_> = given.into_iter().filter(|one| of(&one.person)).collect();
    if taken.is_empty() {
        return Ok(());
    }
    decision::Entity::delete_many().filter(decision::Column::Key.is_in(taken.iter().map(|one| one.key.clone()))).exec(change.tx()).await?;
    let persons: Vec<_> = taken.iter().map(|one| serde_json::json!({ "person": one.person, "name": one.name })).collect();
    let said = serde_json::json!({ "request": row.id, "because": because, "approvals": persons });
    let summary = format!("approvals of what {} asked count no more: {because}", row.user);
    record(change, By::Server, event::about(change, row, "request.approvals_reset", summary, &said).await?).await
}

/// The policy has a new version, or is gone: what was approved under the old one is asked anew.
///
/// # Errors
/// When the database does not take it.
pub async fn of_policy(change: &Change, policy: &str) -> Outcome<()> {
    let waiting = request::Entity::find()
        .filter(request::Column::Policy.eq(policy))
        .filter(request::Column::State.eq(state_name(RequestState::Pending)))
        .all(change.tx())
        .await?;
    for row in waiting {
        all(change, &row, "the policy changed").await?;
    }
    Ok(())
}
