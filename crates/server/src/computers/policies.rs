//! Where each policy stands on each computer.

use brevet_api::rest::policy::{OnComputer, PolicyState};
use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _};

use crate::app::App;
use crate::definitions::write::signed;
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{computer, policy_state};

/// Notes where a version stands; an older version than the one noted changes nothing.
///
/// # Errors
/// When the database does not take it.
pub async fn note(change: &Change, computer: &str, policy: &str, version: u64, state: &str, refused: Option<(&str, &str)>) -> Outcome<()> {
    use policy_state::Column as C;
    let row = policy_state::ActiveModel {
        computer: Set(computer.into()),
        policy: Set(policy.into()),
        version: Set(signed(version)),
        state: Set(state.into()),
        field: Set(refused.map(|(field, _)| field.to_owned())),
        reason: Set(refused.map(|(_, reason)| reason.to_owned())),
        since: Set(change.now.millis()),
    };
    let newer = OnConflict::columns([C::Computer, C::Policy])
        .update_columns([C::Version, C::State, C::Field, C::Reason, C::Since])
        .action_and_where(Expr::col((policy_state::Entity, C::Version)).lte(signed(version)))
        .to_owned();
    policy_state::Entity::insert(row).on_conflict(newer).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// The state of a name.
#[must_use]
pub fn state_named(name: &str) -> PolicyState {
    match name {
        "applied" => PolicyState::Applied,
        "refused" => PolicyState::Refused,
        _ => PolicyState::Sent,
    }
}

/// Where a policy stands on every computer that ever heard of it.
///
/// # Errors
/// When the database does not answer.
pub async fn of_policy(app: &App, policy: &str) -> Outcome<Vec<OnComputer>> {
    let rows = policy_state::Entity::find().filter(policy_state::Column::Policy.eq(policy)).all(&app.store.pool).await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let machine = computer::Entity::find_by_id(&row.computer).one(&app.store.pool).await?;
        let Some(machine) = machine.filter(|machine| machine.state != "removed") else { continue };
        out.push(OnComputer {
            id: ComputerId::parse(&row.computer)?,
            name: machine.name,
            state: state_named(&row.state),
            version: unsigned(row.version),
            field: row.field,
            reason: row.reason,
            since: Timestamp::from_millis(row.since),
        });
    }
    Ok(out)
}
