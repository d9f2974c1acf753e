//! Emptying the outbox: each target by itself, each notification at least once, with growing pauses and an end.
//!
//! INVARIANT: of several servers one sends: whoever moves the row's `due` ahead, on condition that nobody did. A server that dies in
//! between has sent it or not; when that time is over it is sent again, under the same id.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brevet_core::time::Length;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::recipients::{OWNER, SKIPPED};
use super::{TEST, email, log, recipients, targets, together, webhook};
use crate::app::App;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{event, notification, notification_target as target};

/// How long whoever took one has for sending it: longer than any way takes.
const LEASE: Length = Length::from_seconds(120);
/// How many targets are sent to at once: one that answers slowly keeps no other waiting.
const AT_ONCE: usize = 64;

/// Why one was not taken.
pub(super) struct Failed {
    pub why: String,
    pub for_good: bool,
}

impl Failed {
    pub(super) fn again(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: false }
    }

    pub(super) fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: true }
    }
}

/// Sends until the server stops. What it is not woken for it finds by itself: it looks regularly, also for what another server put in.
pub async fn run(app: App) {
    let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut workers = JoinSet::new();
    let every = Duration::from_millis(app.config.sweep.millis());
    loop {
        let _ = tokio::time::timeout(every, app.outbox.wake.notified()).await;
        if *app.stopping.borrow() {
            return;
        }
        while workers.try_join_next().is_some() {}
        let due = match due(&app).await {
            Ok(due) => due,
            Err(failure) => {
                tracing::error!(?failure, "notifications cannot be read");
                continue;
            }
        };
        for id in due {
            if busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
                let worker = Worker { app: app.clone(), busy: busy.clone(), id };
                workers.spawn(worker.run(slots.clone()));
            }
        }
    }
}

