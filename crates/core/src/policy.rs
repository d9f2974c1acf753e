//! A policy as it is written (DESIGN sections 5 and 14): the same type in TOML, in the API's JSON and in signed documents.

use crate::application::Rule;
use crate::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

mod environment;
pub(crate) mod names;
mod scope;
mod validate;
pub use environment::{is_capability, may_keep};
pub use scope::{Applications, Scope};
pub(crate) use validate::Findings;
pub use validate::{MAX_RULES, PolicyError, validate};

/// Who may run what, where, how and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, expecting = "a policy: a table with its fields")]
pub struct Policy {
    /// Unique among policies.
    pub name: String,
    /// For administrators.
    #[serde(default)]
    pub description: String,
    /// For a user who is refused or waits: whom to turn to.
    #[serde(default)]
    pub message: String,
    /// A disabled policy is kept and never matches.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// `"all"`, or computer names and `group:NAME`.
    pub computers: Scope,
    /// `"all"`, or user names, `group:NAME` (the server's) and `os-group:NAME` (the computer's).
    pub users: Scope,
    /// What the policy does.
    pub mode: Mode,
    /// Whether the user proves who they are; the default depends on `mode` (see `Policy::authentication`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// With `password`: how long a proof is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember: Option<Length>,
    /// `"all"`, or rules.
    pub applications: Applications,
    /// Rules taken out of `applications`.
    #[serde(default, rename = "except", skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Rule>,
    /// When it holds.
    #[serde(default)]
    pub validity: Validity,
    /// How long a computer without a fresh heartbeat may still use it.
    #[serde(default = "week")]
    pub staleness: Length,
    /// With which rights it runs.
    #[serde(default)]
    pub elevation: Elevation,
    /// How asking works; `max_duration` also bounds automatic and justify grants.
    #[serde(default)]
    pub request: RequestTerms,
}

const fn yes() -> bool {
    true
}
const fn week() -> Length {
    Length::from_hours(7 * 24)
}

/// A policy from JSON, as strict as TOML: an unknown field, a missing one and a key that is there twice are errors.
///
/// # Errors
/// When the text is not a policy, naming the field.
pub fn parse_json(text: &str) -> Result<Policy, PolicyError> {
    crate::json::parse(text.as_bytes()).map_err(|error| PolicyError { field: error.field, reason: error.reason })
}

impl Policy {
    /// The authentication that applies: as written, else `password` for automatic and justify, `none` otherwise.
    #[must_use]
    pub const fn authentication(&self) -> Authentication {
        match (self.authentication, self.mode) {
            (Some(written), _) => written,
            (None, Mode::Automatic | Mode::Justify) => Authentication::Password,
            (None, Mode::Request | Mode::Deny) => Authentication::None,
        }
    }
}

/// What a policy does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuses.
    Deny,
    /// Elevates at once.
    Automatic,
    /// Asks for a reason, records it, elevates at once.
    Justify,
    /// Asks for a reason and a duration; someone approves.
    Request,
}

/// How the user proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// By PAM.
    Password,
    /// Not at all.
    None,
}

/// When a policy holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", from = "WrittenValidity")]
pub enum Validity {
    /// While it exists.
    #[default]
    Always,
    /// For a duration, counted once.
    Fixed {
        /// How long.
        duration: Length,
        /// What starts it.
        from: FixedFrom,
    },
    /// Between two moments.
    Window {
        /// First moment at which it holds.
        start: Timestamp,
        /// First moment at which it no longer holds.
        end: Timestamp,
    },
    /// On days of the week, in wall time of a zone.
    Recurring {
        /// Days on which a window starts.
        days: Vec<Weekday>,
        /// `HH:MM`, inclusive.
        start: ClockTime,
        /// `HH:MM`, exclusive; not later than `start` means the next day.
        end: ClockTime,
        /// IANA name.
        zone: String,
    },
}

/// `Validity` as it is read. WHY: serde looks for unknown fields beside a tag only in variants that have fields.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields, expecting = "a table with its kind, such as { kind = \"always\" }")]
enum WrittenValidity {
    Always {},
    Fixed { duration: Length, from: FixedFrom },
    Window { start: Timestamp, end: Timestamp },
    Recurring { days: Vec<Weekday>, start: ClockTime, end: ClockTime, zone: String },
}

impl From<WrittenValidity> for Validity {
    fn from(written: WrittenValidity) -> Self {
        match written {
            WrittenValidity::Always {} => Self::Always,
            WrittenValidity::Fixed { duration, from } => Self::Fixed { duration, from },
            WrittenValidity::Window { start, end } => Self::Window { start, end },
            WrittenValidity::Recurring { days, start, end, zone } => Self::Recurring { days, start, end, zone },
        }
    }
}

