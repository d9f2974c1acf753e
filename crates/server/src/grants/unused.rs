//! Grants that nobody used: without this, one that its computer never took would stay issued for ever.

use brevet_core::id::{GrantId, RequestId};
use brevet_core::request::PolicyRef;
use brevet_core::time::Length;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, QueryFilter as _};

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{computer, grant};

/// How long a computer that is heard of has for telling of a first use at the last moment.
const UNDERWAY: Length = Length::from_minutes(2);

/// Ends what can no longer be used for the first time: as soon as its computer was heard of after that, else when nothing could
/// run under it any more. A computer that was silent has the last word, in `received::activated`.
///
/// # Errors
/// When the database does not take it.
pub async fn sweep(app: &App) -> Outcome<()> {
    let now = app.clock.now();
    let late = Condition::any().add(grant::Column::Ends.lte(now.millis())).add(grant::Column::UseBefore.lte(now.minus(UNDERWAY).millis()));
    let due = grant::Entity::find().filter(grant::Column::State.eq("issued")).filter(late).all(&app.store.pool).await?;
    for row in due {
        let change = Change::begin(app).await?;
        let machine = computer::Entity::find_by_id(&row.computer).one(change.tx()).await?;
        let heard_after = machine.is_some_and(|it| it.last_contact > row.use_before.saturating_add(signed_millis(UNDERWAY)));
        if row.ends > now.millis() && !heard_after {
            continue;
        }
        if end(&change, &row.id, "nobody used it in time").await? {
            change.commit().await?;
        }
    }
    Ok(())
}

fn signed_millis(length: Length) -> i64 {
    i64::try_from(length.millis()).unwrap_or(i64::MAX)
}

/// Ends one as `unused`, with its event; false when it is not issued any more.
///
/// # Errors
/// When the database does not take it.
pub async fn end(change: &Change, id: &str, why: &str) -> Outcome<bool> {
    let moved = grant::Entity::update_many()
        .col_expr(grant::Column::State, Expr::value("unused"))
        .col_expr(grant::Column::Ended, Expr::value(change.now.millis()))
        .col_expr(grant::Column::Detail, Expr::value(why))
        .filter(grant::Column::Id.eq(id).and(grant::Column::State.eq("issued")))
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Ok(false);
    }
    let Some(row) = grant::Entity::find_by_id(id).one(change.tx()).await? else { return Ok(false) };
    let policy: PolicyRef = serde_json::from_str(&row.policy_ref)?;
    let said = serde_json::json!({ "grant": id, "detail": why, "use_before": brevet_core::time::Timestamp::from_millis(row.use_before) });
    let mut event = NewEvent::new("grant.unused", format!("grant of {}: {why}", row.user), &said)?;
    event.grant = Some(GrantId::parse(id)?);
    event.request = row.request.as_deref().map(RequestId::parse).transpose()?;
    event.computer = Some((row.computer.clone(), crate::requests::show::computer_ref(change.tx(), &row.computer).await?.name));
    event.user = Some(row.user);
    event.policy = Some((policy.id.to_string(), policy.name));
    record(change, By::Server, event).await?;
    Ok(true)
}
