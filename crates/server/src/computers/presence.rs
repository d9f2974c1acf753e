//! Whether computers are heard of: `computer.lost` after a silence, `computer.returned` after that.

use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::Outcome;
use crate::replicas::connected;
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

/// A stream closed, and no newer one took its place.
pub async fn closed(app: &App, computer: &ComputerId, stream: &str) {
    let gone = async {
        let change = Change::begin(app).await?;
        computer::Entity::update_many()
            .col_expr(computer::Column::Stream, Expr::value(None::<String>))
            .filter(computer::Column::Id.eq(computer.as_str()))
            .filter(computer::Column::Stream.eq(stream))
            .exec(change.tx())
            .await?;
        change.commit().await
    };
    if let Err(error) = gone.await {
        tracing::warn!(%computer, %error, "the other servers take this computer for connected until this one stops");
    }
}

/// Computers that are connected here are heard of, so that no server takes them for lost.
///
/// # Errors
/// When the database does not take it.
pub async fn still_here(app: &App) -> Outcome<()> {
    let half = app.clock.now().minus(app.config.lost_after).millis().midpoint(app.clock.now().millis());
    for ids in app.hub.here().chunks(500) {
        let ids: Vec<&str> = ids.iter().map(ComputerId::as_str).collect();
        let due = computer::Entity::find()
            .filter(computer::Column::Id.is_in(ids))
            .filter(computer::Column::LastContact.lt(half))
            .all(&app.store.pool)
            .await?;
        if due.is_empty() {
            continue;
        }
        let change = Change::begin(app).await?;
        for row in &due {
            heard(&change, row).await?;
        }
        change.commit().await?;
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
        // Whoever has the stream says that it is heard of.
        if ComputerId::parse(&row.id).is_ok_and(|id| connected(app, &id, row.stream.as_deref())) {
            continue;
        }
        let change = Change::begin(app).await?;
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
