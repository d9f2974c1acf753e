//! The log for verification elsewhere: its checkpoint, all of it, and the proof that it has one event.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Code;
use brevet_api::rest::event_log::{EventProof, LogCheckpoint, LogPage, LogQuery};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::checkpoint::sign;
use super::{nodes, record_of};
use crate::access::reach::Reach;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::filter::in_reach;
use crate::documents::sequence::unsigned;
use crate::http::extract::{Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{at_most, bounded};
use crate::http::routes::{Routes, doc};
use crate::store::entities::event;

const DEFAULT: u32 = 500;
const MOST: u32 = 1000;

/// These routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/event-log",
            Action::ExportEvents,
            doc("The whole log, oldest first, as it is hashed").answer::<LogPage>(200).filters::<LogQuery>().fails(&[Code::LogBroken]),
            page,
        )
        .on(
            Method::GET,
            "/event-log/checkpoint",
            Action::ReadEvents,
            doc("What the log is now, signed").answer::<LogCheckpoint>(200).fails(&[Code::LogBroken]),
            checkpoint,
        )
        .on(
            Method::GET,
            "/events/{id}/proof",
            Action::ReadEvents,
            doc("That the log has an event").answer::<EventProof>(200).fails(&[Code::LogBroken]),
            proof,
        )
}

async fn checkpoint(State(app): State<App>, _actor: Actor) -> Outcome<Json<LogCheckpoint>> {
    let (_, signed) = sign(&app).await?;
    Ok(Json(LogCheckpoint { signed, key: app.keys.issuer.public() }))
}

async fn page(State(app): State<App>, actor: Actor, Query(query): Query<LogQuery>) -> Outcome<Json<LogPage>> {
    if actor.reach(Action::ExportEvents) != Reach::All {
        let whole =
            Failure::new(Code::Forbidden).because("the log is one tree over all computers, and your role is narrowed to some of them");
        return Err(whole.hint("GET /api/v1/events/{id}/proof proves that it has an event that you may see"));
    }
    let limit = at_most(query.limit, DEFAULT, MOST)?;
    let from = query.from.unwrap_or(0);
    let first = i64::try_from(from).map_err(|_| Failure::new(Code::Malformed).because("no log has so many events"))?;
    // WHY: the log grows while it is read, and a checkpoint of another moment than the events would not fit them.
    let (snapshot, signed) = sign(&app).await?;
    let select = event::Entity::find().filter(event::Column::Leaf.gte(first)).order_by_asc(event::Column::Leaf);
    let found = bounded(&snapshot, select, u64::from(limit), &[event::Column::Summary, event::Column::Body]).await?;
    let records = found.rows.iter().map(record_of).collect::<Outcome<Vec<_>>>()?;
    let next = from.saturating_add(u64::try_from(records.len()).map_err(Failure::internal)?);
    Ok(Json(LogPage { signed, key: app.keys.issuer.public(), from, records, next: found.more.then_some(next) }))
}

async fn proof(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<EventProof>> {
    let reach = in_reach(&app, &actor, Action::ReadEvents).await?;
    let (snapshot, signed) = sign(&app).await?;
    let found = event::Entity::find().filter(event::Column::Id.eq(&id)).filter(reach).one(&snapshot).await?;
    let row = found.ok_or_else(|| Failure::not_found("event", &id))?;
    let place = unsigned(row.leaf.ok_or_else(|| Failure::new(Code::LogBroken).because("the event has no place in the log"))?);
    let path = nodes::path(&snapshot, place, signed.checkpoint.size).await?;
    Ok(Json(EventProof { place, record: record_of(&row)?, path, signed, key: app.keys.issuer.public() }))
}
