//! Targets in the database. A webhook's secret is shown once and stands nowhere.

use brevet_api::rest::Code;
use brevet_api::rest::notification::{NewTarget, Notification, NotificationState, Target, TargetCreated, TargetKind};
use brevet_core::id::{DeliveryId, EventId, PersonId, TargetId};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};

use super::{address, email, webhook};
use crate::clock;
use crate::definitions::check::check_name;
use crate::http::etag;
use crate::http::failure::{Failure, Outcome};
use crate::people::store as people;
use crate::store::Change;
use crate::store::entities::{notification, notification_target as target};

/// A webhook's kind as the column holds it.
pub(super) const WEBHOOK: &str = "webhook";

/// By id or name, the id first.
///
/// # Errors
/// `not_found`.
pub(super) async fn find<C: ConnectionTrait>(connection: &C, reference: &str) -> Outcome<target::Model> {
    if let Some(row) = target::Entity::find_by_id(reference).one(connection).await? {
        return Ok(row);
    }
    let named = target::Entity::find().filter(target::Column::Name.eq(reference)).one(connection).await?;
    named.ok_or_else(|| Failure::not_found("notification target", reference))
}

/// As the API shows it.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn shown<C: ConnectionTrait>(connection: &C, row: target::Model, whole: bool) -> Outcome<Target> {
    let waiting = notification::Entity::find()
        .filter(notification::Column::Target.eq(&row.id))
        .filter(notification::Column::State.eq("pending"))
        .count(connection)
        .await?;
    Ok(Target {
        id: TargetId::parse(&row.id)?,
        address: address(&row, whole),
        name: row.name,
        kind: if row.kind == WEBHOOK { TargetKind::Webhook } else { TargetKind::Email },
        person: row.person.as_deref().map(PersonId::parse).transpose()?,
        events: serde_json::from_str(&row.events)?,
        enabled: row.enabled,
        created: Timestamp::from_millis(row.created),
        waiting,
        failing: row.failures > 0,
    })
}

/// Its address; of a webhook's, unless it is to be whole, only where it leads.
pub(super) fn address(row: &target::Model, whole: bool) -> String {
    if whole || row.kind != WEBHOOK {
        return row.address.clone();
    }
    let origin = reqwest::Url::parse(&row.address).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!("{origin}/…")
}

/// The tag of what can be changed in it.
///
/// # Errors
/// When it has no JSON form.
pub(super) fn tag(row: &target::Model) -> Outcome<String> {
    etag::of(&(&row.id, row.enabled, row.secret))
}

/// Lets it be tried at once, also where nothing was taken lately: somebody wants to see.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn rested(change: &Change, id: &str) -> Outcome<()> {
    let update = target::Entity::update_many().col_expr(target::Column::Rests, Expr::value(0));
    update.filter(target::Column::Id.eq(id)).exec(change.tx()).await?;
    Ok(())
}

/// One notification as the API shows it.
///
/// # Errors
/// When an id in it is not one.
pub(super) fn notification_shown(row: notification::Model, target: String) -> Outcome<Notification> {
    let state = match row.state.as_str() {
        "sent" => NotificationState::Sent,
        "failed" => NotificationState::Failed,
        "obsolete" => NotificationState::Obsolete,
        _ => NotificationState::Pending,
    };
    Ok(Notification {
        id: DeliveryId::parse(&row.id)?,
        target,
        event: row.event.as_deref().map(EventId::parse).transpose()?,
        kind: row.kind,
        audience: row.audience,
        state,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        created: Timestamp::from_millis(row.created),
        next_attempt: (state == NotificationState::Pending).then_some(Timestamp::from_millis(row.due)),
        finished: row.finished.map(Timestamp::from_millis),
        error: row.error,
        subject: row.subject,
    })
}

/// Adds one. The caller writes the event.
///
/// # Errors
/// `invalid` with every wrong field, `name_taken`, `not_found` for the person.
pub(super) async fn create(change: &Change, body: &NewTarget) -> Outcome<target::Model> {
    check_name(&body.name).map_err(|reason| Failure::field("name", reason))?;
    match body.kind {
        TargetKind::Email => email::check(&body.address).map_err(|reason| Failure::field("address", reason))?,
        TargetKind::Webhook => {
            let allow_loopback = change.app.config.webhooks.allow_loopback;
            address::check(&body.address, allow_loopback).map_err(|reason| Failure::field("address", reason))?;
        }
    }
    let person = match (&body.person, body.kind) {
        (Some(_), TargetKind::Webhook) => return Err(Failure::field("person", "only with e-mail: a webhook has events")),
        (Some(reference), TargetKind::Email) => Some(people::find(change.tx(), reference).await?.id),
        (None, _) => None,
    };
    check_events(&body.events, person.is_some())?;
    if target::Entity::find().filter(target::Column::Name.eq(&body.name)).one(change.tx()).await?.is_some() {
        return Err(Failure::new(Code::NameTaken).because(format!("there is a notification target {:?} already", body.name)));
    }
    let row = target::Model {
        id: clock::id(TargetId::new, change.now)?.to_string(),
        name: body.name.clone(),
        kind: if body.kind == TargetKind::Webhook { WEBHOOK.into() } else { "email".into() },
        address: body.address.clone(),
        person,
        events: serde_json::to_string(&body.events)?,
        enabled: true,
        secret: 1,
        key: webhook::key(&change.app),
        created: change.now.millis(),
        failures: 0,
        rests: 0,
        gave_up: false,
    };
    let new: target::ActiveModel = row.clone().into();
    target::Entity::insert(new.reset_all()).exec_without_returning(change.tx()).await?;
    Ok(row)
}

fn check_events(events: &[String], of_person: bool) -> Outcome<()> {
    match (events.is_empty(), of_person) {
        (true, false) => return Err(Failure::field("events", "say which: kinds such as grant.revoked, beginnings such as grant., or all")),
        (false, true) => return Err(Failure::field("events", "not with a person: they are told what concerns them")),
        _ => {}
    }
    let plain = |kind: &String| {
        !kind.is_empty()
            && kind.len() <= 64
            && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_')
            && !kind.starts_with('.')
    };
    match events.iter().position(|kind| !plain(kind)) {
        Some(wrong) => Err(Failure::field(format!("events[{wrong}]"), "is not a kind of event")),
        None if events.len() > 64 => Err(Failure::field("events", "at most 64")),
        None => Ok(()),
    }
}

/// With its secret, for the one time that it is shown.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn with_secret(change: &Change, row: target::Model) -> Outcome<TargetCreated> {
    let secret = (row.kind == WEBHOOK).then(|| webhook::secret(&change.app, &row));
    Ok(TargetCreated { target: shown(change.tx(), row, true).await?, secret })
}
