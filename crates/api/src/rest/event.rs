//! The audit log.

use brevet_core::id::{ComputerId, EventId, GrantId, Incarnation, PersonId, PolicyId, RequestId, SessionId};
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

/// Kinds of events that are the server's own; those of the computers' records are `brevet_core::record::Body::KINDS`.
pub const SERVER_KINDS: &[&str] = &[
    "autonomous.changed",
    "autonomous.created",
    "autonomous.deleted",
    "break_glass.ended",
    "break_glass.opened",
    "break_glass.reviewed",
    "computer.enrolled",
    "computer.lost",
    "computer.quarantined",
    "computer.released",
    "computer.removed",
    "computer.returned",
    "enrolment_token.created",
    "enrolment_token.revoked",
    "event.redacted",
    "export.made",
    "grant.expired",
    "grant.extended",
    "grant.finished",
    "grant.revoked",
    "grant.unused",
    "group.changed",
    "group.created",
    "group.deleted",
    "hold.created",
    "hold.released",
    "journal.forked",
    "journal.gap",
    "journal.rolled_back",
    "list.changed",
    "list.created",
    "list.deleted",
    "notification.failed",
    "notification.retried",
    "notification.secret_changed",
    "notification.target_created",
    "notification.target_deleted",
    "notification.target_disabled",
    "notification.target_enabled",
    "notification.target_tested",
    "notification.template_changed",
    "person.app_removed",
    "person.app_set_up",
    "person.created",
    "person.disabled",
    "person.enabled",
    "person.identity_linked",
    "person.identity_unlinked",
    "person.no_os_user_recorded",
    "person.os_user_linked",
    "person.os_user_unlinked",
    "person.passkey_added",
    "person.passkey_removed",
    "person.passkey_renamed",
    "person.password_removed",
    "person.password_set",
    "person.recovery_codes_made",
    "person.recovery_link_made",
    "person.removed",
    "person.roles_changed",
    "person.sign_in_link_made",
    "person.sign_in_refused",
    "person.signed_in",
    "person.signed_out",
    "person.token_created",
    "person.token_revoked",
    "policy.changed",
    "policy.created",
    "policy.deleted",
    "proposal.confirmed",
    "proposal.created",
    "proposal.rejected",
    "proposal.stale",
    "request.approval_recorded",
    "request.approvals_reset",
    "request.approved",
    "request.changed",
    "request.closed",
    "request.declined",
    "request.escalated",
    "request.reminded",
    "server.moved",
    "server.restored",
    "setting.changed",
    "view.changed",
    "view.created",
    "view.deleted",
];

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Its place on the server, rising, with gaps.
    pub seq: u64,
    /// When it happened, by the clock of whoever saw it.
    pub time: Timestamp,
    /// When the server had it.
    pub recorded: Timestamp,
    /// DESIGN section 4.
    pub kind: String,
    /// Who did it.
    pub actor: Actor,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<ComputerId>,
    /// That computer's name then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer_name: Option<String>,
    /// The OS user that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The policy, where one applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// That policy's name then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The person that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// How it came out, where its kind has more than one end: of a session `exited`, `signalled`, `not_started`, `expired`, `revoked`,
    /// `finished` or `lost`; of what was refused the stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// One line in words, escaped for a terminal.
    pub summary: String,
    /// Everything; its shape goes with `kind`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub body: serde_json::Value,
    /// For what a computer said: its place in that journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalPlace>,
    /// When its text was taken away: then `summary` says so, and `body` is null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Timestamp>,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Actor {
    /// What they are.
    pub kind: ActorKind,
    /// Their id; absent for the server itself and for OS users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Their name.
    pub name: String,
    /// The API token that they used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Somebody who signed in, or their token.
    Person,
    /// An enrolled computer, or a user on it.
    Computer,
    /// The server itself: time passed, or a change followed from another.
    Server,
}

/// A place in a computer's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JournalPlace {
    /// Which life of it.
    pub incarnation: Incarnation,
    /// The record.
    pub seq: u64,
}

/// In which order events are listed: by their place on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The latest first.
    #[default]
    Newest,
    /// The first first.
    Oldest,
}

/// Query of `GET events/counts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct CountQuery {
    /// Kinds, 1 to 20, with commas between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How many days, today the last of them; 30 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 92))]
    pub days: Option<u32>,
    /// The IANA zone whose days are counted; UTC where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(max_length = 100, example = "Europe/Berlin"))]
    pub zone: Option<String>,
}

/// How many events of each kind happened on each day. Days are those of UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventCounts {
    /// When the first day begins.
    pub from: Timestamp,
    /// When the last day ends.
    pub to: Timestamp,
    /// Each day, oldest first, also those without any.
    pub days: Vec<DayCounts>,
}

/// How many events of each kind happened on one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayCounts {
    /// Its date, such as `2026-12-01`.
    pub day: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// How many, in the order of the kinds that were asked for.
    pub counts: Vec<u64>,
}

/// Query of `GET events` and `GET events/export`; every condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams, utoipa::ToSchema), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct EventQuery {
    /// How many at most; 50 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    pub limit: Option<u32>,
    /// `next` of the page before, with the same conditions and order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(pattern = "^[A-Za-z0-9_-]*$", max_length = 1000))]
    pub cursor: Option<String>,
    /// `newest` first where absent; only for the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(inline))]
    pub order: Option<Order>,
    /// `csv` or `jsonl`; only for the export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A kind, or the beginning of one (`grant.*` or `grant.`); several with commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who did it: a person's id or name, an OS user's or a computer's name or id, `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The id of the API token that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// A computer's id or name; a name also means computers of that name that were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer: Option<String>,
    /// A computer group's id or name: its members as they are now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer_group: Option<String>,
    /// An OS user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A policy's id, or its name now, at its end or at the time of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// A grant's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// A session's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// A person's id or name, as the one who acted or the one concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// How it came out; see `Event::outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What came from this life of a computer's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// From this moment on (RFC 3339), by the time at which it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this moment (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Only those whose text was taken away (true), or only those that have it (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<bool>,
    /// Part of one of the event's texts, in capitals or not: its line in words, its names, reason, comment, arguments (in a row, with
    /// blanks between) and whatever else stands in the body. `%`, `_` and `*` mean themselves. Of a longer event the first 32 KiB count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 200))]
    pub text: Option<String>,
}

/// Body of `POST events/redact`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Redact {
    /// How old what is redacted must be, at least seven days; as the setting `retention` says where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Length>,
    /// Only say how much it would be.
    pub dry_run: bool,
}

/// What was redacted in one call, or would be in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Redacted {
    /// What was recorded, or ended, before this moment.
    pub before: Timestamp,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Events.
    pub events: u64,
    /// Of these, those that are records of a computer's journal too.
    pub records: u64,
    /// Requests, with the comments of those who decided on them.
    pub requests: u64,
    /// Grants.
    pub grants: u64,
    /// Sessions.
    pub sessions: u64,
    /// Events that are as old and kept by a hold.
    pub held: u64,
    /// Whether one call was not enough: call again.
    pub left: bool,
}
