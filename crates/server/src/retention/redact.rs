//! Taking text away, so much at a time that nobody waits for it.

use std::collections::BTreeMap;

use axum::extract::State;
use brevet_api::rest::event::{Redact, Redacted};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _, Select,
};

use super::blank;
use super::covers::{self, Holds};
use crate::access::Actor;
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::settings;
use crate::store::Change;
use crate::store::entities::{decision, event, grant, idempotency, journal_record, notification, request, session};

/// A shorter retention is not taken: so long a computer keeps what it has sent, and sends it again to a server that was put back to a
/// backup.
pub const SHORTEST: Length = Length::from_hours(7 * 24);

/// Rows of each table in one change.
const BATCH: u64 = 1000;
/// Changes in one call: the caller goes on while something is left.
const STEPS: usize = 10;

/// What tells of redaction and of holds is kept whole.
const KEPT: [&str; 3] = ["event.redacted", "hold.created", "hold.released"];

/// A step of the sweep, where it is time; while something is left, it is.
///
/// # Errors
/// When the database does not answer.
pub async fn hourly(app: &App) -> Outcome<()> {
    let now = app.clock.now();
    if app.redaction.is_due(now) && !sweep(app).await? {
        app.redaction.done(now);
    }
    Ok(())
}

/// What is due: older than a moment, and covered by no hold.
struct Due {
    before: Timestamp,
    holds: Holds,
}

impl Due {
    async fn load<C: ConnectionTrait>(connection: &C, before: Timestamp) -> Outcome<Self> {
        Ok(Self { before, holds: Holds::load(connection).await? })
    }

    /// By when the server had it: a computer's clock cannot bring its own events to an early end.
    fn old_events(&self) -> Select<event::Entity> {
        use event::Column as C;
        event::Entity::find().filter(C::Redacted.is_null()).filter(C::Recorded.lt(self.before.millis())).filter(C::Kind.is_not_in(KEPT))
    }

    fn events(&self) -> Select<event::Entity> {
        self.old_events().filter(condition(self.holds.free(covers::events)))
    }

    /// Decided so long ago, and without a grant that still holds.
    fn requests(&self) -> Select<request::Entity> {
        use request::Column as C;
        let holds =
            Condition::all().add(grant::Column::Request.is_not_null()).add(self.over(grant::Column::Ended, grant::Column::Ends).not());
        let open = grant::Entity::find().select_only().column(grant::Column::Request).filter(holds).into_query();
        request::Entity::find()
            .filter(C::Redacted.is_null())
            .filter(C::Closed.lt(self.before.millis()))
            .filter(C::Id.not_in_subquery(open))
            .filter(condition(self.holds.free(covers::requests)))
    }

    fn grants(&self) -> Select<grant::Entity> {
        use grant::Column as C;
        let old = grant::Entity::find().filter(C::Redacted.is_null()).filter(self.over(C::Ended, C::Ends));
        old.filter(condition(self.holds.free(covers::grants)))
    }

    fn sessions(&self) -> Select<session::Entity> {
        use session::Column as C;
        let old = session::Entity::find().filter(C::Redacted.is_null()).filter(self.over(C::Ended, C::Ends));
        old.filter(condition(self.holds.free(covers::sessions)))
    }

    /// Ended so long ago, or, where a computer fell silent before it could say so, had to.
    fn over<C: ColumnTrait>(&self, ended: C, ends: C) -> Condition {
        let before = self.before.millis();
        let silent = Condition::all().add(ended.is_null()).add(ends.lt(before));
        Condition::any().add(Condition::all().add(ended.is_not_null()).add(ended.lt(before))).add(silent)
    }

    /// What it would be, with nothing changed.
    async fn counted<C: ConnectionTrait>(&self, connection: &C) -> Outcome<Redacted> {
        let events = self.events().count(connection).await?;
        Ok(Redacted {
            before: self.before,
            dry_run: true,
            records: self.events().filter(event::Column::JournalSeq.is_not_null()).count(connection).await?,
            requests: self.requests().count(connection).await?,
            grants: self.grants().count(connection).await?,
            sessions: self.sessions().count(connection).await?,
            held: self.old_events().count(connection).await?.saturating_sub(events),
            events,
            left: false,
        })
    }
}

