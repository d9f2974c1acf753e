//! What became of what was to be sent: the log that people read, and when to try again.

use brevet_core::time::Length;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _, QuerySelect as _};

use super::FAILED;
use super::dispatch::Failed;
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{notification, notification_target as target};

/// Pauses after each failure, in seconds; after the last one it is given up. A day in all.
const PAUSES: [u64; 9] = [5, 30, 120, 600, 1800, 3600, 10_800, 28_800, 43_200];
/// A target that takes nothing is left alone for its pause too, at most this one: whatever else waits is not tried in a row.
const LONGEST_REST: u64 = 300;
/// What waited so long tells nobody anything any more.
const OLD: Length = Length::from_hours(48);
/// How long the log keeps what is over.
const KEPT: Length = Length::from_hours(30 * 24);

fn pause(failures: i64) -> Option<u64> {
    usize::try_from(failures).ok().and_then(|done| PAUSES.get(done)).copied()
}

/// Whether a notification was tried as often as there are pauses, and nobody lived to say what became of it.
pub(super) fn is_spent(row: &notification::Model) -> bool {
    row.attempts > 0 && pause(row.attempts.saturating_sub(1)).is_none()
}

/// The other side took these, in one message.
///
/// # Errors
/// When the database does not take it: then they are sent again.
pub(super) async fn sent(app: &App, target: &target::Model, rows: &[notification::Model], message: &str) -> Outcome<()> {
    let change = Change::begin(app).await?;
    notification::Entity::update_many()
        .col_expr(notification::Column::State, Expr::value("sent"))
        .col_expr(notification::Column::Finished, Expr::value(change.now.millis()))
        .col_expr(notification::Column::Message, Expr::value(message))
        .col_expr(notification::Column::Error, Expr::value(None::<String>))
        // What was told need not lie here too.
        .col_expr(notification::Column::Body, Expr::value(""))
        .filter(notification::Column::Seq.is_in(rows.iter().map(|row| row.seq)))
        .filter(notification::Column::State.eq("pending"))
        .exec(change.tx())
        .await?;
    if target.failures > 0 || target.gave_up {
        target::Entity::update_many()
            .col_expr(target::Column::Failures, Expr::value(0))
            .col_expr(target::Column::Rests, Expr::value(0))
            .col_expr(target::Column::GaveUp, Expr::value(false))
            .filter(target::Column::Id.eq(&target.id))
            .exec(change.tx())
            .await?;
    }
    change.commit().await?;
    Ok(())
}

/// It has nobody to be told to any more.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn obsolete(app: &App, row: &notification::Model) -> Outcome<()> {
    let change = Change::begin(app).await?;
    notification::Entity::update_many()
        .col_expr(notification::Column::State, Expr::value("obsolete"))
        .col_expr(notification::Column::Finished, Expr::value(change.now.millis()))
        .col_expr(notification::Column::Body, Expr::value(""))
        .filter(notification::Column::Seq.eq(row.seq))
        .filter(notification::Column::State.eq("pending"))
        .exec(change.tx())
        .await?;
    change.commit().await?;
    Ok(())
}

/// These were not taken, in one message: each is tried again after its pause, or given up.
///
/// # Errors
/// When the database does not take it: then they are tried again.
pub(super) async fn failed(app: &App, target: &target::Model, rows: &[notification::Model], failed: &Failed) -> Outcome<()> {
    let change = Change::begin(app).await?;
    // Of several in one message it may be one that is not taken: from now on each goes alone.
    let (alone, for_good) = (failed.for_good && rows.len() > 1, failed.for_good && rows.len() == 1);
    let mut given_up = None;
    for row in rows {
        let again = pause(row.attempts).filter(|_| !for_good);
        let mut update = notification::Entity::update_many().col_expr(notification::Column::Error, Expr::value(short(&failed.why)));
        update = match again {
            Some(seconds) => {
                update.col_expr(notification::Column::Due, Expr::value(change.now.plus(Length::from_seconds(seconds)).millis()))
            }
            None => update
                .col_expr(notification::Column::State, Expr::value("failed"))
                .col_expr(notification::Column::Finished, Expr::value(change.now.millis())),
        };
        if alone {
            update = update.col_expr(notification::Column::Alone, Expr::value(true));
        }
        let of_this = notification::Column::Seq.eq(row.seq).and(notification::Column::State.eq("pending"));
        let moved = update.filter(of_this).exec(change.tx()).await?;
        if again.is_none() && moved.rows_affected == 1 {
            given_up = Some(row);
        }
    }
    let rest = std::cmp::min(pause(target.failures).unwrap_or(LONGEST_REST), LONGEST_REST);
    target::Entity::update_many()
        .col_expr(target::Column::Failures, Expr::col(target::Column::Failures).add(1))
        .col_expr(target::Column::Rests, Expr::value(change.now.plus(Length::from_seconds(rest)).millis()))
        .filter(target::Column::Id.eq(&target.id))
        .exec(change.tx())
        .await?;
    if let Some(row) = given_up {
        say_once(&change, target, &row.kind, &failed.why).await?;
    }
    change.commit().await?;
    Ok(())
}