/// What starts a fixed validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FixedFrom {
    /// The computer first having the policy: once per policy and computer.
    Delivery,
    /// The user first using it: once per policy, computer and user.
    FirstUse,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Minutes since midnight by the wall clock, written `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

impl ClockTime {
    /// Minutes since midnight, below 1440.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}
impl TryFrom<String> for ClockTime {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "not a time of day: expected HH:MM from 00:00 to 23:59";
        let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or(wrong)?;
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u16>().ok()).flatten().ok_or(wrong);
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        if hours > 23 || minutes > 59 { Err(wrong) } else { Ok(Self(hours * 60 + minutes)) }
    }
}
impl From<ClockTime> for String {
    fn from(t: ClockTime) -> Self {
        format!("{:02}:{:02}", t.0 / 60, t.0 % 60)
    }
}

/// With which rights an application runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default, expecting = "a table such as { run_as = \"root\" }")]
pub struct Elevation {
    /// `root`, another account, or `self` with `capabilities`.
    pub run_as: String,
    /// With `self`: the capabilities, by their kernel names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Names of environment variables passed on from the caller.
    pub keep_environment: Vec<String>,
    /// What the end of a session reaches.
    pub containment: Containment,
    /// Which other programs it may start.
    pub children: Children,
    /// With `listed`: which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children_listed: Vec<Rule>,
    /// Whether the session's terminal is recorded.
    pub record: bool,
    /// What happens at expiry; a revocation always terminates.
    pub at_expiry: AtExpiry,
    /// With `let_finish`: the hard maximum after expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_within: Option<Length>,
    /// How long before the end the user is warned.
    pub warn_before: Length,
    /// Between `SIGTERM` and kill.
    pub grace: Length,
}

impl Default for Elevation {
    fn default() -> Self {
        Self {
            run_as: "root".into(),
            capabilities: Vec::new(),
            keep_environment: Vec::new(),
            containment: Containment::Cgroup,
            children: Children::Allow,
            children_listed: Vec::new(),
            record: false,
            at_expiry: AtExpiry::Terminate,
            finish_within: None,
            warn_before: Length::from_minutes(5),
            grace: Length::from_seconds(10),
        }
    }
}

/// What the end of a session reaches (DESIGN section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// Its control group, its descendants, its audit session.
    Cgroup,
    /// Every process of its own pid namespace.
    PidNamespace,
    /// As `pid_namespace`, with fewer rights.
    Confined,
}

/// Which other programs an elevated one may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Children {
    /// Any.
    Allow,
    /// Those of `children_listed`.
    Listed,
    /// None.
    Deny,
}

/// What happens to a running session at expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AtExpiry {
    /// Warning, `SIGTERM`, grace, kill.
    Terminate,
    /// May go on for `finish_within`.
    LetFinish,
}

/// How asking works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default, expecting = "a table such as { max_duration = \"1h\" }")]
pub struct RequestTerms {
    /// Longest duration that can be asked for.
    pub max_duration: Length,
    /// From when an approved duration counts.
    pub starts: Starts,
    /// What an approval covers.
    pub binds: Binds,
    /// How many different persons must approve.
    pub approvals: u32,
    /// `role:NAME` or `person:NAME`.
    pub approvers: Vec<String>,
    /// How long a request waits for a decision.
    pub lapses_after: Length,
    /// How long an approval waits for its first use.
    pub use_within: Length,
    /// How often an approval can be used.
    pub uses: Uses,
    /// When waiting approvers are reminded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remind_after: Option<Length>,
    /// When others are asked too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<Length>,
    /// Who those are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub escalate_to: Vec<String>,
}

impl Default for RequestTerms {
    fn default() -> Self {
        Self {
            max_duration: Length::from_hours(1),
            starts: Starts::FirstUse,
            binds: Binds::Command,
            approvals: 1,
            approvers: vec!["role:approver".into()],
            lapses_after: Length::from_hours(24),
            use_within: Length::from_hours(8),
            uses: Uses::Many,
            remind_after: None,
            escalate_after: None,
            escalate_to: Vec::new(),
        }
    }
}

/// From when an approved duration counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// The first launch.
    FirstUse,
    /// The approval.
    Approval,
}

/// What an approval covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Binds {
    /// The exact arguments, in the same directory.
    Command,
    /// The application with any arguments that its rule allows.
    Application,
}

/// How often an approval can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Uses {
    /// For one launch.
    Once,
    /// For any number of launches until its end.
    Many,
}
