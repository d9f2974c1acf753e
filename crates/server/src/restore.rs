//! Putting the server back to a backup: a new epoch, in which computers that had seen more believe it again.
//!
//! The epoch begins in a copy of the backup. What was there before gives way to that copy in one step: a rename, or one transaction.
//! INVARIANT: epoch and trust version are higher than any that a computer can have seen, also when the same backup is restored twice.

use std::path::{Path, PathBuf};

use brevet_core::document::{Content, Decline, Envelope, GrantDocument, Key, Kind, PublicKey, Revocation, open, seal};
use brevet_core::id::{ComputerId, InstanceId};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::backup::{self, BackupError, KEPT_APART};
use crate::bootstrap::{self, OpenError};
use crate::config::Config;
use crate::documents::publish::publish;
use crate::documents::sequence::{Place, append, kind_name, unsigned};
use crate::http::failure::{Failure, Outcome};
use crate::keys::{self, KeysError};
use crate::store::copy::{CopyError, Say};
use crate::store::entities::{computer, console_session, instance, recovery_code, sequence, sign_in, trust};
use crate::store::target::{self, Target};
use crate::store::{Change, Lock, Store};

/// Why nothing was restored. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A database is there already.
    #[error("{0} has a database already: with --replace it is set aside and the backup takes its place")]
    NotEmpty(PathBuf),
    /// Tables are there already.
    #[error("the PostgreSQL database has tables already: with --replace they are set aside and the backup takes their place")]
    TablesThere,
    /// The server runs.
    #[error("the server on {0} is running: stop it first")]
    Running(PathBuf),
    /// A server runs on PostgreSQL.
    #[error("a brevet-server uses the PostgreSQL database: stop every one first")]
    InUse,
    /// The PostgreSQL database cannot be used.
    #[error("cannot use the PostgreSQL database")]
    Postgres(#[source] sea_orm::DbErr),
    /// Not everything came into PostgreSQL.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A key or the certificate authority is missing.
    #[error("{0} is missing: put back the keys and the certificate authority that belong to this backup first")]
    Missing(PathBuf),
    /// Not the key that computers pin.
    #[error("{0} is not the root key of this installation")]
    OtherRoot(PathBuf),
    /// The root key cannot be read.
    #[error("cannot use the root key; where it is kept elsewhere, name it with --root-key FILE")]
    Root(#[source] KeysError),
    /// A file.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The restored database cannot be opened.
    #[error("cannot open what was restored")]
    Open(#[from] OpenError),
    /// A step failed.
    #[error("cannot begin a new epoch: {0}")]
    Step(String),
}

impl From<Failure> for RestoreError {
    fn from(failure: Failure) -> Self {
        Self::Step(format!("{failure:?}"))
    }
}

impl From<sea_orm::DbErr> for RestoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Step(error.to_string())
    }
}

/// What a restore needs to know.
#[derive(Debug, Clone)]
pub struct Restore<'a> {
    /// The data directory.
    pub data: &'a Path,
    /// The PostgreSQL database that the backup is to be put into, instead of the data directory.
    pub database: Option<&'a str>,
    /// The backup.
    pub from: &'a Path,
    /// Where the root key is, when not with the data.
    pub root_key: Option<&'a Path>,
    /// Set aside what is there.
    pub replace: bool,
}

/// What was begun.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NewEpoch {
    /// The epoch.
    pub epoch: u64,
    /// The version of the trust document that says so.
    pub trust_version: u64,
    /// Computers that get a new manifest.
    pub computers: u64,
    /// Where the database that was there before is now: a file, or a schema in PostgreSQL.
    pub set_aside: Option<String>,
}