/// An event that a target takes nothing: one until it takes something again, since each event is told to people.
async fn say_once(change: &Change, target: &target::Model, kind: &str, why: &str) -> Outcome<()> {
    let first = target::Entity::update_many()
        .col_expr(target::Column::GaveUp, Expr::value(true))
        .filter(target::Column::Id.eq(&target.id))
        .filter(target::Column::GaveUp.eq(false))
        .exec(change.tx())
        .await?;
    if first.rows_affected != 1 {
        return Ok(());
    }
    let why = short(why);
    let said = serde_json::json!({ "target": target.id, "name": target.name, "kind": kind, "because": why });
    let summary = format!("notifications to {:?} are given up: {why}", target.name);
    record(change, By::Server, NewEvent::new(FAILED, summary, &said)?).await
}

/// What the other side says is kept, not all of it.
fn short(why: &str) -> String {
    brevet_core::escape::terminal(why.as_bytes()).chars().take(500).collect()
}

/// Gives up what waited too long, and forgets what has been over for a month.
///
/// # Errors
/// When the database does not take it.
pub(crate) async fn sweep(app: &App) -> Outcome<()> {
    give_up_old(app).await?;
    let before = app.clock.now().minus(KEPT).millis();
    let old = notification::Entity::find().filter(notification::Column::Finished.lt(before)).one(&app.store.pool).await?;
    if old.is_none() {
        return Ok(());
    }
    let change = Change::begin(app).await?;
    notification::Entity::delete_many().filter(notification::Column::Finished.lt(before)).exec(change.tx()).await?;
    change.commit().await?;
    Ok(())
}

async fn give_up_old(app: &App) -> Outcome<()> {
    let before = app.clock.now().minus(OLD).millis();
    let targets: Vec<String> = notification::Entity::find()
        .select_only()
        .column(notification::Column::Target)
        .distinct()
        .filter(notification::Column::State.eq("pending"))
        .filter(notification::Column::Since.lt(before))
        .into_tuple()
        .all(&app.store.pool)
        .await?;
    for id in targets {
        let change = Change::begin(app).await?;
        let why = "it waited for longer than two days";
        let moved = notification::Entity::update_many()
            .col_expr(notification::Column::State, Expr::value("failed"))
            .col_expr(notification::Column::Finished, Expr::value(change.now.millis()))
            .col_expr(notification::Column::Error, Expr::value(why))
            .filter(notification::Column::Target.eq(&id))
            .filter(notification::Column::State.eq("pending"))
            .filter(notification::Column::Since.lt(before))
            .exec(change.tx())
            .await?;
        let target = target::Entity::find_by_id(&id).one(change.tx()).await?;
        if let Some(target) = target.filter(|_| moved.rows_affected > 0) {
            say_once(&change, &target, "", why).await?;
        }
        change.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_for_about_a_day() {
        let all: u64 = PAUSES.iter().sum();
        assert!((23 * 3600..25 * 3600 + 1800).contains(&all), "{all}");
        assert_eq!((pause(0), pause(8), pause(9), pause(-1)), (Some(5), Some(43_200), None, None));
        assert!(PAUSES.is_sorted());
    }
}
