//! A copy of the database while the server runs: an SQLite file, whichever database the server has.
//!
//! It holds no keys: those do not change, and a copy of everything in one file would be a copy of the right to sign.

use std::path::{Path, PathBuf};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr, EntityTrait as _, Statement,
    TransactionTrait as _,
};

use crate::keys::write_private;
use crate::store::Store;
use crate::store::copy::{self, CopyError, Say};
use crate::store::entities::instance;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL cannot be read, or the copy is not the same.
    #[error(transparent)]
    Copy(#[from] CopyError),
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
pub const KEPT_APART: [&str; 5] = ["keys/issuer.key", "keys/policy.key", "keys/notification.key", "tls/ca.key", "tls/ca.pem"];

/// Copies the database as it stands at one moment to a new file that only its owner can read.
///
/// # Errors
/// When the file exists already or cannot be written, or the database cannot be read.
pub async fn backup(data: &Path, database: Option<&str>, to: &Path, say: Say<'_>) -> Result<(), BackupError> {
    if database.is_none() && !data.join("brevet.db").exists() {
        return Err(BackupError::Nothing(data.into()));
    }
    let failed = |source| BackupError::Write { path: to.into(), source };
    write_private(to, b"").map_err(failed)?;
    let made = match database {
        Some(database) => copy_postgres(data, database, to, say).await,
        None => copy(data, to).await,
    };
    if made.is_err() {
        for suffix in ["", "-journal"] {
            let mut path = to.as_os_str().to_owned();
            path.push(suffix);
            let _ = std::fs::remove_file(path);
        }
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

/// As PostgreSQL stands at one moment, of which the servers that use it notice nothing.
async fn copy_postgres(data: &Path, database: &str, to: &Path, say: Say<'_>) -> Result<(), BackupError> {
    let path = to.to_str().ok_or_else(|| not_a_backup(to, "its name is not UTF-8"))?;
    let store = Store::open(data, Some(database)).await?;
    // In one file, with nothing beside it.
    let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rw"));
    let file = Database::connect(options.sqlx_logging(false).max_connections(1).to_owned()).await?;
    let copied = async {
        let (from, to) = (store.snapshot().await?, file.begin().await?);
        copy::make_tables(&from, &to).await?;
        copy::copy(&from, &to, say).await?;
        to.commit().await?;
        Ok::<_, CopyError>(())
    };
    let copied = copied.await;
    file.close().await?;
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
