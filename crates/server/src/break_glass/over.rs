//! Its end: by itself, or earlier by an owner. With its policy go the grants and sessions that were made under it.

use brevet_api::rest::Code;
use brevet_api::rest::break_glass::BreakGlass;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::review::{find, shown};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::definitions::{Snapshot, write};
use crate::documents::publish::publish;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::break_glass;

/// Ends what is over.
///
/// # Errors
/// When the database does not take it.
pub async fn sweep(app: &App) -> Outcome<()> {
    let due = break_glass::Entity::find()
        .filter(break_glass::Column::State.eq("open"))
        .filter(break_glass::Column::Ends.lte(app.clock.now().millis()))
        .all(&app.store.pool)
        .await?;
    for row in due {
        let mut change = Change::begin(app).await?;
        if close(&mut change, &row, By::Server).await? {
            change.commit().await?;
        }
    }
    Ok(())
}

/// Ends one before its time.
///
/// # Errors
/// `not_found`, `wrong_state`.
pub(super) async fn end(app: &App, actor: &Actor, id: &str) -> Outcome<BreakGlass> {
    let mut change = Change::begin(app).await?;
    let row = find(change.tx(), actor, id).await?;
    if !close(&mut change, &row, By::Person(actor)).await? {
        return Err(Failure::new(Code::WrongState).because("it is over already"));
    }
    let item = shown(find(change.tx(), actor, id).await?)?;
    change.commit().await?;
    Ok(item)
}

async fn close(change: &mut Change, row: &break_glass::Model, by: By<'_>) -> Outcome<bool> {
    let moved = break_glass::Entity::update_many()
        .col_expr(break_glass::Column::State, Expr::value("ended"))
        .col_expr(break_glass::Column::Ended, Expr::value(change.now.millis()))
        .filter(break_glass::Column::Id.eq(&row.id))
        .filter(break_glass::Column::State.eq("open"))
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Ok(false);
    }
    let all = Snapshot::load(change.tx()).await?;
    if let Some(policy) = all.0.iter().find(|one| one.id == row.policy) {
        write::remove(change, by, policy).await?;
    }
    let said = serde_json::json!({ "break_glass": row.id, "opened_by": row.opened_by_name, "reviewed": row.reviewed.is_some() });
    let summary = format!("break-glass for {} on {} is over; it waits for a review", row.user, row.computer_name);
    let mut event = NewEvent::new("break_glass.ended", summary, &said)?;
    event.computer = Some((row.computer.clone(), row.computer_name.clone()));
    event.user = Some(row.user.clone());
    event.policy = Some((row.policy.clone(), row.policy_name.clone()));
    record(change, by, event).await?;
    publish(change).await?;
    Ok(true)
}
