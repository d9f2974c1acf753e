//! How many events of a kind happened on each day: for charts. It reads an index and no event.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Code;
use brevet_api::rest::event::{CountQuery, DayCounts, EventCounts};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::filter::in_reach;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Json, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};
use crate::store::entities::event::{self, Column as C};

const DAY_MILLIS: i64 = 86_400_000;
const USUAL: u32 = 30;
const MOST_DAYS: u32 = 92;
const MOST_KINDS: usize = 20;

/// This route.
pub(super) fn routes(routes: Routes) -> Routes {
    let what = doc("How many events of each kind happened on each day").answer::<EventCounts>(200).filters::<CountQuery>();
    routes.on(Method::GET, "/events/counts", Action::ReadEvents, what, counts)
}

/// The kinds that are asked for, each once.
fn kinds(text: Option<&str>) -> Outcome<Vec<String>> {
    let wrong = |why: String| Err(Failure::new(Code::Malformed).because(why));
    let mut kinds: Vec<String> = Vec::new();
    for kind in text.unwrap_or_default().split(',').map(str::trim) {
        let written = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b));
        if !written {
            return wrong(format!("{kind:?} is no kind of event: name from 1 to {MOST_KINDS}, with commas"));
        }
        if !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
    }
    if kinds.len() > MOST_KINDS { wrong(format!("at most {MOST_KINDS} kinds")) } else { Ok(kinds) }
}

async fn counts(State(app): State<App>, actor: Actor, Query(query): Query<CountQuery>) -> Outcome<Json<EventCounts>> {
    let kinds = kinds(query.kind.as_deref())?;
    let days = query.days.unwrap_or(USUAL);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Failure::new(Code::Malformed).because(format!("days must be from 1 to {MOST_DAYS}")));
    }
    let today = app.clock.now().millis().div_euclid(DAY_MILLIS);
    let first = today.saturating_sub(i64::from(days)).saturating_add(1);
    let begins = |day: i64| day.saturating_mul(DAY_MILLIS);
    let day = || Expr::cust("\"time\" / 86400000");
    let rows: Vec<(String, i64, i64)> = event::Entity::find()
        .filter(C::Kind.is_in(kinds.clone()))
        .filter(C::Time.gte(begins(first)))
        .filter(C::Time.lt(begins(today.saturating_add(1))))
        .filter(in_reach(&app, &actor, Action::ReadEvents).await?)
        .select_only()
        .column(C::Kind)
        .expr_as(day(), "day")
        .expr_as(Expr::cust("count(*)"), "number")
        .group_by(C::Kind)
        .group_by(day())
        .into_tuple()
        .all(&app.store.pool)
        .await?;
    let found: HashMap<(&str, i64), u64> =
        rows.iter().map(|(kind, day, number)| ((kind.as_str(), *day), u64::try_from(*number).unwrap_or(0))).collect();
    let shown = |day: i64| {
        let from = Timestamp::from_millis(begins(day));
        DayCounts {
            day: from.to_string().chars().take(10).collect(),
            from,
            to: Timestamp::from_millis(begins(day.saturating_add(1))),
            counts: kinds.iter().map(|kind| found.get(&(kind.as_str(), day)).copied().unwrap_or(0)).collect(),
        }
    };
    Ok(Json(EventCounts {
        from: Timestamp::from_millis(begins(first)),
        to: Timestamp::from_millis(begins(today.saturating_add(1))),
        days: (first..=today).map(shown).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::kinds;

    #[test]
    fn kinds_are_named_each_once_and_not_by_their_beginning() {
        assert_eq!(kinds(Some("request.created, grant.issued,request.created")).unwrap(), ["request.created", "grant.issued"]);
        let many = (0..21).map(|n| format!("k{n}")).collect::<Vec<_>>().join(",");
        for wrong in [None, Some(""), Some("request.*"), Some("a,,b"), Some("a'b"), Some(many.as_str())] {
            assert!(kinds(wrong).is_err(), "{wrong:?}");
        }
    }
}
