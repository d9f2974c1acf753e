//! The server's word on what the log is. It signs nothing that does not continue what it signed before.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use brevet_api::rest::Code;
use brevet_core::audit_log::{Checkpoint, SignedCheckpoint};
use sea_orm::{ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use tokio::sync::Mutex;

use super::{End, end, nodes};
use crate::app::App;
use crate::clock::Hourly;
use crate::documents::sequence::unsigned;
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::{event, instance};

/// What this server signed last, beside the database and not in it: whoever can change the one cannot change the other.
pub struct Kept {
    file: PathBuf,
    last: Mutex<Option<SignedCheckpoint>>,
    /// When it is looked at again.
    again: Hourly,
    /// Whether the database has another log than the one that was signed.
    pub broken: AtomicBool,
}

impl Kept {
    /// In the data directory.
    #[must_use]
    pub fn in_data(data: &Path) -> Self {
        Self { file: data.join("event-log.json"), last: Mutex::default(), again: Hourly::default(), broken: AtomicBool::new(false) }
    }

    /// Whether nothing was ever signed beside this database.
    #[must_use]
    pub fn is_new(&self) -> bool {
        !self.file.exists()
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

/// What the log is, signed, and the snapshot that it is of.
///
/// # Errors
/// When the database does not answer; `log_broken` where what it has is not the server's own, or does not continue what was signed before.
pub async fn sign(app: &App) -> Outcome<(DatabaseTransaction, SignedCheckpoint)> {
    // WHY before the snapshot, and nothing but that connection after it: whoever waits here holds none that others need.
    let mut last = app.log.last.lock().await;
    let snapshot = app.store.snapshot().await?;
    let End { tree, sealed } = end(&snapshot, &app.keys.issuer).await?;
    let row = instance::Entity::find().one(&snapshot).await?.ok_or_else(|| Failure::internal("no instance"))?;
    if last.is_none() {
        *last = app.log.read()?;
    }
    let epoch = unsigned(row.epoch);
    let it = Checkpoint { instance: app.instance.clone(), epoch, size: tree.size(), root: tree.root(), time: app.clock.now() };
    let before = last.as_ref().map(|last| &last.checkpoint).filter(|before| before.instance == it.instance);
    let broken = if !sealed {
        Some("the end of the log in the database was not written by a server with this key".to_owned())
    } else if !is_whole(&snapshot, &it).await? {
        Some("the database has events that are not in the log, or lacks some that are".to_owned())
    } else {
        match before {
            Some(before) if !continues(&snapshot, before, &it).await? => Some(format!(
                "this server signed a log of {} events with the root {} in epoch {}, and the database has another one",
                before.size, before.root, before.epoch
            )),
            _ => None,
        }
    };
    app.log.broken.store(broken.is_some(), Ordering::Relaxed);
    if let Some(why) = broken {
        tracing::error!(why, "the audit log in the database is not the one that was signed");
        let hint = "somebody changed the database, or put it back without `brevet-server restore`: find out who did, and keep a copy of it";
        return Err(Failure::new(Code::LogBroken).because(why).hint(hint));
    }
    let signed = SignedCheckpoint::sign(it, &app.keys.issuer);
    if last.as_ref().is_none_or(|last| last.checkpoint.epoch != epoch || last.checkpoint.size < signed.checkpoint.size) {
        app.log.write(&signed)?;
        *last = Some(signed.clone());
    }
    Ok((snapshot, signed))
}

/// Whether each event has a place and the last one has the last: that there are no gaps between shows to whoever reads them all.
async fn is_whole<C: ConnectionTrait>(snapshot: &C, it: &Checkpoint) -> Outcome<bool> {
    use event::Column as C;
    let without =
        event::Entity::find().filter(Condition::any().add(C::Leaf.is_null()).add(C::Leaf.lt(0))).select_only().column(C::Seq).limit(1);
    if without.into_tuple::<i64>().one(snapshot).await?.is_some() {
        return Ok(false);
    }
    let last = event::Entity::find().select_only().column_as(C::Leaf.max(), "last").into_tuple::<Option<i64>>().one(snapshot).await?;
    Ok(last.flatten().map_or(0, |last| unsigned(last).saturating_add(1)) == it.size)
}

/// Whether what was signed before is the beginning of this. In a later epoch a part of it may be gone: the backup did not have it.
async fn continues<C: ConnectionTrait>(snapshot: &C, before: &Checkpoint, it: &Checkpoint) -> Outcome<bool> {
    if before.epoch != it.epoch {
        return Ok(before.epoch < it.epoch);
    }
    if before.size > it.size {
        return Ok(false);
    }
    match nodes::root_at(snapshot, before.size).await {
        Ok(root) => Ok(root == before.root),
        Err(failure) if failure.code == Code::LogBroken => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Signs at each beginning and then every hour, so that what is changed later is noticed. What fails here, or is noticed, is said and
/// stops nothing else of the sweep: requests must lapse also where the log is broken, or its file cannot be written.
pub async fn hourly(app: &App) {
    let now = app.clock.now();
    if !app.log.again.is_due(now) {
        return;
    }
    match sign(app).await {
        Err(failure) if failure.code != Code::LogBroken => tracing::error!(?failure, "the audit log cannot be signed"),
        _ => app.log.again.done(now),
    }
}