/// Sends what is due to one target; while it lives nobody else here does.
struct Worker {
    app: App,
    busy: Arc<Mutex<HashSet<String>>>,
    id: String,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Worker {
    async fn run(self, slots: Arc<Semaphore>) {
        let mut tried = false;
        while !*self.app.stopping.borrow() {
            let Ok(_slot) = slots.acquire().await else { break };
            match step(&self.app, &self.id).await {
                Ok(true) => tried = true,
                Ok(false) => break,
                Err(failure) => {
                    tracing::error!(?failure, target = self.id, "notifications cannot be sent");
                    tried = false;
                    break;
                }
            }
        }
        let app = self.app.clone();
        drop(self);
        // What came in after the last look and before this end nobody else was woken for.
        if tried {
            app.outbox.wake.notify_one();
        }
    }
}

/// Targets for which something is due.
async fn due(app: &App) -> Outcome<Vec<String>> {
    let now = app.clock.now().millis();
    let waiting: Vec<String> = notification::Entity::find()
        .select_only()
        .column(notification::Column::Target)
        .distinct()
        .filter(notification::Column::State.eq("pending"))
        .filter(notification::Column::Due.lte(now))
        .into_tuple()
        .all(&app.store.pool)
        .await?;
    let able = target::Entity::find().filter(target::Column::Enabled.eq(true)).filter(target::Column::Rests.lte(now));
    let able = able.filter(target::Column::Id.is_in(waiting)).all(&app.store.pool).await?;
    Ok(able.into_iter().map(|target| target.id).collect())
}

/// Sends once to each target for which something is due; how many were tried.
///
/// # Errors
/// When the database does not answer.
pub async fn once(app: &App) -> Outcome<usize> {
    let mut tried = 0usize;
    for id in due(app).await? {
        tried = tried.saturating_add(usize::from(step(app, &id).await?));
    }
    Ok(tried)
}

/// Takes what is next for a target, sends it and keeps what became of it; whether there was anything.
async fn step(app: &App, id: &str) -> Outcome<bool> {
    let Some((target, taken)) = take(app, id).await? else { return Ok(false) };
    let mut wanted = Vec::with_capacity(taken.len());
    for row in taken {
        if log::is_spent(&row) {
            log::failed(app, &target, &[row], &Failed::for_good("it was begun too often and never ended")).await?;
            continue;
        }
        match is_wanted(app, &target, &row).await {
            Ok(true) => wanted.push(row),
            Ok(false) => log::obsolete(app, &row).await?,
            // One that cannot be read is put off like one that is not taken, so that it holds up no other.
            Err(failure) => {
                tracing::error!(?failure, notification = row.id, "a notification cannot be made ready");
                log::failed(app, &target, &[row], &Failed::again("it cannot be made ready: see the server's log")).await?;
            }
        }
    }
    let Some(first) = wanted.first() else { return Ok(true) };
    let message = together::message(&wanted).unwrap_or_else(|| first.id.clone());
    let sent = match target.kind.as_str() {
        targets::WEBHOOK => webhook::send(app, &target, first).await,
        _ => email::send(app, &target, &together::e_mail(app, &wanted, &message)).await,
    };
    match sent {
        Ok(()) => log::sent(app, &target, &wanted, &message).await?,
        Err(failed) => log::failed(app, &target, &wanted, &failed).await?,
    }
    Ok(true)
}

/// Takes the next ones, on condition that nobody else did: one, or for a mailbox with many waiting those that go in one e-mail.
async fn take(app: &App, id: &str) -> Outcome<Option<(target::Model, Vec<notification::Model>)>> {
    let change = Change::begin(app).await?;
    let now = change.now.millis();
    let found = target::Entity::find_by_id(id).one(change.tx()).await?;
    let Some(target) = found.filter(|target| target.enabled && target.rests <= now) else { return Ok(None) };
    let due = || {
        notification::Entity::find()
            .filter(notification::Column::Target.eq(id))
            .filter(notification::Column::State.eq("pending"))
            .filter(notification::Column::Due.lte(now))
            // In order, but for what was not taken twice: it waits behind the others.
            .order_by_asc(Expr::col(notification::Column::Attempts).gte(2))
            .order_by_asc(notification::Column::Seq)
    };
    // Also what somebody sends to see whether it comes.
    let grave = notification::Column::Audience.is_in([OWNER, SKIPPED]).or(notification::Column::Kind.eq(TEST));
    let grave = due().filter(grave).one(change.tx()).await?;
    let chosen = match (grave, target.kind.as_str()) {
        (Some(grave), _) => vec![grave],
        (None, targets::WEBHOOK) => due().one(change.tx()).await?.into_iter().collect(),
        (None, _) => together::choose(&change, &target, due()).await?,
    };
    let mut taken = Vec::with_capacity(chosen.len());
    for row in chosen {
        let moved = notification::Entity::update_many()
            .col_expr(notification::Column::Due, Expr::value(change.now.plus(LEASE).millis()))
            .col_expr(notification::Column::Attempts, Expr::value(row.attempts.saturating_add(1)))
            .filter(notification::Column::Seq.eq(row.seq))
            .filter(notification::Column::State.eq("pending"))
            .filter(notification::Column::Attempts.eq(row.attempts))
            .filter(notification::Column::Due.eq(row.due))
            .exec(change.tx())
            .await?;
        if moved.rows_affected == 1 {
            taken.push(row);
        }
    }
    change.commit().await?;
    Ok((!taken.is_empty()).then_some((target, taken)))
}

/// Whether it is still to be told, to whom it was to be told: nobody needs to be asked what is decided, and who lost a right or the
/// account while it waited is told nothing.
async fn is_wanted(app: &App, target: &target::Model, row: &notification::Model) -> Outcome<bool> {
    let (Some(id), true) = (&row.event, target.person.is_some()) else { return Ok(true) };
    let change = Change::begin(app).await?;
    let Some(event) = event::Entity::find().filter(event::Column::Id.eq(id)).one(change.tx()).await? else { return Ok(false) };
    let audience = recipients::audience(&change, target, &event).await?;
    Ok(audience == Some(row.audience.as_str()))
}