/// Puts a backup in place and begins a new epoch in it.
///
/// # Errors
/// When the server runs, something is there already, or the backup or a key cannot be used.
pub async fn restore(wanted: &Restore<'_>, say: Say<'_>) -> Result<NewEpoch, RestoreError> {
    let Restore { data, from, .. } = *wanted;
    // The key of webhook secrets is made anew where it is missing: then their receivers need new ones.
    let needed = KEPT_APART.iter().filter(|name| **name != "keys/notification.key");
    if let Some(missing) = needed.map(|name| data.join(name)).find(|path| !path.exists()) {
        return Err(RestoreError::Missing(missing));
    }
    backup::check(from).await?;
    match wanted.database {
        Some(database) => into_postgres(wanted, database, say).await,
        None => into_data(wanted).await,
    }
}

async fn into_data(wanted: &Restore<'_>) -> Result<NewEpoch, RestoreError> {
    let Restore { data, replace, .. } = *wanted;
    let _lock = Lock::take(data)
        .map_err(|source| RestoreError::File { path: data.into(), source })?
        .ok_or_else(|| RestoreError::Running(data.into()))?;
    let place = data.join("brevet.db");
    if place.exists() && !replace {
        return Err(RestoreError::NotEmpty(data.into()));
    }
    // Everything happens on a copy, so that a failure leaves what is there as it is.
    let staging = data.join("restoring");
    let _ = std::fs::remove_dir_all(&staging);
    let done = begin(wanted, &staging).await.and_then(|mut done| {
        let aside = format!("brevet.db.before-epoch-{}", done.epoch);
        done.set_aside = if place.exists() { Some(set_aside(data, &aside)?.display().to_string()) } else { None };
        rename(&staging.join("brevet.db"), &place)?;
        std::fs::File::open(data)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| RestoreError::File { path: data.into(), source })?;
        Ok(done)
    });
    let _ = std::fs::remove_dir_all(&staging);
    done
}

async fn into_postgres(wanted: &Restore<'_>, database: &str, say: Say<'_>) -> Result<NewEpoch, RestoreError> {
    let data = wanted.data;
    let target = Target::open(data, database).await.map_err(RestoreError::Postgres)?.ok_or(RestoreError::InUse)?;
    let there = !target.is_empty().await.map_err(RestoreError::Postgres)?;
    if there && !wanted.replace {
        return Err(RestoreError::TablesThere);
    }
    let staging = data.join("restoring");
    let _ = std::fs::remove_dir_all(&staging);
    let done = async {
        let mut done = begin(wanted, &staging).await?;
        if there {
            let aside = format!("before_epoch_{}", done.epoch);
            target.set_aside(&aside).await.map_err(RestoreError::Postgres)?;
            done.set_aside = Some(format!("schema {aside}"));
        }
        let from = Store::open(&staging, None).await?;
        let filled = async {
            let snapshot = from.snapshot().await?;
            Ok::<_, RestoreError>(target.fill(&snapshot, say).await?)
        };
        let filled = filled.await;
        from.pool.close().await?;
        filled?;
        target.commit().await.map_err(RestoreError::Postgres)?;
        Ok(done)
    };
    let done = done.await;
    let _ = std::fs::remove_dir_all(&staging);
    done
}

/// A PostgreSQL database that its own tools put back: begins a new epoch in it.
///
/// # Errors
/// When it cannot be opened, a server uses it, or the root key cannot be used.
pub async fn after_restore(data: &Path, database: &str, root_key: Option<&Path>) -> Result<NewEpoch, RestoreError> {
    let store = Store::open(data, Some(database)).await.map_err(RestoreError::Postgres)?;
    let in_use = target::in_use(&store).await.map_err(RestoreError::Postgres)?;
    store.pool.close().await.map_err(RestoreError::Postgres)?;
    if in_use {
        return Err(RestoreError::InUse);
    }
    let app = bootstrap::open(data, String::new(), Some(database), Config::default()).await?;
    let done = new_epoch(&app, &root(data, root_key, &app.root)?).await?;
    app.store.pool.clone().close().await?;
    Ok(done)
}

