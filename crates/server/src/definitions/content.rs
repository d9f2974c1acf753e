//! The four kinds, and all of them as they stand.

use brevet_api::rest::apply::AppliedKind;
use brevet_api::rest::check::Finding;
use brevet_api::rest::policy::Stored;
use brevet_core::autonomous::AutonomousRule;
use brevet_core::file::{File, Group, List};
use brevet_core::id::{AutonomousId, GroupId, ListId, PolicyId};
use brevet_core::policy::Policy;
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::clock::{NoRandomness, id};
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::definition;

/// A kind of definition.
pub type Kind = AppliedKind;

/// As columns, event kinds and messages name it.
#[must_use]
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Group => "group",
        Kind::List => "list",
        Kind::Policy => "policy",
        Kind::Autonomous => "autonomous",
    }
}

/// A new id of that kind.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn new_id(kind: Kind, now: Timestamp) -> Result<String, NoRandomness> {
    Ok(match kind {
        Kind::Group => id(GroupId::new, now)?.into(),
        Kind::List => id(ListId::new, now)?.into(),
        Kind::Policy => id(PolicyId::new, now)?.into(),
        Kind::Autonomous => id(AutonomousId::new, now)?.into(),
    })
}

/// The content, as in TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "DESIGN section 14 names them")]
pub enum Content {
    Group(Group),
    List(List),
    Policy(Box<Policy>),
    Autonomous(Box<AutonomousRule>),
}

impl Content {
    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Group(_) => Kind::Group,
            Self::List(_) => Kind::List,
            Self::Policy(_) => Kind::Policy,
            Self::Autonomous(_) => Kind::Autonomous,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Group(group) => &group.name,
            Self::List(list) => &list.name,
            Self::Policy(policy) => &policy.name,
            Self::Autonomous(rule) => &rule.name,
        }
    }

    /// What it is found by.
    #[must_use]
    pub fn key(&self) -> (&'static str, &str) {
        (kind_name(self.kind()), self.name())
    }

    /// Whether it is a policy that break-glass made: no part of what `apply` takes, prunes and shows.
    #[must_use]
    pub fn is_break_glass(&self) -> bool {
        matches!(self, Self::Policy(policy) if crate::break_glass::owns(&policy.name))
    }

    /// As JSON.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Self::Group(group) => serde_json::to_value(group),
            Self::List(list) => serde_json::to_value(list),
            Self::Policy(policy) => serde_json::to_value(policy),
            Self::Autonomous(rule) => serde_json::to_value(rule),
        }
    }

    /// From what `to_json` gave.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_json(kind: &str, text: &str) -> Outcome<Self> {
        Ok(match kind {
            "group" => Self::Group(serde_json::from_str(text)?),
            "list" => Self::List(serde_json::from_str(text)?),
            "policy" => Self::Policy(serde_json::from_str(text)?),
            "autonomous" => Self::Autonomous(serde_json::from_str(text)?),
            other => return Err(Failure::internal(format!("a definition has the unknown kind {other:?}"))),
        })
    }
}

/// A definition as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `policy::Stored`")]
pub struct Definition {
    pub id: String,
    pub version: u64,
    /// How often a policy was renewed.
    pub renewal: u64,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// Digest of the document that was made of it.
    pub document: Option<String>,
    pub content: Content,
}

impl Definition {
    /// From its row.
    ///
    /// # Errors
    /// When the content is not what its kind says.
    pub fn from_row(row: definition::Model) -> Outcome<Self> {
        Ok(Self {
            content: Content::from_json(&row.kind, &row.content)?,
            id: row.id,
            version: u64::try_from(row.version).unwrap_or(0),
            renewal: u64::try_from(row.renewal).unwrap_or(0),
            created: Timestamp::from_millis(row.created),
            changed: Timestamp::from_millis(row.changed),
            document: row.document,
        })
    }

