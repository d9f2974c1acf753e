//! Quarantine: a computer's manifest becomes empty, its journal is not taken, nothing is approved for it.
//! Only an owner releases it. Removal ends its connection for good.

use brevet_api::rest::Code;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::audit::{By, NewEvent, record};
use crate::documents::publish::publish;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::computer;

/// One conditional update, its event, and the documents that follow from it.
async fn transition(change: &mut Change, by: By<'_>, row: &computer::Model, to: &str, kind: &str, because: &str) -> Outcome<()> {
    let from: &[&str] = match to {
        "quarantined" => &["enrolled"],
        "enrolled" => &["quarantined"],
        _ => &["enrolled", "quarantined"],
    };
    let mut update = computer::Entity::update_many()
        .col_expr(computer::Column::State, Expr::value(to))
        .col_expr(computer::Column::Because, Expr::value((to == "quarantined").then(|| because.to_owned())));
    if to == "removed" {
        // The name is free again; the row stays, since events name it.
        update = update.col_expr(computer::Column::NameKey, Expr::value(row.id.clone()));
    }
    let moved = update
        .filter(computer::Column::Id.eq(&row.id))
        .filter(computer::Column::State.is_in(from.iter().copied()))
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because(format!("the computer is {}", row.state)));
    }
    let said = serde_json::json!({ "because": because, "before": row.state });
    let mut event = NewEvent::new(kind, format!("computer {:?} was {}: {because}", row.name, kind.trim_start_matches("computer.")), &said)?;
    event.computer = Some((row.id.clone(), row.name.clone()));
    record(change, by, event).await?;
    let id = brevet_core::id::ComputerId::parse(&row.id)?;
    publish(change).await?;
    change.wake(&id);
    Ok(())
}

/// Puts a computer in quarantine.
///
/// # Errors
/// `wrong_state` when it is not enrolled.
pub async fn put(change: &mut Change, by: By<'_>, row: &computer::Model, because: &str) -> Outcome<()> {
    transition(change, by, row, "quarantined", "computer.quarantined", because).await
}

/// Ends it.
///
/// # Errors
/// `wrong_state` when it is not in quarantine.
pub async fn release(change: &mut Change, by: By<'_>, row: &computer::Model, because: &str) -> Outcome<()> {
    transition(change, by, row, "enrolled", "computer.released", because).await
}

/// Removes a computer.
///
/// # Errors
/// `wrong_state` when it is removed already.
pub async fn remove(change: &mut Change, by: By<'_>, row: &computer::Model) -> Outcome<()> {
    transition(change, by, row, "removed", "computer.removed", "removed").await
}
