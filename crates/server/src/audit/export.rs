//! The export: every event that the filters leave, oldest first, as a stream that nobody has to hold.
//!
//! Its view is everything before its own `export.made`: events are not changed and their places only rise, so no
//! transaction has to stay open while somebody reads slowly. (What is redacted meanwhile comes redacted.) It stops when its reader
//! goes away, and breaks off, so that nobody takes half of it for the whole, when the server stops or the database does not answer.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_api::rest::event::{Event, EventQuery};
use brevet_core::escape::csv;
use futures_util::stream;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::filter::{chosen, with_text};
use super::places::onward;
use super::query::{LARGE, shown};
use super::record::{actor_kind_name, record_at};
use super::{By, NewEvent};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::http::page::bounded;
use crate::store::Change;
use crate::store::entities::event;

/// A piece has at most so many events, and no more bytes than a page.
const MOST_ROWS: u64 = 500;
const MOST_PLACES: usize = 500;
/// So many places are looked up at once: for each look the database may have to put all that are left in order.
const AHEAD: u64 = 50_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

const COLUMNS: &str = "seq,id,time,recorded,kind,actor_kind,actor_id,actor,token,computer,computer_name,user,policy,policy_name,request,grant,\
session,person,outcome,incarnation,journal_seq,redacted,summary,body\r\n";

pub(super) async fn export(State(app): State<App>, actor: Actor, Query(query): Query<EventQuery>) -> Outcome<Response> {
    let (format, name) = match query.format.as_deref() {
        Some("csv") => (Format::Csv, "csv"),
        Some("jsonl") | None => (Format::JsonLines, "jsonl"),
        Some(_) => return Err(Failure::new(Code::Malformed).because("format must be csv or jsonl")),
    };
    let condition = chosen(&app, &actor, Action::ExportEvents, &query).await?.add_option(with_text(&query)?);
    let said = EventQuery { format: Some(name.into()), ..query };
    let change = Change::begin(&app).await?;
    let own = record_at(&change, By::Person(&actor), NewEvent::new("export.made", "the audit log was exported", &said)?).await?;
    change.commit().await?;
    let export = Export { app, condition: condition.add(event::Column::Seq.lt(own)), format, after: 0, ahead: Vec::new(), begun: false };
    let pieces = stream::try_unfold(export, |mut export| async move {
        // The stream breaks off with an error, which is not the end of the answer.
        let piece = export.next().await.map_err(|failure| std::io::Error::other(failure.code.as_str()))?;
        Ok::<_, std::io::Error>(piece.map(|piece| (piece, export)))
    });
    let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/jsonl" };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response())
}

/// Where an export stands.
struct Export {
    app: App,
    condition: Condition,
    format: Format,
    /// The last place that was looked up.
    after: i64,
    /// Places whose events are still to be read, the last one first.
    ahead: Vec<i64>,
    begun: bool,
}

impl Export {
    async fn next(&mut self) -> Outcome<Option<Bytes>> {
        if !std::mem::replace(&mut self.begun, true) && self.format == Format::Csv {
            return Ok(Some(Bytes::from_static(COLUMNS.as_bytes())));
        }
        if *self.app.stopping.borrow() {
            return Err(Failure::new(Code::Unavailable));
        }
        if self.ahead.is_empty() {
            self.ahead = onward(&self.app, &self.condition, self.after, AHEAD).await?;
            let Some(last) = self.ahead.last() else { return Ok(None) };
            self.after = *last;
            self.ahead.reverse();
        }
        let next = self.ahead.iter().rev().take(MOST_PLACES).copied();
        let select = event::Entity::find().filter(event::Column::Seq.is_in(next)).order_by_asc(event::Column::Seq);
        let found = bounded(&self.app.store.pool, select, MOST_ROWS, &LARGE).await?;
        let read = found.rows.last().map_or(i64::MAX, |row| row.seq);
        while self.ahead.pop_if(|place| *place <= read).is_some() {}
        let mut out = String::new();
        for row in found.rows {
            let event = shown(row)?;
            match self.format {
                Format::JsonLines => {
                    out.push_str(&serde_json::to_string(&event)?);
                    out.push('\n');
                }
                Format::Csv => csv_line(&mut out, &event),
            }
        }
        Ok(Some(Bytes::from(out)))
    }
}

fn csv_line(out: &mut String, event: &Event) {
    fn text<T: ToString>(value: Option<&T>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    let fields = [
        event.seq.to_string(),
        event.id.to_string(),
        event.time.to_string(),
        event.recorded.to_string(),
        event.kind.clone(),
        actor_kind_name(event.actor.kind).to_owned(),
        text(event.actor.id.as_ref()),
        event.actor.name.clone(),
        text(event.actor.token.as_ref()),
        text(event.computer.as_ref()),
        text(event.computer_name.as_ref()),
        text(event.user.as_ref()),
        text(event.policy.as_ref()),
        text(event.policy_name.as_ref()),
        text(event.request.as_ref()),
        text(event.grant.as_ref()),
        text(event.session.as_ref()),
        text(event.person.as_ref()),
        text(event.outcome.as_ref()),
        text(event.journal.as_ref().map(|place| &place.incarnation)),
        text(event.journal.as_ref().map(|place| &place.seq)),
        text(event.redacted.as_ref()),
        event.summary.clone(),
        event.body.to_string(),
    ];
    let line: Vec<String> = fields.iter().map(|field| csv(field)).collect();
    out.push_str(&line.join(","));
    out.push_str("\r\n");
}
