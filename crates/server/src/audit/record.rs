//! Writing events.

use brevet_api::rest::event::ActorKind;
use brevet_core::id::{EventId, GrantId, Incarnation, PersonId, RequestId, SessionId};
use brevet_core::time::Timestamp;
use sea_orm::{ActiveModelTrait as _, ActiveValue::NotSet, EntityTrait as _, IntoActiveModel as _};
use serde::Serialize;

use super::words;
use crate::access::Actor;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::event;

/// Who did it.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// A person.
    Person(&'a Actor),
    /// A computer, by id and name; a user on it where the event has one.
    Computer(&'a str, &'a str),
    /// A computer by itself, by id and name, also where the event concerns a user: they did nothing.
    ComputerItself(&'a str, &'a str),
    /// The server itself.
    Server,
}

/// An event before it is written. The ids are those that it concerns.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields of the API's event")]
pub struct NewEvent {
    pub kind: String,
    pub time: Option<Timestamp>,
    pub computer: Option<(String, String)>,
    pub user: Option<String>,
    pub policy: Option<(String, String)>,
    pub request: Option<RequestId>,
    pub grant: Option<GrantId>,
    pub session: Option<SessionId>,
    pub person: Option<PersonId>,
    pub outcome: Option<String>,
    pub summary: String,
    /// JSON text.
    pub body: String,
    pub journal: Option<(Incarnation, u64, u32)>,
}

impl NewEvent {
    /// An event of a kind, with a body and a line in words.
    ///
    /// # Errors
    /// When the body has no JSON form.
    pub fn new<B: Serialize>(kind: &str, summary: impl Into<String>, body: &B) -> Outcome<Self> {
        Ok(Self { kind: kind.into(), summary: summary.into(), body: serde_json::to_string(body)?, ..Self::default() })
    }
}

/// Writes an event in this change.
///
/// # Errors
/// When the database does not take it; then the whole change must not happen.
pub async fn record(change: &Change, by: By<'_>, new: NewEvent) -> Outcome<()> {
    record_at(change, by, new).await.map(|_| ())
}

/// The same, and says at which place: every event before it is durable when this one is, and has a lower one.
///
/// # Errors
/// When the database does not take it; then the whole change must not happen.
pub(super) async fn record_at(change: &Change, by: By<'_>, new: NewEvent) -> Outcome<i64> {
    let id = crate::clock::id(EventId::new, change.now)?;
    let (actor_kind, actor_id, actor_name, token) = match by {
        By::Person(actor) => {
            (ActorKind::Person, Some(actor.person.to_string()), actor.name.clone(), actor.token.as_ref().map(ToString::to_string))
        }
        By::Computer(id, name) => (ActorKind::Computer, Some(id.to_owned()), new.user.clone().unwrap_or_else(|| name.to_owned()), None),
        By::ComputerItself(id, name) => (ActorKind::Computer, Some(id.to_owned()), name.to_owned(), None),
        By::Server => (ActorKind::Server, None, "server".into(), None),
    };
    let (computer, computer_name) = new.computer.unzip();
    let (policy, policy_name) = new.policy.unzip();
    let (incarnation, journal_seq, schema) = match new.journal {
        Some((incarnation, seq, schema)) => (Some(incarnation.to_string()), i64::try_from(seq).ok(), schema),
        None => (None, None, brevet_core::record::SCHEMA),
    };
    let names = [Some(&actor_name), computer_name.as_ref(), new.user.as_ref(), policy_name.as_ref()];
    let words = words::of(&new.kind, &new.summary, names.into_iter().flatten().map(String::as_str), &new.body);
    let mut row = event::Model {
        seq: 0,
        id: id.to_string(),
        time: new.time.unwrap_or(change.now).millis(),
        recorded: change.now.millis(),
        kind: new.kind,
        schema: i64::from(schema),
        actor_kind: actor_kind_name(actor_kind).into(),
        actor_id,
        actor_name,
        token,
        computer,
        computer_name,
        user: new.user,
        policy,
        policy_name,
        request: new.request.map(String::from),
        grant: new.grant.map(String::from),
        session: new.session.map(String::from),
        person: new.person.map(String::from),
        outcome: new.outcome,
        words,
        redacted: None,
        summary: new.summary,
        body: new.body,
        incarnation,
        journal_seq,
        leaf: None,
        salt: None,
        content_hash: String::new(),
    };
    change.log.append(change.tx(), &change.app.keys.issuer, &mut row).await?;
    let row = event::ActiveModel { seq: NotSet, ..row.into_active_model().reset_all() };
    let row = event::Entity::insert(row).exec_with_returning(change.tx()).await?;
    change.recorded();
    crate::notification::outbox::fill(change, &row).await?;
    Ok(row.seq)
}

/// As the column holds it.
#[must_use]
pub const fn actor_kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Person => "person",
        ActorKind::Computer => "computer",
        ActorKind::Server => "server",
    }
}