    /// As the API shows it: the content's fields beside id, version and moments.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn shown(&self) -> Outcome<serde_json::Value> {
        self.shown_with(Vec::new())
    }

    /// The same in the answer to a change, with what there is to say of it.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn shown_with(&self, findings: Vec<Finding>) -> Outcome<serde_json::Value> {
        let stored = Stored {
            id: self.id.clone(),
            version: self.version,
            created: self.created,
            changed: self.changed,
            findings,
            content: self.content.to_json()?,
        };
        Ok(serde_json::to_value(stored)?)
    }
}

/// Every definition that is not deleted.
///
/// INVARIANT: sorted by kind and name, by which they are found.
#[derive(Debug, Clone, Default)]
pub struct Snapshot(pub Vec<Definition>);

impl Snapshot {
    /// Reads them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load<C: ConnectionTrait>(connection: &C) -> Outcome<Self> {
        Self::load_those(connection, Condition::all()).await
    }

    /// Every group, and what these documents were made of: enough to tell whom those concern.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_documents<C: ConnectionTrait>(connection: &C, digests: &[String]) -> Outcome<Self> {
        let groups = definition::Column::Kind.eq(kind_name(Kind::Group));
        let made = definition::Column::Document.is_in(digests);
        Self::load_those(connection, Condition::any().add(groups).add(made)).await
    }

    /// Those of a kind that were deleted, as they were at their end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deleted<C: ConnectionTrait>(connection: &C, kind: Kind) -> Outcome<Vec<Definition>> {
        let of_kind = definition::Entity::find().filter(definition::Column::Kind.eq(kind_name(kind)));
        let rows = of_kind.filter(definition::Column::Deleted.eq(true)).all(connection).await?;
        rows.into_iter().map(Definition::from_row).collect()
    }

    async fn load_those<C: ConnectionTrait>(connection: &C, those: Condition) -> Outcome<Self> {
        let all = definition::Entity::find().filter(definition::Column::Deleted.eq(false)).filter(those);
        let rows = all.all(connection).await?;
        let mut found = rows.into_iter().map(Definition::from_row).collect::<Outcome<Vec<_>>>()?;
        found.sort_by(|one, other| one.content.key().cmp(&other.content.key()));
        Ok(Self(found))
    }

    /// One by id or name, the id first.
    #[must_use]
    pub fn find(&self, kind: Kind, reference: &str) -> Option<&Definition> {
        let mut of_kind = self.0.iter().filter(|d| d.content.kind() == kind);
        of_kind.clone().find(|d| d.id == reference).or_else(|| of_kind.find(|d| d.content.name() == reference))
    }

    /// One by name.
    #[must_use]
    pub fn named(&self, kind: Kind, name: &str) -> Option<&Definition> {
        let place = self.0.binary_search_by(|d| d.content.key().cmp(&(kind_name(kind), name))).ok()?;
        self.0.get(place)
    }

    /// The rules of a list.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&List> {
        match &self.named(Kind::List, name)?.content {
            Content::List(list) => Some(list),
            Content::Group(_) | Content::Policy(_) | Content::Autonomous(_) => None,
        }
    }

    /// A group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        match &self.named(Kind::Group, name)?.content {
            Content::Group(group) => Some(group),
            Content::List(_) | Content::Policy(_) | Content::Autonomous(_) => None,
        }
    }

    /// Everything as one file.
    #[must_use]
    pub fn file(&self) -> File {
        let mut file = File::default();
        for definition in self.0.iter().filter(|definition| !definition.content.is_break_glass()) {
            match &definition.content {
                Content::Group(group) => file.group.push(group.clone()),
                Content::List(list) => file.list.push(list.clone()),
                Content::Policy(policy) => file.policy.push((**policy).clone()),
                Content::Autonomous(rule) => file.autonomous.push((**rule).clone()),
            }
        }
        file
    }
}

/// A file's definitions, in its order.
#[must_use]
pub fn of_file(file: File) -> Vec<Content> {
    let groups = file.group.into_iter().map(Content::Group);
    let lists = file.list.into_iter().map(Content::List);
    let policies = file.policy.into_iter().map(|policy| Content::Policy(Box::new(policy)));
    let autonomous = file.autonomous.into_iter().map(|rule| Content::Autonomous(Box::new(rule)));
    groups.chain(lists).chain(policies).chain(autonomous).collect()
}