const fn nothing(before: Timestamp) -> Redacted {
    Redacted { before, dry_run: false, events: 0, records: 0, requests: 0, grants: 0, sessions: 0, held: 0, left: false }
}

fn condition(free: Option<Condition>) -> Condition {
    Condition::all().add_option(free)
}

/// `POST events/redact`.
pub(super) async fn redact(State(app): State<App>, actor: Actor, Body(body): Body<Redact>) -> Outcome<Json<Redacted>> {
    let older_than = match body.older_than {
        Some(length) if length < SHORTEST => return Err(Failure::field("older_than", format!("must be at least {SHORTEST}"))),
        Some(length) => length,
        None => {
            let forever = || Failure::field("older_than", "the setting retention is forever: say how old").hint("or set retention first");
            settings::load(&app.store.pool).await?.retention.ok_or_else(forever)?
        }
    };
    let before = app.clock.now().minus(older_than);
    if body.dry_run {
        let snapshot = app.store.snapshot().await?;
        return Ok(Json(Due::load(&snapshot, before).await?.counted(&snapshot).await?));
    }
    let mut sum = nothing(before);
    for _ in 0..STEPS {
        let done = step(&app, By::Person(&actor), before, older_than).await?;
        sum.events = sum.events.saturating_add(done.events);
        sum.records = sum.records.saturating_add(done.records);
        sum.requests = sum.requests.saturating_add(done.requests);
        sum.grants = sum.grants.saturating_add(done.grants);
        sum.sessions = sum.sessions.saturating_add(done.sessions);
        sum.left = done.left;
        if !done.left {
            break;
        }
    }
    let due = Due::load(&app.store.pool, before).await?;
    sum.held = due.old_events().count(&app.store.pool).await?.saturating_sub(due.events().count(&app.store.pool).await?);
    Ok(Json(sum))
}

/// What time alone brings about, where the setting says after how long. One step; says whether something is left.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(app: &App) -> Outcome<bool> {
    let Some(retention) = settings::load(&app.store.pool).await?.retention else { return Ok(false) };
    Ok(step(app, By::Server, app.clock.now().minus(retention), retention).await?.left)
}

/// One change: at most so many rows of each table, and the event that says so.
async fn step(app: &App, by: By<'_>, before: Timestamp, older_than: Length) -> Outcome<Redacted> {
    let change = Change::begin(app).await?;
    let due = Due::load(change.tx(), before).await?;
    let (events, records, places) = take_events(&change, &due).await?;
    let requests = take_requests(&change, &due).await?;
    let grants = take_grants(&change, &due).await?;
    let sessions = take_sessions(&change, &due).await?;
    // Answers that are kept for a repeated call have the same text.
    idempotency::Entity::delete_many().filter(idempotency::Column::Created.lt(before.millis())).exec(change.tx()).await?;
    // Counts of what nobody used since then are text of that time too.
    crate::applications::seen::forget(change.tx(), before).await?;
    let left = [events, requests, grants, sessions].iter().any(|count| *count >= BATCH);
    let done = Redacted { events, records, requests, grants, sessions, left, ..nothing(before) };
    if events + requests + grants + sessions == 0 {
        change.commit().await?;
        return Ok(done);
    }
    let said = serde_json::json!({
        "older_than": older_than, "before": before, "events": events, "first": places.map(|(first, _)| first), "last": places.map(|(_, last)| last),
        "records": records, "requests": requests, "grants": grants, "sessions": sessions,
    });
    let summary = format!(
        "the text of {events} events, {requests} requests, {grants} grants and {sessions} sessions from before {before} was redacted"
    );
    record(&change, by, NewEvent::new("event.redacted", summary, &said)?).await?;
    change.commit().await?;
    Ok(done)
}

type Place = (i64, Option<String>, Option<String>, Option<i64>);

