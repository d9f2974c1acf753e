//! The server's word on what the log is. It signs nothing that does not continue what it signed before.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use brevet_api::rest::Code;
use brevet_core::audit_log::{Checkpoint, SignedCheckpoint};
use brevet_core::time::Length;
use sea_orm::{ConnectionTrait, EntityTrait as _};
use tokio::sync::Mutex;

use super::{end, nodes};
use crate::app::App;
use crate::documents::sequence::unsigned;
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::instance;

/// What this server signed last, beside the database and not in it: whoever can change the one cannot change the other.
pub struct Kept {
    file: PathBuf,
    last: Mutex<Option<SignedCheckpoint>>,
    /// When it is looked at again, in milliseconds.
    due: AtomicI64,
    /// Whether the database has another log than the one that was signed.
    pub broken: AtomicBool,
}

impl Kept {
    /// In the data directory.
    #[must_use]
    pub fn in_data(data: &Path) -> Self {
        Self { file: data.join("event-log.json"), last: Mutex::default(), due: AtomicI64::new(0), broken: AtomicBool::new(false) }
    }

    fn read(&self) -> Outcome<Option<SignedCheckpoint>> {
        match std::fs::read(&self.file) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::internal(error)),
        }
    }

    fn write(&self, signed: &SignedCheckpoint) -> Outcome<()> {
        let new = self.file.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let text = serde_json::to_vec(signed)?;
        crate::keys::write_private(&new, &text).and_then(|()| std::fs::rename(&new, &self.file)).map_err(Failure::internal)
    }
}

/// What the log is at the moment of this connection's snapshot, signed.
///
/// # Errors
/// When the database does not answer, or what it has does not continue what was signed before.
pub async fn sign<C: ConnectionTrait>(app: &App, snapshot: &C) -> Outcome<SignedCheckpoint> {
    let tree = end(snapshot).await?;
    let row = instance::Entity::find().one(snapshot).await?.ok_or_else(|| Failure::internal("no instance"))?;
    let mut last = app.log.last.lock().await;
    if last.is_none() {
        *last = app.log.read()?;
    }
    let epoch = unsigned(row.epoch);
    let it = Checkpoint { instance: app.instance.clone(), epoch, size: tree.size(), root: tree.root(), time: app.clock.now() };
    if let Some(SignedCheckpoint { checkpoint: before, .. }) = &*last
        && before.epoch == epoch
        && before.instance == it.instance
    {
        // A snapshot may be older than what was signed last.
        let now = if before.size > it.size { end(&app.store.pool).await?.size() } else { it.size };
        let same = before.size <= now
            && match nodes::root_at(&app.store.pool, before.size).await {
                Ok(root) => root == before.root,
                Err(failure) if failure.code == Code::LogBroken => false,
                Err(failure) => return Err(failure),
            };
        app.log.broken.store(!same, Ordering::Relaxed);
        if !same {
            tracing::error!(size = before.size, root = %before.root, "the log in the database is not the one that was signed before");
            return Err(Failure::new(Code::LogBroken)
                .because(format!("this server signed a log of {} events with the root {}, and the database has another one", before.size, before.root))
                .hint("somebody changed the database, or put it back without `brevet-server restore`: find out who did, and keep a copy of it"));
        }
    }
    let signed = SignedCheckpoint::sign(it, &app.keys.issuer);
    if last.as_ref().is_none_or(|last| last.checkpoint.epoch != epoch || last.checkpoint.size < signed.checkpoint.size) {
        app.log.write(&signed)?;
        *last = Some(signed.clone());
    }
    Ok(signed)
}

const PAUSE: Length = Length::from_hours(1);

/// Signs at each beginning and then every hour, so that what is changed later is noticed. That it was is said, and stops nothing: rights
/// must end also then.
///
/// # Errors
/// When the database does not answer.
pub async fn hourly(app: &App) -> Outcome<()> {
    let now = app.clock.now();
    if now.millis() < app.log.due.load(Ordering::Relaxed) {
        return Ok(());
    }
    let snapshot = app.store.snapshot().await?;
    match sign(app, &snapshot).await {
        Err(failure) if failure.code != Code::LogBroken => return Err(failure),
        _ => app.log.due.store(now.plus(PAUSE).millis(), Ordering::Relaxed),
    }
    Ok(())
}
