//! After a change of policy, lists, groups, settings or computers: seal what changed, and give every computer that it
//! concerns a new manifest. Computers that nothing changed for get nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use brevet_api::rest::Code;
use brevet_core::application::Rule;
use brevet_core::digest::{Digest, Fields};
use brevet_core::document::{
    AutonomousDocument, Content as DocumentContent, DocumentError, Envelope, Kind, MOST_NAMED, Manifest, ManifestEntry, PolicyDocument,
    SCHEMA, SettingsDocument, digest_of, seal,
};
use brevet_core::id::{AutonomousId, ComputerId, PolicyId};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, DerivePartialModel, EntityTrait as _, QueryFilter as _};

use super::concern::Concern;
use super::sequence::{append, forget_manifests, unsigned};
use crate::computers::policies;
use crate::definitions::check::references;
use crate::definitions::write::{self, signed};
use crate::definitions::{Content, Definition, Snapshot};
use crate::http::failure::{Failure, Outcome};
use crate::settings;
use crate::store::Change;
use crate::store::entities::{computer, definition, instance, shared_document};

/// Seals what changed and gives each computer that it concerns its new manifest.
///
/// # Errors
/// When a document cannot be sealed, or the database does not take it.
pub async fn publish(change: &mut Change) -> Outcome<()> {
    let mut all = Snapshot::load(change.tx()).await?;
    for i in 0..all.0.len() {
        let Some(definition) = all.0.get(i) else { continue };
        let Some((version, digest)) = reseal(change, definition, &all).await? else { continue };
        if definition.content.kind() == crate::definitions::Kind::Policy {
            crate::requests::reset::of_policy(change, &definition.id).await?;
        }
        if let Some(definition) = all.0.get_mut(i) {
            definition.version = version;
            definition.document = Some(digest);
        }
    }
    let settings = seal_settings(change).await?;
    let trust = instance::Entity::find().one(change.tx()).await?.ok_or_else(|| Failure::internal("no instance"))?;
    let mut sent = Sent { concern: Concern::new(&all), alike: HashMap::new(), trust_version: unsigned(trust.trust_version), settings };
    let computers = computer::Entity::find().filter(computer::Column::State.ne("removed"));
    for row in computers.into_partial_model::<Machine>().all(change.tx()).await? {
        sent.manifest(change, &row).await?;
    }
    Ok(())
}

/// What a manifest needs to know of its computer: there may be ten thousand of them.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "computer::Entity")]
struct Machine {
    id: String,
    name: String,
    state: String,
    epoch: i64,
    manifest: String,
}

/// The document of a policy or an autonomous rule.
enum Document {
    Policy(Box<PolicyDocument>),
    Autonomous(Box<AutonomousDocument>),
}

impl Document {
    fn digest(&self) -> Outcome<String> {
        Ok(match self {
            Self::Policy(document) => digest_of(&**document),
            Self::Autonomous(document) => digest_of(&**document),
        }?
        .to_string())
    }

    fn seal(&self, change: &Change) -> Outcome<(Kind, Envelope)> {
        match self {
            Self::Policy(document) => seal_definition(&**document, change),
            Self::Autonomous(document) => seal_definition(&**document, change),
        }
    }
}

fn seal_definition<C: DocumentContent>(document: &C, change: &Change) -> Outcome<(Kind, Envelope)> {
    match seal(document, &[&change.keys.policy]) {
        Ok(envelope) => Ok((C::KIND, envelope)),
        Err(DocumentError::TooLarge { limit }) => {
            let why = format!("with the lists and groups that it names it is larger than a computer takes ({limit} bytes of base64)");
            Err(Failure::field("applications", why))
        }
        Err(other) => Err(other.into()),
    }
}

/// A policy as computers hold it; nothing for other definitions.
///
/// # Errors
/// When its id is none.
pub fn policy_document(definition: &Definition, all: &Snapshot) -> Outcome<Option<PolicyDocument>> {
    Ok(match document_of(definition, definition.version, all)? {
        Some(Document::Policy(document)) => Some(*document),
        Some(Document::Autonomous(_)) | None => None,
    })
}

