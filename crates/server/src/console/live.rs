//! Live updates: a page hears that there is something new, and asks for the part of it that it shows. What is new is not in here.
//!
//! INVARIANT: a page misses nothing, and asks for nothing that it has. It says up to where it knows of what is new, which is from before
//! anything was read for it; where that is not where the server is, the stream begins with the news.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use brevet_core::id::PersonId;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::watch;

use super::visitor::Visitor;
use crate::app::App;
use brevet_api::rest::Code;

use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};

/// A stream ends after this long and the browser opens another, which asks again who is signed in.
const LIVES: Duration = Duration::from_secs(120);
/// So often a stream says that it lives: a connection that is gone without a word is known by its silence (`SILENT` in `console.js`).
const ALIVE: Duration = Duration::from_secs(10);
/// Changes that follow each other closely are one.
const TOGETHER: Duration = Duration::from_millis(250);

/// Streams of everybody, and of one person: a page for each tab that somebody has open, in a few browsers.
const MOST: usize = 2000;
const MOST_OF_ONE: usize = 50;

/// Who has how many streams open.
#[derive(Debug, Default)]
pub struct Live(Mutex<HashMap<PersonId, usize>>);

/// One stream's place, until it is dropped.
struct Room {
    live: Arc<Live>,
    person: PersonId,
}

impl Live {
    fn enter(self: &Arc<Self>, person: &PersonId) -> Outcome<Room> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |why: &str| Err(Failure::new(Code::Unavailable).because(why).retry_after(30));
        if open.get(person).is_some_and(|own| *own >= MOST_OF_ONE) {
            return full("you have too many pages open");
        }
        if open.values().sum::<usize>() >= MOST {
            return full("too many pages are open");
        }
        *open.entry(person.clone()).or_default() += 1;
        Ok(Room { live: Arc::clone(self), person: person.clone() })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut open = self.live.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.person) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.remove(&self.person);
            }
        }
    }
}

struct Stream {
    app: App,
    news: watch::Receiver<u64>,
    ends: tokio::time::Instant,
    /// What is said first of all.
    first: Option<&'static str>,
    _room: Room,
}

#[derive(Deserialize)]
pub(super) struct Since {
    #[serde(default)]
    since: String,
}

/// Where this server is with what is new. Another server, or this one after a restart, is somewhere else.
pub(super) fn position(app: &App) -> String {
    at(app, app.hub.told())
}

fn at(app: &App, told: u64) -> String {
    format!("{}-{told}", app.replica.id)
}

pub(super) async fn live(visitor: Visitor, headers: HeaderMap, Query(asked): Query<Since>) -> Outcome<Response> {
    let room = visitor.app.live.enter(&visitor.actor.person)?;
    let mut news = visitor.app.hub.news();
    let here = at(&visitor.app, *news.borrow_and_update());
    // A browser that opens it again by itself has the old address, and says what it heard last.
    let known = headers.get("last-event-id").and_then(|value| value.to_str().ok()).unwrap_or(&asked.since);
    let first = Some(if known == here { "alive" } else { "news" });
    let stream = Stream { news, ends: tokio::time::Instant::now() + LIVES, first, app: visitor.app, _room: room };
    let events = stream::unfold(stream, next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE).event(event("alive"))).into_response())
}

/// A stream that only says that nobody is signed in. WHY: of what is refused, a browser tells a page nothing.
pub(super) fn signed_out() -> Response {
    Sse::new(stream::iter([Ok::<_, Infallible>(event("signed-out"))])).into_response()
}

/// WHY: an event without data is one that no browser tells of.
fn event(name: &str) -> Event {
    Event::default().event(name).data(name)
}

async fn next(mut stream: Stream) -> Option<(Result<Event, Infallible>, Stream)> {
    if let Some(first) = stream.first.take() {
        let here = at(&stream.app, *stream.news.borrow());
        return Some((Ok(event(first).id(here).retry(Duration::from_secs(2))), stream));
    }
    let mut stopping = stream.app.stopping.subscribe();
    tokio::select! {
        changed = stream.news.changed() => changed.ok()?,
        () = tokio::time::sleep_until(stream.ends) => return None,
        _ = stopping.wait_for(|stops| *stops) => return None,
    }
    tokio::time::sleep(TOGETHER).await;
    let here = at(&stream.app, *stream.news.borrow_and_update());
    Some((Ok(event("news").id(here)), stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_takes_only_their_part_and_gives_it_back() {
        let live = Arc::new(Live::default());
        let (one, other) = (PersonId::new(1, [1; 10]), PersonId::new(1, [2; 10]));
        let rooms: Vec<Room> = (0..MOST_OF_ONE).map(|_| live.enter(&one).unwrap()).collect();
        assert!(live.enter(&one).is_err() && live.enter(&other).is_ok());
        drop(rooms);
        assert!(live.enter(&one).is_ok() && live.0.lock().unwrap().is_empty());
    }
}
