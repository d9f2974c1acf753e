//! How many events of a kind happened on each day: for charts. It reads an index and no event.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Code;
use brevet_api::rest::event::{CountQuery, DayCounts, EventCounts};
use brevet_core::time::Timestamp;
use brevet_core::zone;
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
    let days = Days::of(app.clock.now(), days, query.zone.as_deref().unwrap_or("UTC"))?;
    let day = || Expr::cust(days.number.clone());
    let rows: Vec<(String, i64, i64)> = event::Entity::find()
        .filter(C::Kind.is_in(kinds.clone()))
        .filter(C::Time.gte(days.from.millis()))
        .filter(C::Time.lt(days.to.millis()))
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
    let ends = days.all.iter().skip(1).map(|day| day.from).chain([days.to]);
    let shown = |(day, to): (&Day, Timestamp)| DayCounts {
        day: day.date.clone(),
        from: day.from,
        to,
        counts: kinds.iter().map(|kind| found.get(&(kind.as_str(), day.number)).copied().unwrap_or(0)).collect(),
    };
    Ok(Json(EventCounts { from: days.from, to: days.to, days: days.all.iter().zip(ends).map(shown).collect() }))
}

/// One day of a zone, and its number as the database counts it.
struct Day {
    date: String,
    from: Timestamp,
    number: i64,
}

/// Some days of a zone.
struct Days {
    all: Vec<Day>,
    from: Timestamp,
    to: Timestamp,
    /// The number of the day that an event's time is on, in SQL: by what clocks there showed.
    number: String,
}

impl Days {
    fn of(now: Timestamp, count: u32, zone: &str) -> Outcome<Self> {
        let unknown = || Failure::new(Code::Malformed).because(format!("{zone:?} is no zone: write one such as Europe/Berlin"));
        if !zone::is_known(zone) {
            return Err(unknown());
        }
        let (all, to) = zone::days(now, count, zone).ok_or_else(unknown)?;
        let from = all.first().map_or(now, |(_, begins)| *begins);
        let (first, changes) = zone::ahead(from, to, zone).ok_or_else(unknown)?;
        let ahead = |at: Timestamp| changes.iter().rev().find(|(from, _)| *from <= at).map_or(first, |(_, ahead)| *ahead);
        let all = all.into_iter().map(|(date, from)| {
            let number = from.millis().saturating_add(ahead(from)).div_euclid(DAY_MILLIS);
            Day { date, from, number }
        });
        Ok(Self { all: all.collect(), from, to, number: number(first, &changes) })
    }
}

/// Numbers of ours alone stand in it.
fn number(first: i64, changes: &[(Timestamp, i64)]) -> String {
    let mut ahead = (first, String::new());
    for (from, then) in changes {
        ahead = (*then, format!("{} WHEN \"time\" < {} THEN {}", ahead.1, from.millis(), ahead.0));
    }
    match ahead {
        (0, cases) if cases.is_empty() => "\"time\" / 86400000".into(),
        (ahead, cases) if cases.is_empty() => format!("(\"time\" + ({ahead})) / 86400000"),
        (ahead, cases) => format!("(\"time\" + (CASE{cases} ELSE {ahead} END)) / 86400000"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Days, kinds};
    use brevet_core::time::Timestamp;

    #[test]
    fn kinds_are_named_each_once_and_not_by_their_beginning() {
        assert_eq!(kinds(Some("request.created, grant.issued,request.created")).unwrap(), ["request.created", "grant.issued"]);
        let many = (0..21).map(|n| format!("k{n}")).collect::<Vec<_>>().join(",");
        for wrong in [None, Some(""), Some("request.*"), Some("a,,b"), Some("a'b"), Some(many.as_str())] {
            assert!(kinds(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_day_is_told_by_what_clocks_there_showed() {
        let days = |now: &str, zone: &str| {
            let days = Days::of(Timestamp::parse(now).unwrap(), 3, zone).unwrap();
            let numbers: Vec<i64> = days.all.iter().map(|day| day.number).collect();
            (days.all[0].date.clone(), numbers, days.number)
        };
        let (date, numbers, sql) = days("2026-12-01T12:00:00Z", "UTC");
        assert_eq!((date.as_str(), sql.as_str()), ("2026-11-29", "\"time\" / 86400000"));
        assert_eq!(numbers, [20_786, 20_787, 20_788]);
        let (date, same, sql) = days("2026-12-01T12:00:00Z", "America/St_Johns");
        assert_eq!((date.as_str(), same, sql.as_str()), ("2026-11-29", numbers, "(\"time\" + (-12600000)) / 86400000"));
        let (date, numbers, sql) = days("2026-10-26T12:00:00Z", "Europe/Berlin");
        assert_eq!((date.as_str(), numbers[2] - numbers[0]), ("2026-10-24", 2));
        assert_eq!(sql, "(\"time\" + (CASE WHEN \"time\" < 1792890000000 THEN 7200000 ELSE 3600000 END)) / 86400000");
        assert!(Days::of(Timestamp::from_millis(0), 3, "Nowhere").is_err());
    }
}