/// What a policy or an autonomous rule is to computers, in this version.
fn document_of(definition: &Definition, version: u64, all: &Snapshot) -> Outcome<Option<Document>> {
    let (lists, user_groups) = named(&definition.content, all);
    Ok(match &definition.content {
        Content::Group(_) | Content::List(_) => None,
        Content::Policy(policy) => Some(Document::Policy(Box::new(PolicyDocument {
            schema: SCHEMA,
            requires: Vec::new(),
            id: PolicyId::parse(&definition.id)?,
            version,
            renewal: definition.renewal,
            policy: (**policy).clone(),
            lists,
            user_groups,
        }))),
        Content::Autonomous(rule) => Some(Document::Autonomous(Box::new(AutonomousDocument {
            schema: SCHEMA,
            requires: Vec::new(),
            id: AutonomousId::parse(&definition.id)?,
            version,
            rule: (**rule).clone(),
            lists,
            user_groups,
        }))),
    })
}

/// Lists by name, and user groups by name.
pub type Named = (BTreeMap<String, Vec<Rule>>, BTreeMap<String, Vec<String>>);

/// The lists and user groups that a definition names, inlined.
pub fn named(content: &Content, all: &Snapshot) -> Named {
    let found = references(content);
    let lists = found.lists.into_iter().filter_map(|(_, name)| all.list(&name).map(|list| (name, list.rules.clone())));
    let groups = found.user_groups.into_iter().filter_map(|(_, name)| {
        let users = all.group(&name)?.users.clone()?;
        Some((name, users))
    });
    (lists.collect(), groups.collect())
}

/// Seals a definition whose document is no longer what it says. When only something that it names changed, it gets a new version,
/// so that one version never has two contents.
async fn reseal(change: &Change, definition: &Definition, all: &Snapshot) -> Outcome<Option<(u64, String)>> {
    let Some(document) = document_of(definition, definition.version, all)? else { return Ok(None) };
    // WHY without a signature: of ten thousand, all but one are as they were.
    let digest = document.digest()?;
    if definition.document.as_deref() == Some(digest.as_str()) {
        return Ok(None);
    }
    let sealed_version = match &definition.document {
        Some(old) => shared_document::Entity::find_by_id(old).one(change.tx()).await?.map(|row| unsigned(row.version)),
        None => None,
    };
    let (version, document) = if sealed_version == Some(definition.version) {
        let version = write::follow(change, definition).await?;
        let Some(document) = document_of(definition, version, all)? else { return Ok(None) };
        (version, document)
    } else {
        (definition.version, document)
    };
    let (kind, envelope) = document.seal(change)?;
    let digest = keep(change, kind, &definition.id, version, &envelope).await?;
    definition::Entity::update_many()
        .col_expr(definition::Column::Document, Expr::value(digest.clone()))
        .filter(definition::Column::Id.eq(&definition.id))
        .exec(change.tx())
        .await?;
    Ok(Some((version, digest)))
}

async fn keep(change: &Change, kind: Kind, subject: &str, version: u64, envelope: &Envelope) -> Outcome<String> {
    let digest = envelope.digest()?.to_string();
    let text = serde_json::to_string(envelope)?;
    let row = shared_document::ActiveModel {
        digest: Set(digest.clone()),
        kind: Set(super::sequence::kind_name(kind).into()),
        subject: Set(subject.into()),
        version: Set(signed(version)),
        envelope: Set(text),
    };
    let same = OnConflict::column(shared_document::Column::Digest).do_nothing().to_owned();
    shared_document::Entity::insert(row).on_conflict(same).exec_without_returning(change.tx()).await?;
    Ok(digest)
}

async fn seal_settings(change: &Change) -> Outcome<Digest> {
    let values = settings::load(change.tx()).await?;
    let document = SettingsDocument {
        schema: SCHEMA,
        requires: Vec::new(),
        version: values.version,
        autonomous: values.autonomous,
        other_mount_namespaces: values.other_mount_namespaces,
    };
    let envelope = seal(&document, &[&change.keys.policy])?;
    keep(change, Kind::Settings, "settings", values.version, &envelope).await?;
    Ok(envelope.digest()?)
}

/// The policies and autonomous rules of some computers, as their manifests name them.
struct Entries<'a> {
    policies: Vec<ManifestEntry<PolicyId>>,
    autonomous: Vec<ManifestEntry<AutonomousId>>,
    /// Each policy with its version.
    versions: Vec<(&'a str, u64)>,
    /// Of both.
    digest: Digest,
}

