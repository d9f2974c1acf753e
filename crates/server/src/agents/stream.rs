//! The stream of documents: what the computer lacks, then heartbeats, and each new document as soon as it is durable.
//!
//! INVARIANT: a heartbeat names only a place whose documents went out on the same stream before it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use brevet_api::agent::{Documents, Missing, Position, VERSION_HEADER};
use brevet_core::document::{Envelope, Heartbeat, Manifest, SCHEMA, open, seal};
use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use futures_util::{Stream, StreamExt as _, stream};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use tokio::time::Instant;

use super::tokens::Caller;
use crate::app::{App, Listener};
use crate::computers::{facts, presence};
use crate::definitions::Snapshot;
use crate::documents::concern::concerning;
use crate::documents::sequence::{self, Place, unsigned};
use crate::http::extract::{Body, Json, Query};
use crate::http::failure::{Failure, Outcome};
use crate::settings;
use crate::store::Change;
use crate::store::entities::{computer, shared_document, trust};

pub(super) async fn documents(
    State(app): State<App>,
    Caller(row): Caller,
    Query(position): Query<Position>,
    headers: HeaderMap,
) -> Outcome<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let computer = ComputerId::parse(&row.id)?;
    // Listening begins before reading, so that nothing falls between.
    let listener = app.hub.open(&app, &computer);
    let mut change = Change::begin(&app).await?;
    presence::heard(&change, &row).await?;
    facts::note_version(&change, &row, headers.get(VERSION_HEADER).and_then(|said| said.to_str().ok())).await?;
    sequence::delivered(&change, &row.id, Place { epoch: position.epoch, seq: position.seq }).await?;
    computer::Entity::update_many()
        .col_expr(computer::Column::HeldTrust, Expr::value(crate::definitions::write::signed(position.trust_version)))
        .col_expr(computer::Column::Stream, Expr::value(listener.name()))
        .filter(computer::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    // An older stream of it at another server ends.
    change.wake(&computer);
    change.commit().await?;
    let epoch = unsigned(row.epoch);
    let sent = if position.epoch == epoch { position.seq.min(unsigned(row.sent)) } else { 0 };
    let next_heartbeat = Instant::now();
    let talk = Talk {
        stopping: app.stopping.subscribe(),
        app: app.clone(),
        computer,
        listener,
        epoch,
        sent,
        trust_version: position.trust_version,
        nonce: Some(position.nonce),
        last_heartbeat: Timestamp::from_millis(0),
        next_heartbeat,
        ended: false,
    };
    let batches = stream::unfold(talk, |mut talk| async move { talk.next().await.map(|events| (stream::iter(events), talk)) });
    let keep_alive = Duration::from_millis(app.config.keep_alive.millis());
    Ok(Sse::new(batches.flatten()).keep_alive(KeepAlive::new().interval(keep_alive)))
}

/// Documents that are in memory at a time, of a computer that was away for long: manifests may be large.
const AT_ONCE: u64 = 16;

/// One stream's state.
struct Talk {
    app: App,
    computer: ComputerId,
    listener: Listener,
    stopping: tokio::sync::watch::Receiver<bool>,
    epoch: u64,
    /// The last document of the sequence that went out.
    sent: u64,
    trust_version: u64,
    nonce: Option<String>,
    last_heartbeat: Timestamp,
    next_heartbeat: Instant,
    ended: bool,
}

impl Talk {
    /// What to send next; `None` ends the stream.
    async fn next(&mut self) -> Option<Vec<Result<Event, Infallible>>> {
        loop {
            if self.ended || *self.stopping.borrow() || !self.listener.is_newest() {
                return None;
            }
            self.listener.woken.mark_unchanged();
            match self.due().await {
                Ok(events) if !events.is_empty() => return Some(events.into_iter().map(Ok).collect()),
                Ok(_) if self.ended => return None,
                Ok(_) => {}
                Err(failure) => {
                    // The computer connects again and resumes; half a truth is worse than silence.
                    tracing::error!(computer = %self.computer, ?failure, "a stream of documents failed");
                    return None;
                }
            }
            tokio::select! {
                changed = self.listener.woken.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(self.next_heartbeat) => {}
                _ = self.stopping.changed() => {}
            }
        }
    }

