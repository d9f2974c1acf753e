//! A call that runs as a trial, or again for the second person: what its change does when it would become durable.

use std::sync::{Arc, Mutex, PoisonError};

use brevet_api::rest::proposal::Difference;
use brevet_core::id::PersonId;
use sea_orm::{ConnectionTrait, DbErr};

use super::diff::Guarded;
use super::store;
use crate::access::Actor;
use crate::http::failure::Failure;
use crate::store::Change;

tokio::task_local! {
    static RUNNING: Arc<Run>;
}

/// One call that runs.
pub(super) struct Run {
    purpose: Purpose,
    found: Mutex<Found>,
}

/// Why it runs.
pub(super) enum Purpose {
    /// To see what it would change.
    Trial,
    /// To make the change that was shown.
    Confirm {
        /// The proposal.
        id: String,
        /// What was shown.
        expected: Vec<Difference>,
        /// The second person.
        by: Box<Actor>,
        /// What they say.
        comment: String,
    },
}

/// What it came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// What a trial would change; `None` when it came to no change.
    pub differences: Option<Vec<Difference>>,
    /// Whether the confirmed change became durable.
    pub done: bool,
    /// Whether it would make another difference than was shown.
    pub stale: bool,
    /// Whether somebody closed the proposal first.
    pub late: bool,
}

impl Run {
    pub fn new(purpose: Purpose) -> Arc<Self> {
        Arc::new(Self { purpose, found: Mutex::default() })
    }

    pub fn found(&self) -> Found {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, what: impl FnOnce(&mut Found)) {
        what(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs a call in it.
    pub async fn scope<F: Future>(self: &Arc<Self>, call: F) -> F::Output {
        RUNNING.scope(self.clone(), call).await
    }
}

/// Whether a call runs as one of these.
pub(super) fn is_running() -> bool {
    RUNNING.try_with(|_| ()).is_ok()
}

fn running() -> Option<Arc<Run>> {
    RUNNING.try_with(Clone::clone).ok()
}

fn custom(failure: &Failure) -> DbErr {
    DbErr::Custom(format!("{failure:?}"))
}

/// The second person, while a change that they confirm is made: what it answers they see, not whoever proposed it.
#[must_use]
pub fn confirming() -> Option<PersonId> {
    match &running()?.purpose {
        Purpose::Confirm { by, .. } => Some(by.person.clone()),
        Purpose::Trial => None,
    }
}

/// What stands before the change, where it will be compared.
///
/// # Errors
/// When the database does not answer.
pub async fn before<C: ConnectionTrait>(connection: &C) -> Result<Option<Guarded>, DbErr> {
    match running() {
        Some(_) => Guarded::load(connection).await.map(Some).map_err(|failure| custom(&failure)),
        None => Ok(None),
    }
}

/// What becomes of a change that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It becomes durable.
    Commit,
    /// It was a trial: nothing happens.
    Undo,
}

/// Decides it, in the change's own transaction.
///
/// # Errors
/// When the change is not the one that was shown, or somebody was faster; then nothing happens.
pub async fn settle(change: &Change) -> Result<Settled, DbErr> {
    let (Some(run), Some(before)) = (running(), &change.before) else { return Ok(Settled::Commit) };
    let after = Guarded::load(change.tx()).await.map_err(|failure| custom(&failure))?;
    let differences = before.until(&after);
    match &run.purpose {
        Purpose::Trial => {
            run.note(|found| found.differences.get_or_insert_default().extend(differences));
            Ok(Settled::Undo)
        }
        Purpose::Confirm { expected, .. } if *expected != differences => {
            run.note(|found| found.stale = true);
            Err(DbErr::Custom("the change is not the one that was proposed".into()))
        }
        Purpose::Confirm { id, by, comment, .. } => {
            if !store::confirmed(change, id, by, comment).await.map_err(|failure| custom(&failure))? {
                run.note(|found| found.late = true);
                return Err(DbErr::Custom("the proposal is closed".into()));
            }
            run.note(|found| found.done = true);
            Ok(Settled::Commit)
        }
    }
}
