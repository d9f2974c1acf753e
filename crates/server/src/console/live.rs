//! Live updates: a page hears that there is something new, and asks for the part of it that it shows. What is new is not in here.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::visitor::Visitor;
use crate::app::App;
use brevet_api::rest::Code;

use crate::http::failure::{Failure, Outcome};

/// A stream ends after this long and the browser opens another, which asks again who is signed in.
const LIVES: Duration = Duration::from_secs(120);
/// So often a stream says that it lives: a connection that is gone without a word is known by its silence (`SILENT` in `console.js`).
const ALIVE: Duration = Duration::from_secs(10);
/// Changes that follow each other closely are one.
const TOGETHER: Duration = Duration::from_millis(250);

struct Stream {
    app: App,
    news: watch::Receiver<u64>,
    ends: tokio::time::Instant,
    first: bool,
    _room: OwnedSemaphorePermit,
}

pub(super) async fn live(visitor: Visitor) -> Outcome<Response> {
    let room = visitor.app.live.clone().try_acquire_owned();
    let room = room.map_err(|_| Failure::new(Code::Unavailable).because("too many pages are open").retry_after(30))?;
    let mut news = visitor.app.hub.news();
    news.borrow_and_update();
    let stream = Stream { news, ends: tokio::time::Instant::now() + LIVES, first: true, app: visitor.app, _room: room };
    let events = stream::unfold(stream, next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE).event(event("alive"))).into_response())
}

/// WHY: an event without data is one that no browser tells of.
fn event(name: &str) -> Event {
    Event::default().event(name).data(name)
}

async fn next(mut stream: Stream) -> Option<(Result<Event, Infallible>, Stream)> {
    if stream.first {
        stream.first = false;
        return Some((Ok(event("open").retry(Duration::from_secs(2))), stream));
    }
    let mut stopping = stream.app.stopping.subscribe();
    tokio::select! {
        changed = stream.news.changed() => changed.ok()?,
        () = tokio::time::sleep_until(stream.ends) => return None,
        _ = stopping.wait_for(|stops| *stops) => return None,
    }
    tokio::time::sleep(TOGETHER).await;
    stream.news.borrow_and_update();
    Some((Ok(event("news")), stream))
}