/// Events, and of what computers said the record too. How many of each, and the places of the first and the last.
async fn take_events(change: &Change, due: &Due) -> Outcome<(u64, u64, Option<(i64, i64)>)> {
    use event::Column as C;
    let rows: Vec<Place> = due
        .events()
        .order_by_asc(C::Recorded)
        .limit(BATCH)
        .select_only()
        .columns([C::Seq, C::Computer, C::Incarnation, C::JournalSeq])
        .into_tuple()
        .all(change.tx())
        .await?;
    let mut journals: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for (_, computer, incarnation, seq) in &rows {
        if let (Some(computer), Some(incarnation), Some(seq)) = (computer, incarnation, seq) {
            journals.entry((computer, incarnation)).or_default().push(*seq);
        }
    }
    let seqs: Vec<i64> = rows.iter().map(|(seq, ..)| *seq).collect();
    let done = event::Entity::update_many()
        .col_expr(C::Redacted, Expr::value(change.now.millis()))
        .col_expr(C::Summary, Expr::value(""))
        .col_expr(C::Body, Expr::value("null"))
        .col_expr(C::Words, Expr::value(""))
        .col_expr(C::Salt, Expr::value(None::<String>))
        .filter(C::Seq.is_in(seqs.iter().copied()))
        .filter(C::Redacted.is_null())
        .exec(change.tx())
        .await?;
    // What was sent about them. What is still to be sent is not so old: it is given up long before.
    let ids = event::Entity::find().select_only().column(C::Id).filter(C::Seq.is_in(seqs.iter().copied())).into_query();
    notification::Entity::delete_many()
        .filter(notification::Column::Event.in_subquery(ids))
        .filter(notification::Column::Finished.is_not_null())
        .exec(change.tx())
        .await?;
    let mut records = 0;
    for ((computer, incarnation), seqs) in journals {
        use journal_record::Column as R;
        let taken = journal_record::Entity::update_many()
            .col_expr(R::Salt, Expr::value(None::<String>))
            .col_expr(R::Body, Expr::value(None::<String>))
            .filter(R::Computer.eq(computer))
            .filter(R::Incarnation.eq(incarnation))
            .filter(R::Seq.is_in(seqs))
            .exec(change.tx())
            .await?;
        records += taken.rows_affected;
    }
    let places = seqs.iter().min().copied().zip(seqs.iter().max().copied());
    Ok((done.rows_affected, records, places))
}

async fn take_requests(change: &Change, due: &Due) -> Outcome<u64> {
    use request::Column as C;
    let rows: Vec<(String, String)> =
        due.requests().order_by_asc(C::Id).limit(BATCH).select_only().columns([C::Id, C::Body]).into_tuple().all(change.tx()).await?;
    let ids: Vec<String> = rows.iter().map(|(id, _)| id.clone()).collect();
    for (id, body) in &rows {
        let blank = blank::request(serde_json::from_str(body)?);
        request::Entity::update_many()
            .col_expr(C::Body, Expr::value(serde_json::to_string(&blank)?))
            .col_expr(C::Redacted, Expr::value(change.now.millis()))
            .filter(C::Id.eq(id))
            .exec(change.tx())
            .await?;
    }
    decision::Entity::update_many()
        .col_expr(decision::Column::Comment, Expr::value(""))
        .filter(decision::Column::Request.is_in(ids))
        .exec(change.tx())
        .await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

async fn take_grants(change: &Change, due: &Due) -> Outcome<u64> {
    use grant::Column as C;
    let ids: Vec<String> = due.grants().order_by_asc(C::Id).limit(BATCH).select_only().column(C::Id).into_tuple().all(change.tx()).await?;
    let done = grant::Entity::update_many()
        .col_expr(C::Command, Expr::value(""))
        .col_expr(C::Reason, Expr::value(None::<String>))
        .col_expr(C::Detail, Expr::value(None::<String>))
        .col_expr(C::Body, Expr::value("null"))
        .col_expr(C::Redacted, Expr::value(change.now.millis()))
        .filter(C::Id.is_in(ids))
        .exec(change.tx())
        .await?;
    Ok(done.rows_affected)
}

async fn take_sessions(change: &Change, due: &Due) -> Outcome<u64> {
    use session::Column as C;
    let rows: Vec<(String, String)> =
        due.sessions().order_by_asc(C::Id).limit(BATCH).select_only().columns([C::Id, C::Record]).into_tuple().all(change.tx()).await?;
    for (id, started) in &rows {
        let blank = blank::session(serde_json::from_str(started)?);
        session::Entity::update_many()
            .col_expr(C::Command, Expr::value(""))
            .col_expr(C::Reason, Expr::value(None::<String>))
            .col_expr(C::Record, Expr::value(serde_json::to_string(&blank)?))
            .col_expr(C::Redacted, Expr::value(change.now.millis()))
            .filter(C::Id.eq(id))
            .exec(change.tx())
            .await?;
    }
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}
