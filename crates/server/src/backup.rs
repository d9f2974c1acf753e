//! A copy of the database while the server runs.
//!
//! It holds no keys: those do not change, and a copy of everything in one file would be a copy of the right to sign.

use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr, EntityTrait as _, Statement};

use crate::keys::write_private;
use crate::store::Store;
use crate::store::entities::instance;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Not an SQLite database.
    #[error(
        "the database is PostgreSQL, which has its own backup: use pg_dump or a base backup, then `brevet-server restore --database URL`"
    )]
    NotOurs,
    /// Nothing to copy.
    #[error("there is no database in {0}")]
    Nothing(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be copied.
    #[error("cannot copy the database")]
    Database(#[from] DbErr),
    /// The copy is not whole, or not of this program.
    #[error("{path} is not a backup: {reason}")]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Files below the data directory that a backup does not hold and a restore needs.
pub const KEPT_APART: [&str; 4] = ["keys/issuer.key", "keys/policy.key", "tls/ca.key", "tls/ca.pem"];

/// Copies the database as it stands at one moment to a new file that only its owner can read.
///
/// # Errors
/// When the file exists already or cannot be written, or the database cannot be read.
pub async fn backup(data: &Path, database: Option<&str>, to: &Path) -> Result<(), BackupError> {
    if database.is_some() {
        return Err(BackupError::NotOurs);
    }
    if !data.join("brevet.db").exists() {
        return Err(BackupError::Nothing(data.into()));
    }
    let failed = |source| BackupError::Write { path: to.into(), source };
    write_private(to, b"").map_err(failed)?;
    let made = copy(data, to).await;
    if made.is_err() {
        let _ = std::fs::remove_file(to);
    }
    made?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(failed)
}

async fn copy(data: &Path, to: &Path) -> Result<(), BackupError> {
    let store = Store::open(data, None).await?;
    let path = to.to_str().ok_or_else(|| not_a_backup(to, "its name is not UTF-8"))?;
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [path.into()]);
    let copied = store.pool.execute_raw(statement).await;
    store.pool.close().await?;
    copied?;
    check(to).await
}

fn not_a_backup(path: &Path, reason: impl Into<String>) -> BackupError {
    BackupError::NotABackup { path: path.into(), reason: reason.into() }
}

/// Whether a file is a whole database of this program.
///
/// # Errors
/// When it is not, or cannot be read.
pub async fn check(file: &Path) -> Result<(), BackupError> {
    let pool =
        Database::connect(format!("sqlite://{}?mode=ro", file.display())).await.map_err(|error| not_a_backup(file, error.to_string()))?;
    let found = check_open(file, &pool).await;
    pool.close().await?;
    found
}

async fn check_open(file: &Path, pool: &DatabaseConnection) -> Result<(), BackupError> {
    let unreadable = |error: DbErr| not_a_backup(file, error.to_string());
    let row = pool.query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA integrity_check")).await.map_err(unreadable)?;
    let said = row.map(|row| row.try_get_by_index::<String>(0)).transpose().map_err(unreadable)?.unwrap_or_default();
    if said != "ok" {
        return Err(not_a_backup(file, format!("it is damaged: {said}")));
    }
    match instance::Entity::find().one(pool).await.map_err(unreadable)? {
        Some(_) => Ok(()),
        None => Err(not_a_backup(file, "nothing is set up in it")),
    }
}
