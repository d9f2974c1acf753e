//! All definitions in memory, as they stand in the database.
//!
//! INVARIANT: nobody is shown what stood before a change that they could know of. Each look asks the database for its stamp on the
//! definitions, which every change of any replaces in the same transaction (`m0110_stamp`), and only what was read under that very
//! stamp is taken from memory. So it holds for a change of another server on the same database as well, and needs no notification.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ConnectionTrait, EntityTrait as _, QuerySelect as _};

use super::content::Snapshot;
use crate::app::App;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::instance;

/// What was read last, under which stamp.
#[derive(Default)]
pub struct Kept(Mutex<Option<(String, Arc<Snapshot>)>>);

impl Kept {
    fn under(&self, stamp: &str) -> Option<Arc<Snapshot>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(of, _)| of == stamp).map(|(_, all)| Arc::clone(all))
    }

    fn keep(&self, stamp: String, all: &Arc<Snapshot>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamp, Arc::clone(all)));
    }
}

async fn stamp<C: ConnectionTrait>(connection: &C) -> Outcome<String> {
    let stamp = instance::Entity::find().select_only().column(instance::Column::Definitions).into_tuple().one(connection).await?;
    Ok(stamp.unwrap_or_default())
}

/// All definitions.
///
/// # Errors
/// When the database does not answer.
pub async fn current(app: &App) -> Outcome<Arc<Snapshot>> {
    if let Some(all) = app.definitions.under(&stamp(&app.store.pool).await?) {
        return Ok(all);
    }
    // Both from one moment: content under the stamp of another would stay.
    let snapshot = app.store.snapshot().await?;
    let (stamp, all) = (stamp(&snapshot).await?, Arc::new(Snapshot::load(&snapshot).await?));
    app.definitions.keep(stamp, &all);
    Ok(all)
}

/// All definitions as a running change sees them, with what it changed itself. What may still be undone is not kept.
///
/// # Errors
/// When the database does not answer.
pub async fn within(change: &Change) -> Outcome<Arc<Snapshot>> {
    match change.app.definitions.under(&stamp(change.tx()).await?) {
        Some(all) => Ok(all),
        None => Ok(Arc::new(Snapshot::load(change.tx()).await?)),
    }
}