    async fn due(&mut self) -> Outcome<Vec<Event>> {
        let mut out = Vec::new();
        let row = computer::Entity::find_by_id(self.computer.as_str()).one(&self.app.store.pool).await?;
        let row = row.ok_or_else(|| Failure::internal("the computer is gone"))?;
        let newer = row.stream.as_deref().is_some_and(|stream| stream != self.listener.name());
        if newer {
            self.ended = true;
            return Ok(out);
        }
        self.ended = row.state == "removed" || unsigned(row.epoch) != self.epoch;
        if let Some(envelope) = self.newer_trust().await? {
            out.push(document(&envelope)?);
        }
        let place = Place { epoch: self.epoch, seq: self.sent };
        let rows = sequence::after(&self.app.store.pool, &self.computer, place, AT_ONCE).await?;
        let more = rows.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        let mut newest = None;
        for row in rows {
            while self.sent.saturating_add(1) < unsigned(row.seq) {
                let manifest = match newest.take() {
                    Some(manifest) => manifest,
                    None => self.newest_manifest().await?,
                };
                out.push(document(&self.in_forgotten_place(&manifest)?)?);
                newest = Some(manifest);
                if out.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX) {
                    return Ok(out);
                }
            }
            out.push(Event::default().event("document").data(&row.envelope));
            self.sent = unsigned(row.seq);
        }
        if more {
            // The rest comes next, and the heartbeat after it: one that named less than there is would vouch for what is withheld.
            return Ok(out);
        }
        if Instant::now() >= self.next_heartbeat && !self.ended {
            out.push(document(&self.heartbeat()?)?);
            self.next_heartbeat = Instant::now() + Duration::from_millis(self.app.config.heartbeat.millis());
        }
        Ok(out)
    }

    /// The next place was a manifest's that was let go: the newest one stands in it. WHY: a computer whose disk went back takes no
    /// document before that place is filled, and what the old manifest said is not to be in force again, even for a moment.
    fn in_forgotten_place(&mut self, newest: &Manifest) -> Outcome<Envelope> {
        self.sent = self.sent.saturating_add(1);
        let content = Manifest { seq: self.sent, time: self.app.clock.now(), ..newest.clone() };
        Ok(seal(&content, &[&self.app.keys.issuer])?)
    }

    async fn newest_manifest(&self) -> Outcome<Manifest> {
        let newest = sequence::newest_manifest(&self.app.store.pool, &self.computer, self.epoch).await?;
        let newest = newest.ok_or_else(|| Failure::internal("a sequence has a gap and no manifest"))?;
        Ok(open(&newest, &[self.app.keys.issuer.public()])?)
    }

    async fn newer_trust(&mut self) -> Outcome<Option<Envelope>> {
        let row = trust::Entity::find().order_by_desc(trust::Column::Version).one(&self.app.store.pool).await?;
        let Some(row) = row.filter(|row| unsigned(row.version) > self.trust_version) else { return Ok(None) };
        self.trust_version = unsigned(row.version);
        Ok(Some(serde_json::from_str(&row.envelope)?))
    }

    fn heartbeat(&mut self) -> Outcome<Envelope> {
        let now = self.app.clock.now();
        let time = now.max(Timestamp::from_millis(self.last_heartbeat.millis().saturating_add(1)));
        self.last_heartbeat = time;
        let heartbeat = Heartbeat {
            schema: SCHEMA,
            computer: self.computer.clone(),
            time,
            epoch: self.epoch,
            seq: self.sent,
            nonce: self.nonce.take(),
        };
        Ok(seal(&heartbeat, &[&self.app.keys.issuer])?)
    }
}

fn document(envelope: &Envelope) -> Outcome<Event> {
    Ok(Event::default().event("document").data(serde_json::to_string(envelope)?))
}

/// Bytes of documents in one answer, unless the first alone is larger.
const ANSWERED: usize = 8 << 20;

/// Shared documents that the computer lacks: only those that concern it, and as many as fit into an answer.
pub(super) async fn missing(State(app): State<App>, Caller(row): Caller, Body(body): Body<Missing>) -> Outcome<Json<Documents>> {
    const MOST: usize = 10_000;
    if body.missing.len() > MOST {
        return Err(Failure::field("missing", format!("at most {MOST} at once")));
    }
    let pool = &app.store.pool;
    let values = settings::load(pool).await?;
    let newest = shared_document::Entity::find()
        .filter(shared_document::Column::Subject.eq("settings"))
        .filter(shared_document::Column::Version.eq(crate::definitions::write::signed(values.version)))
        .one(pool)
        .await?;
    let settings = newest.map(|row| row.digest);
    let (mut documents, mut bytes) = (Vec::new(), 0usize);
    for some in body.missing.chunks(256) {
        let some: Vec<String> = some.iter().map(ToString::to_string).collect();
        let known = Snapshot::load_documents(pool, &some).await?;
        let concerned: BTreeSet<&str> =
            concerning((&row.state, &row.name), &known).filter_map(|definition| definition.document.as_deref()).collect();
        let allowed = some.iter().filter(|digest| concerned.contains(digest.as_str()) || settings.as_ref() == Some(digest));
        let mut found = shared_document::Entity::find().filter(shared_document::Column::Digest.is_in(allowed)).all(pool).await?;
        // In the order in which they were asked for.
        found.sort_by_key(|row| some.iter().position(|digest| *digest == row.digest));
        for row in found {
            bytes = bytes.saturating_add(row.envelope.len());
            if bytes > ANSWERED && !documents.is_empty() {
                return Ok(Json(Documents { documents }));
            }
            documents.push(serde_json::from_str(&row.envelope)?);
        }
    }
    Ok(Json(Documents { documents }))
}
