//! The export: every event that the filters leave, oldest first, as a stream that nobody has to hold.
//!
//! Its view is everything before its own `export.made`: events are not changed and their places only rise, so no
//! transaction has to stay open while somebody reads slowly. (What is redacted meanwhile comes redacted.) It stops when its reader
//! goes away, and breaks off, so that nobody takes half of it for the whole, when the server stops or the database does not answer.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_api::rest::event::{Event, EventQuery};
use brevet_core::escape::csv;
use futures_util::{Stream, stream};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use tokio::sync::mpsc;

use super::filter::{chosen, with_text};
use super::places::onward;
use super::query::shown;
use super::record::{actor_kind_name, record_at};
use super::{By, NewEvent};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::http::page::MOST_BYTES;
use crate::store::Change;
use crate::store::entities::event;

/// A piece has at most so many events, and no more bytes than a page.
const MOST_ROWS: usize = 500;
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
    let condition = condition.add(event::Column::Seq.lt(own));
    let export = Export { app, condition, format, after: 0, ahead: VecDeque::new(), begun: false };
    // A task of its own, so that what comes next is read while this is being sent; one piece ahead of a reader who is slow.
    let (to, pieces) = mpsc::channel(1);
    tokio::spawn(export.send(to));
    let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/jsonl" };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(whole(pieces))).into_response())
}

/// A piece, `None` after the last one, or why there is no other.
type Piece = io::Result<Option<Bytes>>;

/// All pieces. The stream breaks off with an error, which is not the end of the answer: also where whoever sends them is gone without a word.
fn whole(pieces: mpsc::Receiver<Piece>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await.unwrap_or_else(|| Err(io::Error::other("the export was not brought to its end")))?;
        Ok(piece.map(|piece| (piece, pieces)))
    })
}

/// Where an export stands.
struct Export {
    app: App,
    condition: Condition,
    format: Format,
    /// The last place that was looked up.
    after: i64,
    /// Places whose events are still to be read, each with its bytes.
    ahead: VecDeque<(i64, i64)>,
    begun: bool,
}

impl Export {
    /// Sends all pieces and their end, or why it breaks off; no more once nobody reads any.
    async fn send(mut self, to: mpsc::Sender<Piece>) {
        loop {
            let piece = self.next().await.map_err(|failure| io::Error::other(failure.code.as_str()));
            let goes_on = matches!(piece, Ok(Some(_)));
            if to.send(piece).await.is_err() || !goes_on {
                return;
            }
        }
    }

    async fn next(&mut self) -> Outcome<Option<Bytes>> {
        if !std::mem::replace(&mut self.begun, true) && self.format == Format::Csv {
            return Ok(Some(Bytes::from_static(COLUMNS.as_bytes())));
        }
        if *self.app.stopping.borrow() {
            return Err(Failure::new(Code::Unavailable));
        }
        if self.ahead.is_empty() {
            self.ahead = onward(&self.app, &self.condition, self.after, AHEAD).await?.into();
            let Some((last, _)) = self.ahead.back() else { return Ok(None) };
            self.after = *last;
        }
        let select = event::Entity::find().filter(within(&self.piece())).order_by_asc(event::Column::Seq);
        let mut out = String::new();
        for row in select.all(&self.app.store.pool).await? {
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

    /// The places of the next piece: as many as it has room for, and one at least.
    fn piece(&mut self) -> Vec<i64> {
        let (mut places, mut bytes) = (Vec::new(), 0usize);
        while let Some((place, more)) = self.ahead.pop_front() {
            bytes = bytes.saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
            if !places.is_empty() && (bytes > MOST_BYTES || places.len() == MOST_ROWS) {
                self.ahead.push_front((place, more));
                break;
            }
            places.push(place);
        }
        places
    }
}

/// Events in these places, which rise: by the first and the last where none between them is left out.
fn within(places: &[i64]) -> SimpleExpr {
    match (places.first(), places.last()) {
        (Some(first), Some(last))
            if last.checked_sub(*first).and_then(|more| usize::try_from(more).ok()) == places.len().checked_sub(1) =>
        {
            event::Column::Seq.between(*first, *last)
        }
        _ => event::Column::Seq.is_in(places.iter().copied()),
    }
}

fn csv_line(out: &mut String, event: &Event) {
    fn text<T: ToString>(value: Option<&T>) -> Cow<'_, str> {
        value.map(ToString::to_string).unwrap_or_default().into()
    }
    fn own<T: ToString>(value: &T) -> Cow<'_, str> {
        value.to_string().into()
    }
    fn named(value: Option<&String>) -> Cow<'_, str> {
        value.map(String::as_str).unwrap_or_default().into()
    }
    let fields: [Cow<'_, str>; 24] = [
        own(&event.seq),
        own(&event.id),
        own(&event.time),
        own(&event.recorded),
        event.kind.as_str().into(),
        actor_kind_name(event.actor.kind).into(),
        named(event.actor.id.as_ref()),
        event.actor.name.as_str().into(),
        named(event.actor.token.as_ref()),
        text(event.computer.as_ref()),
        named(event.computer_name.as_ref()),
        named(event.user.as_ref()),
        text(event.policy.as_ref()),
        named(event.policy_name.as_ref()),
        text(event.request.as_ref()),
        text(event.grant.as_ref()),
        text(event.session.as_ref()),
        text(event.person.as_ref()),
        named(event.outcome.as_ref()),
        text(event.journal.as_ref().map(|place| &place.incarnation)),
        text(event.journal.as_ref().map(|place| &place.seq)),
        text(event.redacted.as_ref()),
        event.summary.as_str().into(),
        own(&event.body),
    ];
    for (number, field) in fields.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        out.push_str(&csv(field));
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    async fn read(sent: Vec<Piece>) -> Vec<Result<Bytes, String>> {
        let (to, pieces) = mpsc::channel(sent.len().max(1));
        for piece in sent {
            to.send(piece).await.unwrap();
        }
        drop(to);
        whole(pieces).map(|piece| piece.map_err(|error| error.to_string())).collect().await
    }

    #[tokio::test]
    async fn only_what_came_to_its_end_ends_without_an_error() {
        let piece = || Ok(Some(Bytes::from_static(b"a")));
        assert_eq!(read(vec![piece(), piece(), Ok(None)]).await, [Ok("a".into()), Ok("a".into())]);
        assert_eq!(read(vec![Ok(None)]).await, []);
        let broken = read(vec![piece(), Err(io::Error::other("unavailable"))]).await;
        assert_eq!(broken, [Ok("a".into()), Err("unavailable".into())]);
        // As after a panic, or while the server ends.
        for sent in [vec![], vec![piece()]] {
            assert!(read(sent).await.last().is_some_and(Result::is_err));
        }
    }

    #[test]
    fn places_without_a_gap_are_asked_for_by_the_first_and_the_last() {
        let bounds = |places: &[i64]| within(places) == event::Column::Seq.between(*places.first().unwrap(), *places.last().unwrap());
        assert!(bounds(&[7]) && bounds(&[7, 8, 9]) && !bounds(&[7, 9]) && !bounds(&[7, 8, 10]));
        assert!(within(&[]) == event::Column::Seq.is_in([0i64; 0]));
    }
}
