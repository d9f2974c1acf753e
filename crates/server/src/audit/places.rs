//! Where in the log the events that somebody looks for stand.
//!
//! A database that is asked for the newest of some events either goes back through the log until it has found enough, or looks all of
//! them up by what they have in common and puts them in order. The one takes long where they are few or long ago, the other where they
//! are many, and which is so it cannot know beforehand. So it is asked twice: for those nearby first, and for all only where these do
//! not fill the page. Neither reads an event whole.

use brevet_api::rest::event::Order;
use futures_util::TryStreamExt as _;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, Order as Sorted, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};

use super::query::LARGE;
use crate::app::App;
use crate::http::failure::Outcome;
use crate::http::page::bytes;
use crate::store::entities::event::{self, Column as C};

/// So many places are nearby.
const NEARBY: i64 = 5_000;

/// The places of the first events after a place, at most so many, in order.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn places(app: &App, condition: &Condition, order: Order, after: Option<i64>, most: u64) -> Outcome<Vec<i64>> {
    let condition = beyond(condition, order, after);
    let found = ordered(app, condition.clone().add(nearby(order, after)), in_order(), order, (most, 0)).await?;
    if u64::try_from(found.len()).is_ok_and(|found| found == most) {
        return Ok(found);
    }
    // WHY the plus: no index is in this order, so it looks for one of what the events have in common.
    ordered(app, condition, Expr::cust("+\"event\".\"seq\""), order, (most, 0)).await
}

/// The place of the nth event after a place, where there are so many.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn nth(app: &App, condition: &Condition, order: Order, after: Option<i64>, n: u64) -> Outcome<Option<i64>> {
    let found = ordered(app, beyond(condition, order, after), in_order(), order, (1, n.saturating_sub(1))).await?;
    Ok(found.first().copied())
}

/// The next places of the log for whoever reads it to its end, in order, each with how many bytes stand there in the columns that users
/// fill.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn onward(app: &App, condition: &Condition, after: i64, most: u64) -> Outcome<Vec<(i64, i64)>> {
    let select = in_place(beyond(condition, Order::Oldest, Some(after)), in_order(), Order::Oldest, (most, 0));
    let found = select.expr_as(bytes::<event::Entity>(&LARGE), "bytes").into_tuple::<(i64, i64)>();
    // One by one: all rows as the database hands them over are ten times what is kept of them.
    Ok(found.stream(&app.store.pool).await?.try_collect().await?)
}

fn beyond(condition: &Condition, order: Order, after: Option<i64>) -> Condition {
    let beyond = after.map(|after| match order {
        Order::Newest => C::Seq.lt(after),
        Order::Oldest => C::Seq.gt(after),
    });
    condition.clone().add_option(beyond)
}

fn in_order() -> SimpleExpr {
    Expr::col((event::Entity, C::Seq))
}

fn nearby(order: Order, after: Option<i64>) -> SimpleExpr {
    match (order, after) {
        (Order::Newest, Some(after)) => C::Seq.gte(after.saturating_sub(NEARBY)),
        (Order::Oldest, Some(after)) => C::Seq.lte(after.saturating_add(NEARBY)),
        (Order::Newest, None) => Expr::cust(format!("\"event\".\"seq\" > (SELECT MAX(\"seq\") FROM \"event\") - {NEARBY}")),
        (Order::Oldest, None) => Expr::cust(format!("\"event\".\"seq\" < (SELECT MIN(\"seq\") FROM \"event\") + {NEARBY}")),
    }
}

/// At most so many, past so many.
async fn ordered(app: &App, condition: Condition, by: SimpleExpr, order: Order, (most, past): (u64, u64)) -> Outcome<Vec<i64>> {
    Ok(in_place(condition, by, order, (most, past)).into_tuple().all(&app.store.pool).await?)
}

fn in_place(condition: Condition, by: SimpleExpr, order: Order, (most, past): (u64, u64)) -> Select<event::Entity> {
    let sorted = match order {
        Order::Newest => Sorted::Desc,
        Order::Oldest => Sorted::Asc,
    };
    event::Entity::find().filter(condition).select_only().column(C::Seq).order_by(by, sorted).offset(past).limit(most)
}
