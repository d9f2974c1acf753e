//! What keeps a flood from a mailbox: many that wait go in one e-mail, and a mailbox gets so many in a while and not more.

use brevet_core::digest::Fields;
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select};

use crate::app::App;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{notification, notification_target as target};

/// From how many on they go together.
const MANY: usize = 5;
/// How many one e-mail holds.
const AT_MOST: u64 = 100;
/// How many e-mails a mailbox gets within `WHILE`. What an owner is told is not held back.
const MAILS: usize = 20;
const WHILE: Length = Length::from_minutes(10);

/// One e-mail before it is sent.
pub(super) struct Mail {
    /// The same each time the same is sent.
    pub id: String,
    pub subject: String,
    pub body: String,
}

/// What goes to a mailbox next; nothing while it had enough.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn choose(
    change: &Change,
    target: &target::Model,
    due: Select<notification::Entity>,
) -> Outcome<Vec<notification::Model>> {
    let lately: Vec<Option<String>> = notification::Entity::find()
        .select_only()
        .column(notification::Column::Message)
        .distinct()
        .filter(notification::Column::Target.eq(&target.id))
        .filter(notification::Column::Finished.gt(change.now.minus(WHILE).millis()))
        .filter(notification::Column::State.eq("sent"))
        .into_tuple()
        .all(change.tx())
        .await?;
    if lately.len() >= MAILS {
        return Ok(Vec::new());
    }
    let mut waiting = due.limit(AT_MOST).all(change.tx()).await?;
    if waiting.first().is_some_and(|first| first.alone) || waiting.len() < MANY {
        waiting.truncate(1);
    } else {
        waiting.retain(|row| !row.alone);
    }
    Ok(waiting)
}

/// The name of a message that holds several: the same for the same ones, so that a mail program shows it once.
pub(super) fn message(rows: &[notification::Model]) -> Option<String> {
    if rows.len() < 2 {
        return None;
    }
    let all: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let digest = Fields::new("brevet notifications 1").text(&all.join(" ")).finish();
    Some(format!("together-{}", digest.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// One notification as it is, or a list of several.
pub(super) fn e_mail(app: &App, rows: &[notification::Model], message: &str) -> Mail {
    let id = message.to_owned();
    if let [one] = rows {
        return Mail { id, subject: one.subject.clone(), body: one.body.clone() };
    }
    let mut body = format!("{} notifications, the oldest first:\n", rows.len());
    for row in rows {
        let link = row.request.as_ref().map(|request| format!("\n  {}/requests/{request}", app.url)).unwrap_or_default();
        body.push_str(&format!("\n{}  {}{link}\n", Timestamp::from_millis(row.created), row.subject));
    }
    Mail { id, subject: format!("Brevet: {} notifications", rows.len()), body }
}
