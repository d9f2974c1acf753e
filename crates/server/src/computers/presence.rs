//! Whether computers are heard of: `computer.lost` after a silence, `computer.returned` after that.

use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::computer;

/// A computer was heard of now.
///
/// # Errors
/// When the database does not take it.
pub async fn heard(change: &Change, row: &computer::Model) -> Outcome<()> {
    let returned = computer::Entity::update_many()
        .col_expr(computer::Column::Lost, Expr::value(false))
        .filter(computer::Column::Id.eq(&row.id))
        .filter(computer::Column::Lost.eq(true))
        .exec(change.tx())
        .await?;
    computer::Entity::update_many()
        .col_expr(computer::Column::LastContact, Expr::value(change.now.millis()))
        .filter(computer::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    if returned.rows_affected == 1 {
        let silent = change.now.millis_since(Timestamp::from_millis(row.last_contact)) / 1000;
        let said = serde_json::json!({ "silent_seconds": silent });
        let mut event = NewEvent::new("computer.returned", format!("computer {:?} is back after {silent} s", row.name), &said)?;
        event.computer = Some((row.id.clone(), row.name.clone()));
        record(change, By::Server, event).await?;
    }
    Ok(())
}

/// Finds computers that have been silent for too long. A computer with an open stream is not silent.
///
/// # Errors
/// When the database does not take it.
pub async fn find_lost(app: &App) -> Outcome<()> {
    let before = app.clock.now().minus(app.config.lost_after).millis();
    let silent = computer::Entity::find()
        .filter(computer::Column::State.ne("removed"))
        .filter(computer::Column::Lost.eq(false))
        .filter(computer::Column::LastContact.lt(before))
        .all(&app.store.pool)
        .await?;
    for row in silent {
        let change = Change::begin(app).await?;
        let connected = brevet_core::id::ComputerId::parse(&row.id).is_ok_and(|id| app.hub.connected(&id));
        if connected {
            heard(&change, &row).await?;
            change.commit().await?;
            continue;
        }
        let lost = computer::Entity::update_many()
            .col_expr(computer::Column::Lost, Expr::value(true))
            .filter(computer::Column::Id.eq(&row.id))
            .filter(computer::Column::Lost.eq(false))
            .filter(computer::Column::LastContact.lt(before))
            .exec(change.tx())
            .await?;
        if lost.rows_affected == 1 {
            let said = serde_json::json!({ "last_contact": Timestamp::from_millis(row.last_contact) });
            let mut event = NewEvent::new("computer.lost", format!("computer {:?} is silent", row.name), &said)?;
            event.computer = Some((row.id.clone(), row.name.clone()));
            record(&change, By::Server, event).await?;
            change.commit().await?;
        }
    }
    Ok(())
}
