//! The first start of an installation: keys, trust document, the first owner with a sign-in link and a token.

use std::path::{Path, PathBuf};

use brevet_api::rest::person::Role;
use brevet_core::document::{Envelope, Key, KeyUse, PublicKey, Trust, open as trusted};
use brevet_core::id::InstanceId;
use brevet_core::time::Length;
use sea_orm::{ActiveValue::Set, EntityTrait as _, QueryOrder as _};

use crate::access::Scopes;
use crate::agents::tokens::Nonces;
use crate::app::{App, Hub, Inner};
use crate::audit::log;
use crate::audit::{By, NewEvent, record};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::definitions::current::Kept;
use crate::http::failure::{Failure, Outcome};
use crate::http::limits::Limits;
use crate::keys::{Keys, trust as trust_document};
use crate::notification::outbox::Outbox;
use crate::people::store as people;
use crate::store::entities::{instance, trust};
use crate::store::{Change, Store};
use crate::tls::Authority;
use crate::tokens::store as tokens;

/// Why the server cannot be set up or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}")]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("cannot use the database")]
    Database(#[from] sea_orm::DbErr),
    /// The keys cannot be used.
    #[error("cannot use the keys")]
    Keys(#[from] crate::keys::KeysError),
    /// No certificate.
    #[error("cannot use the certificate")]
    Tls(#[from] crate::tls::TlsError),
    /// Keys of another installation, or of an earlier time.
    #[error("{0} are not the keys that this database's trust document names: copy keys/ from the server that was set up first")]
    OtherKeys(PathBuf),
    /// The certificate authority is missing.
    #[error("{0} has no certificate authority: copy tls/ca.pem and tls/ca.key from the server that was set up first")]
    NoAuthority(PathBuf),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] clock::NoRandomness),
    /// Nothing is set up yet.
    #[error("nothing is set up in {0}: run `brevet-server bootstrap --data {0}` first")]
    NotSetUp(String),
    /// Something is set up already.
    #[error("{0} is set up already; for a new sign-in link or token use `brevetctl person` and `brevetctl token`, or `serve` to start it")]
    SetUp(String),
    /// A step failed.
    #[error("cannot set up: {0}")]
    Step(String),
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Step(format!("{failure:?}"))
    }
}

/// What `bootstrap` prints.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Made {
    /// A link that signs in once.
    pub sign_in: String,
    /// An owner's token that may also decide.
    pub token: String,
    /// The first owner.
    pub person: String,
    /// Where the certificate authority is.
    pub ca: PathBuf,
    /// The installation.
    pub instance: String,
}

/// Makes keys, the trust document and the first owner.
///
/// # Errors
/// When something is set up already, or a step fails.
pub async fn bootstrap(data: &Path, url: &str, database: Option<&str>, root_to: Option<&Path>) -> Result<Made, OpenError> {
    prepare(data, database.is_none())?;
    let store = Store::open(data, database).await?;
    store.migrate().await?;
    if instance::Entity::find().one(&store.pool).await?.is_some() {
        return Err(OpenError::SetUp(data.display().to_string()));
    }
    let clock = Clock::default();
    let (root, keys) = Keys::create(data, root_to)?;
    let id = clock::id(InstanceId::new, clock.now())?;
    let envelope = trust_document(&root, &keys, &id, 1, 1)?;
    let authority = Authority::open(data)?;
    let app = assemble((store, data), keys, clock, (id, root.public()), url.to_owned(), authority, Config::default())?;
    Ok(first_owner(&app, data, &envelope).await?)
}

