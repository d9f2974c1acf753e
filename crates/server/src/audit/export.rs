//! The export: every event that the filters leave, oldest first, in pieces, so that its size is bounded by nobody's memory.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_api::rest::event::{Event, EventQuery};
use brevet_core::escape::csv;
use futures_util::stream;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::query::{condition, in_reach, shown};
use super::{By, NewEvent, record};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::event;

const PIECE: u64 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

const COLUMNS: &str = "seq,id,time,recorded,kind,actor_kind,actor,computer,computer_name,user,policy,policy_name,request,grant,session,person,summary,body\r\n";

pub(super) async fn export(State(app): State<App>, actor: Actor, Query(query): Query<EventQuery>) -> Outcome<Response> {
    let format = match query.format.as_deref() {
        Some("csv") => Format::Csv,
        Some("jsonl") | None => Format::JsonLines,
        Some(_) => return Err(Failure::new(Code::Malformed).because("format must be csv or jsonl")),
    };
    if query.limit.is_some() || query.cursor.is_some() {
        return Err(Failure::new(Code::Malformed).because("an export has no pages"));
    }
    let condition = condition(&app, &query).await?.add(in_reach(&app, &actor, Action::ExportEvents).await?);
    let change = Change::begin(&app).await?;
    record(&change, By::Person(&actor), NewEvent::new("export.made", "the audit log was exported", &query)?).await?;
    change.commit().await?;
    let first = if format == Format::Csv { COLUMNS } else { "" };
    let pieces = stream::try_unfold((app, condition, 0i64, Some(first)), move |(app, condition, after, head)| async move {
        if let Some(head) = head {
            return Ok(Some((Bytes::from_static(head.as_bytes()), (app, condition, after, None))));
        }
        match piece(&app, &condition, after, format).await {
            Ok(Some((bytes, last))) => Ok(Some((bytes, (app, condition, last, None)))),
            Ok(None) => Ok::<_, std::io::Error>(None),
            // The stream breaks off, so that nobody takes half of it for the whole.
            Err(failure) => Err(std::io::Error::other(failure.code.as_str())),
        }
    });
    let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/jsonl" };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response())
}

async fn piece(app: &App, condition: &Condition, after: i64, format: Format) -> Outcome<Option<(Bytes, i64)>> {
    let rows = event::Entity::find()
        .filter(condition.clone())
        .filter(event::Column::Seq.gt(after))
        .order_by_asc(event::Column::Seq)
        .limit(PIECE)
        .all(&app.store.pool)
        .await?;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(None) };
    let mut out = String::new();
    for row in rows {
        let event = shown(row)?;
        match format {
            Format::JsonLines => {
                out.push_str(&serde_json::to_string(&event)?);
                out.push('\n');
            }
            Format::Csv => csv_line(&mut out, &event),
        }
    }
    Ok(Some((Bytes::from(out), last)))
}

fn csv_line(out: &mut String, event: &Event) {
    let id = |id: Option<String>| id.unwrap_or_default();
    let fields = [
        event.seq.to_string(),
        event.id.to_string(),
        event.time.to_string(),
        event.recorded.to_string(),
        event.kind.clone(),
        super::record::actor_kind_name(event.actor.kind).to_owned(),
        event.actor.name.clone(),
        id(event.computer.as_ref().map(ToString::to_string)),
        id(event.computer_name.clone()),
        id(event.user.clone()),
        id(event.policy.as_ref().map(ToString::to_string)),
        id(event.policy_name.clone()),
        id(event.request.as_ref().map(ToString::to_string)),
        id(event.grant.as_ref().map(ToString::to_string)),
        id(event.session.as_ref().map(ToString::to_string)),
        id(event.person.as_ref().map(ToString::to_string)),
        event.summary.clone(),
        event.body.to_string(),
    ];
    let line: Vec<String> = fields.iter().map(|field| csv(field)).collect();
    out.push_str(&line.join(","));
    out.push_str("\r\n");
}
