//! Live updates: a page hears that there is something new, and asks for the part of it that it shows. What is new is not in here.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use brevet_core::id::PersonId;
use futures_util::stream;
use tokio::sync::watch;

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
    first: bool,
    _room: Room,
}

pub(super) async fn live(visitor: Visitor) -> Outcome<Response> {
    let room = visitor.app.live.enter(&visitor.actor.person)?;
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
