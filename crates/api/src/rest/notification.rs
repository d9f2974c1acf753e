//! Notification: who is told what by e-mail or webhook, what was sent, and in which words.

use brevet_core::id::{DeliveryId, EventId, PersonId, TargetId};
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where notifications go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: TargetId,
    /// Unique.
    pub name: String,
    /// By which way.
    pub kind: TargetKind,
    /// An e-mail address, or the webhook's URL: whole for who may change it. Others see where it leads and not its path, since many
    /// receivers know their senders by a secret in it.
    pub address: String,
    /// With e-mail: the person whose it is. They are told what concerns them as approver, requester or owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub person: Option<PersonId>,
    /// Without a person: kinds of events, or their beginnings up to a dot, or `all`.
    pub events: Vec<String>,
    /// Whether anything goes there.
    pub enabled: bool,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created: Timestamp,
    /// How many notifications wait to be sent there.
    pub waiting: u64,
    /// Whether the last that was sent there was not taken.
    pub failing: bool,
}

/// By which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// By the SMTP server of the configuration.
    Email,
    /// A signed `POST` (Standard Webhooks).
    Webhook,
}

/// Body of `POST notification-targets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// Unique.
    pub name: String,
    /// By which way.
    pub kind: TargetKind,
    /// As in `Target`.
    pub address: String,
    /// A person's id or name; only with e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// As in `Target`; needed without a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

/// Answer of creating a target, and of giving it a new secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetCreated {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// For a webhook: the secret that signs, shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Body of `PUT notification-targets/{ref}/enabled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetEnabled {
    /// Whether anything goes there. What waits is kept.
    pub enabled: bool,
}

/// One notification to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notification {
    /// Its id, which a webhook gets as `webhook-id`, the same each time it is sent.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: DeliveryId,
    /// The target's name.
    pub target: String,
    /// The event that it tells of; absent for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub event: Option<EventId>,
    /// That event's kind.
    pub kind: String,
    /// As what the person is told: `approver`, `requester`, `owner`, `skipped` (an approver who was not asked), `confirmer` and `proposer`
    /// of a change under four eyes; `subscriber` without a person.
    pub audience: String,
    /// Where it stands.
    pub state: NotificationState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub created: Timestamp,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub next_attempt: Option<Timestamp>,
    /// When it reached its state, other than pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub finished: Option<Timestamp>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// In words.
    pub subject: String,
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// Waits, or is tried again.
    Pending,
    /// The other side took it.
    Sent,
    /// Given up; `retry` begins anew.
    Failed,
    /// No longer of use when its turn came: the request that it asks to decide is decided.
    Obsolete,
}

/// Query of `GET notifications`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct NotificationQuery {
    /// As in `PageQuery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// As in `PageQuery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The order: one of the list's names, or one after `-` for the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// A target's id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `pending`, `sent`, `failed` or `obsolete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// An event's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// The words for one kind of event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Template {
    /// An event's kind, or `default`, which is its id.
    pub id: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Whether it is the one that the server brings.
    pub built_in: bool,
    /// When it was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub changed: Option<Timestamp>,
}

/// Body of `PUT notification-templates/{kind}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
}
