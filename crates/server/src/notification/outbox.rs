//! Filling the outbox: in the transaction of the event, so that both happen or neither.

use brevet_core::id::DeliveryId;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use tokio::sync::OnceCell;

use super::{FAILED, recipients, template};
use crate::clock;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{event, notification, notification_target as target};

/// What sending to people needs of the running server.
#[derive(Default)]
pub struct Outbox {
    /// Woken when there is something to send.
    pub wake: tokio::sync::Notify,
    /// Sends webhooks: made when it is first needed, since it reads the system's certificate authorities.
    pub(super) http: OnceCell<reqwest::Client>,
}

/// The enabled targets, read once in a change, and whether it put anything into the outbox.
#[derive(Default)]
pub struct Filling {
    targets: OnceCell<Vec<target::Model>>,
    filled: std::sync::atomic::AtomicBool,
}

impl Filling {
    /// Whether there is something to send once the change is durable.
    #[must_use]
    pub fn filled(&self) -> bool {
        self.filled.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Puts in what this event is to tell to whom.
///
/// What cannot be told must not undo what happened: only the database's own failures do, since then the event is not written either.
///
/// # Errors
/// When the database does not take it.
pub async fn fill(change: &Change, event: &event::Model) -> Outcome<()> {
    let read = || async { target::Entity::find().filter(target::Column::Enabled.eq(true)).all(change.tx()).await };
    let targets = change.filling.targets.get_or_try_init(read).await?;
    let failed = if event.kind == FAILED { failed_target(event) } else { None };
    for target in targets.iter().filter(|target| failed.as_ref() != Some(&target.id)) {
        match fill_one(change, target, event).await {
            Err(failure) if !failure.is_of_database() => tracing::error!(?failure, target.name, event.kind, "somebody cannot be told"),
            other => other?,
        }
    }
    Ok(())
}

/// Where something could not be sent: word of it does not go there, which would go round for ever.
fn failed_target(event: &event::Model) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(&event.body).ok()?;
    body.get("target")?.as_str().map(str::to_owned)
}

async fn fill_one(change: &Change, target: &target::Model, event: &event::Model) -> Outcome<()> {
    let Some(audience) = recipients::audience(change, target, event).await? else { return Ok(()) };
    let given = template::given(change, event).await?;
    let words = template::words(change, &event.kind, &given).await?;
    let body = if target.kind == super::targets::WEBHOOK { payload(event, &given, &words)? } else { words.body };
    put(change, target, &Told { event: Some(event), kind: &event.kind, audience, subject: words.subject, body }).await?;
    Ok(())
}

/// What a webhook is sent: the event as the API shows it, and the words.
fn payload(event: &event::Model, given: &template::Given, words: &template::Words) -> Outcome<String> {
    let shown = crate::audit::shown(event.clone())?;
    let said = serde_json::json!({
        "type": event.kind,
        "timestamp": shown.time,
        "data": { "event": shown, "url": given.url, "subject": words.subject, "text": words.body },
    });
    Ok(serde_json::to_string(&said)?)
}

/// One notification before it is put in.
pub(super) struct Told<'a> {
    pub event: Option<&'a event::Model>,
    pub kind: &'a str,
    pub audience: &'a str,
    pub subject: String,
    pub body: String,
}

/// Puts in one.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn put(change: &Change, target: &target::Model, told: &Told<'_>) -> Outcome<DeliveryId> {
    let id = clock::id(DeliveryId::new, change.now)?;
    let row = notification::ActiveModel {
        seq: NotSet,
        id: Set(id.to_string()),
        target: Set(target.id.clone()),
        event: Set(told.event.map(|event| event.id.clone())),
        kind: Set(told.kind.into()),
        audience: Set(told.audience.into()),
        request: Set(told.event.and_then(|event| event.request.clone())),
        state: Set("pending".into()),
        attempts: Set(0),
        due: Set(change.now.millis()),
        since: Set(change.now.millis()),
        message: Set(None),
        alone: Set(false),
        created: Set(change.now.millis()),
        finished: Set(None),
        error: Set(None),
        subject: Set(told.subject.clone()),
        body: Set(told.body.clone()),
    };
    notification::Entity::insert(row).exec(change.tx()).await?;
    change.filling.filled.store(true, std::sync::atomic::Ordering::Relaxed);
    Ok(id)
}