impl<'a> Entries<'a> {
    fn new(concerning: Vec<&'a Definition>) -> Outcome<Self> {
        let (mut policies, mut autonomous, mut versions) = (Vec::new(), Vec::new(), Vec::new());
        for definition in concerning {
            let digest = definition.document.as_deref().ok_or_else(|| Failure::internal("a policy has no document"))?;
            let digest = Digest::parse(digest).map_err(Failure::internal)?;
            match &definition.content {
                Content::Policy(_) => {
                    policies.push(ManifestEntry { id: PolicyId::parse(&definition.id)?, digest });
                    versions.push((definition.id.as_str(), definition.version));
                }
                Content::Autonomous(_) => autonomous.push(ManifestEntry { id: AutonomousId::parse(&definition.id)?, digest }),
                Content::Group(_) | Content::List(_) => {}
            }
        }
        policies.sort_by(|a, b| a.id.cmp(&b.id));
        autonomous.sort_by(|a, b| a.id.cmp(&b.id));
        let digest = Fields::new("brevet manifest names 1").json(&policies)?.json(&autonomous)?.finish();
        Ok(Self { policies, autonomous, versions, digest })
    }

    const fn count(&self) -> usize {
        self.policies.len().saturating_add(self.autonomous.len())
    }
}

/// What computers are sent: made once for all that the same concerns.
struct Sent<'a> {
    concern: Concern<'a>,
    alike: HashMap<(bool, BTreeSet<&'a str>), Arc<Entries<'a>>>,
    trust_version: u64,
    settings: Digest,
}

impl<'a> Sent<'a> {
    fn to(&mut self, row: &Machine) -> Outcome<Arc<Entries<'a>>> {
        let machine = (row.state.as_str(), row.name.as_str());
        let alike = self.concern.alike(machine);
        if let Some(named) = alike.as_ref().and_then(|alike| self.alike.get(alike)) {
            return Ok(Arc::clone(named));
        }
        let named = Arc::new(Entries::new(self.concern.of(machine))?);
        if let Some(alike) = alike {
            self.alike.insert(alike, Arc::clone(&named));
        }
        Ok(named)
    }

    /// Two manifests that say the same have the same: all that is in one but its place and time.
    fn says(&self, row: &Machine, named: &Entries<'_>) -> String {
        let fields = Fields::new("brevet manifest says 1").number(u64::from(SCHEMA)).text(&row.id).text(&row.name);
        let fields = fields.number(unsigned(row.epoch)).number(self.trust_version).bytes(self.settings.as_bytes());
        fields.bytes(named.digest.as_bytes()).finish().to_string()
    }

    /// A new manifest, unless it would say what the last one said.
    async fn manifest(&mut self, change: &mut Change, row: &Machine) -> Outcome<()> {
        let named = self.to(row)?;
        if named.count() > MOST_NAMED {
            let why =
                format!("{} policies and autonomous rules would concern computer {:?}, at most {MOST_NAMED} may", named.count(), row.name);
            return Err(Failure::new(Code::Invalid).because(why).hint("name fewer computers in them, or put rules together in lists"));
        }
        let says = self.says(row, &named);
        // Then its policies were noted as sent with that one.
        if says == row.manifest {
            return Ok(());
        }
        let computer = ComputerId::parse(&row.id)?;
        policies::note_sent(change, &row.id, &named.versions).await?;
        computer::Entity::update_many()
            .col_expr(computer::Column::Manifest, Expr::value(says))
            .filter(computer::Column::Id.eq(&row.id))
            .exec(change.tx())
            .await?;
        forget_manifests(change, &computer, unsigned(row.epoch)).await?;
        let (app, now) = (change.app.clone(), change.now);
        append(change, &computer, Kind::Manifest, "", |place| {
            let content = Manifest {
                schema: SCHEMA,
                computer: computer.clone(),
                name: row.name.clone(),
                epoch: place.epoch,
                seq: place.seq,
                time: now,
                trust_version: self.trust_version,
                policies: named.policies.clone(),
                autonomous: named.autonomous.clone(),
                settings: self.settings,
            };
            Ok(seal(&content, &[&app.keys.issuer])?)
        })
        .await?;
        Ok(())
    }
}