fn prepare(data: &Path, sqlite: bool) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |source| OpenError::Data { path: data.into(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(data).map_err(failed)?;
    if !sqlite {
        return Ok(());
    }
    // SQLite gives its other files the mode of this one.
    let file = data.join("brevet.db");
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(|_| ()).map_err(failed)
}

async fn first_owner(app: &App, data: &Path, envelope: &Envelope) -> Outcome<Made> {
    let change = Change::begin(app).await?;
    let row = instance::ActiveModel {
        id: Set(app.instance.to_string()),
        epoch: Set(1),
        trust_version: Set(1),
        url: Set(app.url.clone()),
        definitions: Set(String::new()),
        created: Set(change.now.millis()),
    };
    instance::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let row = trust::ActiveModel {
        version: Set(1),
        epoch: Set(1),
        root: Set(app.root.clone().into()),
        envelope: Set(serde_json::to_string(envelope)?),
        created: Set(change.now.millis()),
    };
    trust::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let roles = vec![Role::Owner, Role::Approver];
    let person = people::create(&change, "owner", (&roles, &Scopes::default()), true).await?;
    let (secret, _) = people::sign_in_link(&change, &person, None).await?;
    let new = tokens::New {
        name: "bootstrap".into(),
        person: person.clone(),
        roles,
        scopes: Scopes::default(),
        decides: true,
        lives: Length::from_hours(90 * 24),
        made_by: None,
    };
    let (_, token) = tokens::create(&change, &new).await?;
    let said = serde_json::json!({ "name": "owner", "roles": ["owner", "approver"], "no_os_user": true });
    let mut event = NewEvent::new("person.created", "the first owner was made", &said)?;
    event.person = Some(person.clone());
    record(&change, By::Server, event).await?;
    change.commit().await?;
    Ok(Made {
        sign_in: format!("{}/sign-in/{secret}", app.url),
        token,
        person: person.to_string(),
        ca: Authority::path(data),
        instance: app.instance.to_string(),
    })
}

/// Opens what `bootstrap` made.
///
/// # Errors
/// When nothing is set up, or something cannot be opened.
pub async fn open(data: &Path, url: String, database: Option<&str>, config: Config) -> Result<App, OpenError> {
    let not_set_up = || OpenError::NotSetUp(data.display().to_string());
    if database.is_none() && !data.join("brevet.db").exists() {
        return Err(not_set_up());
    }
    assembled(Store::open(data, database).await?, data, url, config).await
}

/// Opens what is in a database that stands elsewhere, with the keys and the authority of `data`. Who opened the database closes it.
///
/// # Errors
/// As `open`.
pub async fn open_from(store: Store, data: &Path) -> Result<App, OpenError> {
    assembled(store, data, String::new(), Config::default()).await
}

async fn assembled(store: Store, data: &Path, url: String, config: Config) -> Result<App, OpenError> {
    let not_set_up = || OpenError::NotSetUp(data.display().to_string());
    store.migrate().await?;
    store.analyse().await?;
    let row = instance::Entity::find().one(&store.pool).await?.ok_or_else(not_set_up)?;
    let newest = trust::Entity::find().order_by_desc(trust::Column::Version).one(&store.pool).await?.ok_or_else(not_set_up)?;
    let id = InstanceId::parse(&row.id).map_err(|error| OpenError::Step(error.to_string()))?;
    let root = PublicKey::try_from(newest.root).map_err(|error| OpenError::Step(error.into()))?;
    let keys = Keys::load(data)?;
    let envelope: Envelope = serde_json::from_str(&newest.envelope).map_err(|error| OpenError::Step(error.to_string()))?;
    let named: Trust = trusted(&envelope, std::slice::from_ref(&root)).map_err(|error| OpenError::Step(error.to_string()))?;
    let ours = |key: &Key, usage| named.keys.iter().any(|it| it.key == key.public() && it.uses.contains(&usage));
    if !ours(&keys.issuer, KeyUse::Issuer) || !ours(&keys.policy, KeyUse::Policy) {
        return Err(OpenError::OtherKeys(data.join("keys")));
    }
    // A second server that made an authority of its own would have computers refuse it.
    if !Authority::path(data).exists() {
        return Err(OpenError::NoAuthority(data.join("tls")));
    }
    let authority = Authority::open(data)?;
    // Events of an older version, whose places the migration gave.
    if log::Kept::in_data(data).is_new() {
        log::adopt(&store.pool, &keys.issuer).await.map_err(|error| OpenError::Step(format!("{error:?}")))?;
    }
    Ok(assemble((store, data), keys, Clock::default(), (id, root), url, authority, config)?)
}

fn assemble(
    (store, data): (Store, &Path),
    keys: Keys,
    clock: Clock,
    (instance, root): (InstanceId, PublicKey),
    url: String,
    authority: Authority,
    config: Config,
) -> Result<App, clock::NoRandomness> {
    let nonces = Nonces::new(&keys.issuer);
    Ok(App::new(Inner {
        store,
        keys,
        clock,
        instance,
        root,
        url,
        authority,
        config,
        definitions: Kept::default(),
        hub: Hub::default(),
        limits: Limits::default(),
        redaction: clock::Hourly::default(),
        log: log::Kept::in_data(data),
        nonces,
        replica: crate::replicas::Replica::new()?,
        outbox: Outbox::default(),
        sign_in: crate::sign_in::State::default(),
        live: std::sync::Arc::default(),
        stopping: tokio::sync::watch::channel(false).0,
    }))
}