async fn begin(wanted: &Restore<'_>, staging: &Path) -> Result<NewEpoch, RestoreError> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| RestoreError::File { path, source }
    };
    std::fs::DirBuilder::new().mode(0o700).create(staging).map_err(file(staging))?;
    let copy = staging.join("brevet.db");
    std::fs::copy(wanted.from, &copy).map_err(file(wanted.from))?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).map_err(file(&copy))?;
    // Closed also where the new epoch cannot begin: whoever closes a database late takes its files from under the next one there.
    let store = Store::open(staging, None).await?;
    let pool = store.pool.clone();
    let done = async {
        let app = bootstrap::open_from(store, wanted.data).await?;
        let done = new_epoch(&app, &root(wanted.data, wanted.root_key, &app.root)?).await?;
        app.store.pool.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        Ok::<_, RestoreError>(done)
    };
    let done = done.await;
    let closed = pool.close().await;
    let done = done?;
    closed?;
    std::fs::File::open(&copy).and_then(|it| it.sync_all()).map_err(file(&copy))?;
    Ok(done)
}

fn root(data: &Path, elsewhere: Option<&Path>, pinned: &PublicKey) -> Result<Key, RestoreError> {
    let path = elsewhere.map_or_else(|| data.join("keys").join("root.key"), Path::to_owned);
    let key = keys::read(&path).map_err(RestoreError::Root)?;
    if key.public() == *pinned { Ok(key) } else { Err(RestoreError::OtherRoot(path)) }
}

fn rename(from: &Path, to: &Path) -> Result<(), RestoreError> {
    std::fs::rename(from, to).map_err(|source| RestoreError::File { path: to.into(), source })
}

/// The database that is there, with what SQLite keeps beside it, under a name that nothing reads.
///
/// # Errors
/// When it cannot be renamed.
pub fn set_aside(data: &Path, name: &str) -> Result<PathBuf, RestoreError> {
    let aside = |suffix: &str| data.join(format!("{name}{suffix}"));
    for suffix in ["-wal", "-shm", ""] {
        let from = data.join(format!("brevet.db{suffix}"));
        if from.exists() {
            rename(&from, &aside(suffix))?;
        }
    }
    Ok(aside(""))
}

/// Begins a new epoch: a trust document that says so, and every computer's sequence anew.
async fn new_epoch(app: &App, root: &Key) -> Outcome<NewEpoch> {
    let mut change = Change::begin(app).await?;
    let old = instance::Entity::find().one(change.tx()).await?.ok_or_else(|| Failure::internal("no instance"))?;
    // WHY the clock: the backup does not know which epochs and versions came after it, and a computer believes only higher ones.
    let seconds = change.now.millis() / 1000;
    let epoch = old.epoch.saturating_add(1).max(seconds);
    let version = old.trust_version.saturating_add(1).max(seconds);
    say_so(&change, root, &InstanceId::parse(&old.id)?, (version, epoch)).await?;
    // Whoever signed out or used up a link after the backup stays signed out.
    console_session::Entity::delete_many().exec(change.tx()).await?;
    sign_in::Entity::delete_many().exec(change.tx()).await?;
    crate::sign_in::forget_steps(&change, None).await?;
    // One that was used up after the backup would be good again.
    recovery_code::Entity::delete_many().exec(change.tx()).await?;
    computer::Entity::update_many()
        .col_expr(computer::Column::Epoch, Expr::value(epoch))
        .col_expr(computer::Column::Sent, Expr::value(0i64))
        .col_expr(computer::Column::Held, Expr::value(0i64))
        .col_expr(computer::Column::Manifest, Expr::value(""))
        .exec(change.tx())
        .await?;
    crate::proposals::after_restore(&change).await?;
    publish(&mut change).await?;
    resend(&mut change, old.epoch).await?;
    let computers = computer::Entity::find().filter(computer::Column::State.ne("removed")).all(change.tx()).await?.len();
    let computers = u64::try_from(computers).unwrap_or(u64::MAX);
    let said = serde_json::json!({ "epoch": epoch, "trust_version": version, "epoch_before": old.epoch, "computers": computers });
    let words = format!("the server was put back to a backup: epoch {epoch} begins");
    record(&change, By::Server, NewEvent::new("server.restored", words, &said)?).await?;
    change.commit().await?;
    Ok(NewEpoch { epoch: unsigned(epoch), trust_version: unsigned(version), computers, set_aside: None })
}

