//! Moving an installation from SQLite to PostgreSQL, in one transaction there.
//!
//! It goes on in the same epoch: the server stands still, everything that it ever sent and took is copied and held against the
//! original, and the original is set aside so that no server goes on with it. So no computer has seen more than the new database knows,
//! which is what a new epoch is for.

use std::path::{Path, PathBuf};

use sea_orm::DbErr;

use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::bootstrap::{self, OpenError};
use crate::config::Config;
use crate::http::failure::{Failure, Outcome};
use crate::restore::set_aside;
use crate::store::copy::{Copied, CopyError, Say};
use crate::store::target::Target;
use crate::store::{Change, Lock};

/// Why nothing was moved. The SQLite database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Not `postgres://…`.
    #[error("--to names a PostgreSQL database, postgres://USER@HOST/NAME")]
    NotPostgres,
    /// The server runs.
    #[error("the server on {0} is running: stop it first")]
    Running(PathBuf),
    /// Another server runs on the target.
    #[error("a brevet-server uses the PostgreSQL database already")]
    InUse,
    /// There are tables already.
    #[error("the PostgreSQL database has tables already: make an empty one")]
    NotEmpty,
    /// The data cannot be opened.
    #[error("cannot open what is to be moved")]
    From(#[source] OpenError),
    /// The target cannot be used.
    #[error("cannot use the PostgreSQL database")]
    To(#[source] DbErr),
    /// Not everything is the same.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The data directory.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Everything is there, and the last steps failed.
    #[error("everything was copied to PostgreSQL, but {step}: start the server on one of the two databases only, ever")]
    AfterCommit {
        /// What failed.
        step: String,
    },
}

/// What was moved.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Every table, the same on both sides.
    pub tables: Vec<Copied>,
    /// Where the SQLite database is now.
    pub set_aside: PathBuf,
}

/// Copies everything that `data` holds into an empty PostgreSQL database, and sets the SQLite database aside.
///
/// # Errors
/// When a server runs, the target is not empty, or the two are not the same afterwards.
pub async fn to_postgres(data: &Path, url: &str, say: Say<'_>) -> Result<Moved, MigrateError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(MigrateError::NotPostgres);
    }
    let file = |source| MigrateError::File { path: data.into(), source };
    let _lock = Lock::take(data).map_err(file)?.ok_or_else(|| MigrateError::Running(data.into()))?;
    let app = bootstrap::open(data, String::new(), None, Config::default()).await.map_err(MigrateError::From)?;
    let target = Target::open(data, url).await.map_err(MigrateError::To)?.ok_or(MigrateError::InUse)?;
    if !target.is_empty().await.map_err(MigrateError::To)? {
        return Err(MigrateError::NotEmpty);
    }
    let from = app.store.snapshot().await.map_err(CopyError::from)?;
    let tables = target.fill(&from, say).await?;
    target.commit().await.map_err(MigrateError::To)?;
    drop(from);
    finish(data, url, &app, tables).await
}

/// From here on PostgreSQL has everything.
async fn finish(data: &Path, url: &str, app: &App, tables: Vec<Copied>) -> Result<Moved, MigrateError> {
    let after = |step: String| MigrateError::AfterCommit { step };
    app.store.pool.clone().close().await.map_err(|error| after(format!("the SQLite database cannot be closed ({error})")))?;
    let name = format!("brevet.db.moved-{}", app.clock.now().millis() / 1000);
    let set_aside = set_aside(data, &name).map_err(|error| after(format!("the SQLite database cannot be set aside ({error})")))?;
    let moved = bootstrap::open(data, String::new(), Some(url), Config::default()).await;
    let moved = moved.map_err(|error| after(format!("it cannot be opened there ({error})")))?;
    say_so(&moved, &tables).await.map_err(|failure| after(format!("the event about it cannot be written ({failure:?})")))?;
    moved.store.pool.clone().close().await.map_err(MigrateError::To)?;
    Ok(Moved { tables, set_aside })
}

async fn say_so(app: &App, tables: &[Copied]) -> Outcome<()> {
    let change = Change::begin(app).await?;
    let said: serde_json::Map<String, serde_json::Value> =
        tables.iter().map(|table| (table.table.clone(), serde_json::json!({ "rows": table.rows, "content": table.content }))).collect();
    let said = serde_json::json!({ "from": "sqlite", "to": "postgresql", "tables": said });
    record(&change, By::Server, NewEvent::new("server.moved", "the database was moved from SQLite to PostgreSQL", &said)?).await?;
    change.commit().await.map_err(Failure::from)
}