async fn say_so(change: &Change, root: &Key, instance: &InstanceId, (version, epoch): (i64, i64)) -> Outcome<()> {
    let envelope = keys::trust(root, &change.keys, instance, unsigned(version), unsigned(epoch)).map_err(Failure::internal)?;
    let row = trust::ActiveModel {
        version: Set(version),
        epoch: Set(epoch),
        root: Set(root.public().into()),
        envelope: Set(serde_json::to_string(&envelope)?),
        created: Set(change.now.millis()),
    };
    trust::Entity::insert(row).exec_without_returning(change.tx()).await?;
    instance::Entity::update_many()
        .col_expr(instance::Column::Epoch, Expr::value(epoch))
        .col_expr(instance::Column::TrustVersion, Expr::value(version))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// What computers had not confirmed goes out again, in its order, after the manifest. What they know already they only confirm.
async fn resend(change: &mut Change, epoch: i64) -> Outcome<()> {
    let kinds = [Kind::Grant, Kind::Decline, Kind::Revocation];
    let rows = sequence::Entity::find()
        .filter(sequence::Column::Epoch.eq(epoch))
        .filter(sequence::Column::State.ne("confirmed"))
        .filter(sequence::Column::Kind.is_in(kinds.map(kind_name)))
        .order_by_asc(sequence::Column::Computer)
        .order_by_asc(sequence::Column::Seq)
        .all(change.tx())
        .await?;
    for row in rows {
        let envelope: Envelope = serde_json::from_str(&row.envelope)?;
        let Some(kind) = envelope.kind() else { continue };
        match kind {
            Kind::Grant => again::<GrantDocument>(change, &row, &envelope).await?,
            Kind::Decline => again::<Decline>(change, &row, &envelope).await?,
            Kind::Revocation => again::<Revocation>(change, &row, &envelope).await?,
            Kind::Trust | Kind::Policy | Kind::Autonomous | Kind::Settings | Kind::Manifest | Kind::Heartbeat | Kind::Acknowledgement => {}
        }
    }
    Ok(())
}

/// A document that has a place in a sequence.
trait Placed: Content {
    fn at(self, place: Place) -> Self;
    /// After this moment it says nothing any more.
    fn over(&self) -> Option<Timestamp> {
        None
    }
}

impl Placed for GrantDocument {
    fn at(self, place: Place) -> Self {
        Self { epoch: place.epoch, seq: place.seq, ..self }
    }
    fn over(&self) -> Option<Timestamp> {
        Some(self.not_after)
    }
}

impl Placed for Decline {
    fn at(self, place: Place) -> Self {
        Self { epoch: place.epoch, seq: place.seq, ..self }
    }
}

impl Placed for Revocation {
    fn at(self, place: Place) -> Self {
        Self { epoch: place.epoch, seq: place.seq, ..self }
    }
}

async fn again<C: Placed>(change: &mut Change, row: &sequence::Model, envelope: &Envelope) -> Outcome<()> {
    let app = change.app.clone();
    let document: C = open(envelope, &[app.keys.issuer.public()])?;
    if document.over().is_some_and(|over| over <= change.now) {
        return Ok(());
    }
    let computer = ComputerId::parse(&row.computer)?;
    append(change, &computer, C::KIND, &row.subject, |place| Ok(seal(&document.at(place), &[&app.keys.issuer])?)).await?;
    Ok(())
}
