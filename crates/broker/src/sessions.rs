//! Sessions that run: waiting for their end, recording it, and taking them up again after the broker was restarted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use brevet_core::document::EndReason;
use brevet_core::id::{GrantId, SessionId};
use brevet_core::record::{Body, GrantEnded, Outcome, SessionEnded};

use crate::broker::Broker;
use crate::journal::JournalError;
use crate::ledger::{Ledger, Live};
use crate::spec::{self, Ended, Exit, Report};
use crate::supervisor::client::{self, ReconnectError, Session};

/// The directory in which a session's supervisor can be found again.
#[must_use]
pub fn directory(broker: &Broker, session: &SessionId) -> PathBuf {
    broker.config.broker_directory().join("sessions").join(session.as_str())
}

/// How long the news of a start wait: what others do about them would compete with the start, and most short runs are over
/// by then, so that their start and their end travel together.
const NEWS: Duration = Duration::from_millis(25);

/// Tells whoever waits for changes that a session has begun, and waits until it has ended and records that. Returns early
/// when its supervisor cannot be understood.
pub fn watch(broker: &Broker, id: &SessionId, session: &Session) {
    let mut patience = Some(NEWS);
    loop {
        match session.next_report(patience) {
            Ok(None) => {
                broker.ledger().wake();
                broker.keep_waiting();
                patience = None;
            }
            Ok(Some(Report::Ended(ended))) => {
                // The record waits for the disk, and the next session may be on its way.
                let bare = !broker.launcher.has_one_waiting();
                if bare {
                    broker.keep_waiting();
                }
                if record(broker, &ended).is_ok() && session.acknowledge().is_err() {
                    drop(client::forget(&directory(broker, id)));
                }
                if !bare {
                    broker.keep_waiting();
                }
                return;
            }
            Ok(Some(Report::Status(status))) if status.ended.is_some() => {
                if let Some(ended) = status.ended
                    && record(broker, &ended).is_ok()
                {
                    drop(session.acknowledge());
                }
                return;
            }
            Ok(_) => {}
            Err(_) => return gone(broker, id),
        }
    }
}

/// A supervisor went away: it left its last word, or the session is lost and what it left is ended.
fn gone(broker: &Broker, id: &SessionId) {
    let path = directory(broker, id);
    match client::reconnect(&path) {
        Ok((session, status)) => {
            // The connection broke, not the supervisor.
            adopt(broker, id, &Arc::new(session), status.deadline_ms);
        }
        Err(ReconnectError::Ended(ended)) => {
            if record(broker, &ended).is_ok() {
                drop(client::forget(&path));
            }
        }
        Err(ReconnectError::Lost(identity)) => lost(broker, &identity),
        // It was told to go and ended before it could say where it was: its group has its name.
        Err(ReconnectError::Incomplete) => {
            if let Some(identity) = placed(broker, id) {
                lost(broker, &identity);
            }
        }
        Err(error) => {
            crate::say("broker", &format!("session {id}: {}", crate::chain(&error)));
            let mut ledger = broker.ledger();
            if let Some(grant) = ledger.state.sessions.get(id).map(|entry| entry.started.grant.clone()) {
                drop(end(&mut ledger, id, &grant, Outcome::Lost, 0));
            }
        }
    }
}

/// Where a session is, by its name and the records of it.
fn placed(broker: &Broker, id: &SessionId) -> Option<spec::Identity> {
    let grant = broker.ledger().state.sessions.get(id).map(|entry| entry.started.grant.clone())?;
    let boot = brevet_sys::clock::boot_id().ok()?;
    let cgroup = broker.cgroup.join(id.as_str());
    Some(spec::Identity { session: id.clone(), grant, cgroup, boot, supervisor: 0, audit_session: None })
}

fn lost(broker: &Broker, identity: &spec::Identity) {
    let ended = client::sweep(identity).unwrap_or_else(|error| {
        crate::say("broker", &format!("session {}: {}", identity.session, crate::chain(&error)));
        0
    });
    let mut ledger = broker.ledger();
    if end(&mut ledger, &identity.session, &identity.grant, Outcome::Lost, ended).is_ok() {
        drop(ledger);
        drop(client::forget(&directory(broker, &identity.session)));
    }
}

/// Ends what a supervisor that broke off in the middle of a start may have left.
pub fn sweep(broker: &Broker, session: &SessionId) {
    let path = directory(broker, session);
    let left = match client::reconnect(&path) {
        Err(ReconnectError::Lost(identity)) => Some(*identity),
        Err(ReconnectError::Incomplete) => placed(broker, session),
        Ok(_) | Err(ReconnectError::Ended(_) | ReconnectError::State(_) | ReconnectError::Broken(_)) => None,
    };
    if let Some(identity) = left
        && let Err(error) = client::sweep(&identity)
    {
        crate::say("broker", &format!("session {session}: {}", crate::chain(&error)));
    }
    drop(client::forget(&path));
}

fn record(broker: &Broker, ended: &Ended) -> Result<(), JournalError> {
    let outcome = match (ended.reason, ended.exit) {
        (spec::EndReason::Exited | spec::EndReason::Stopped, Some(Exit::Status(status))) => Outcome::Exited { status },
        (spec::EndReason::Exited | spec::EndReason::Stopped, Some(Exit::Signal(signal))) => Outcome::Signalled { signal },
        (spec::EndReason::Exited | spec::EndReason::Stopped, None) => Outcome::Lost,
        (spec::EndReason::Expired, _) => Outcome::Expired,
        (spec::EndReason::Revoked, _) => Outcome::Revoked,
        (spec::EndReason::Finished, _) => Outcome::Finished,
    };
    end(&mut broker.ledger(), &ended.session, &ended.grant, outcome, ended.processes_ended)
}

/// Records the end of a session, of the grant that was made for it alone, and the receipts that waited for it.
///
/// # Errors
/// When it could not be recorded.
pub fn end(ledger: &mut Ledger, id: &SessionId, grant: &GrantId, outcome: Outcome, processes_ended: u32) -> Result<(), JournalError> {
    ledger.live.remove(id);
    if ledger.state.sessions.get(id).is_none_or(|entry| !entry.is_running()) {
        return Ok(());
    }
    let expired = outcome == Outcome::Expired;
    let ended = SessionEnded { session: id.clone(), grant: grant.clone(), outcome, processes_ended };
    let mut bodies = vec![Body::SessionEnded(ended)];
    if ledger.state.grants.get(grant).is_some_and(|entry| entry.is_single() && entry.is_open()) {
        let reason = if expired { EndReason::Expired } else { EndReason::Finished };
        let detail = if expired { "its time was up" } else { "its session ended" }.to_owned();
        bodies.push(Body::GrantEnded(GrantEnded { grant: grant.clone(), reason, detail, sessions: vec![id.clone()] }));
    }
    ledger.commit(&bodies)?;
    ledger.settle_receipts()
}

/// Sessions that the state knows as running and whose supervisors answer; called once, before anybody is served.
/// Those that ended meanwhile are recorded so.
#[must_use]
pub fn take_up(broker: &Broker) -> Vec<(SessionId, Arc<Session>)> {
    let running: Vec<SessionId> = broker.ledger().state.running().map(|(id, _)| id.clone()).collect();
    let mut taken = Vec::new();
    for id in &running {
        let path = directory(broker, id);
        match client::reconnect(&path) {
            Ok((session, status)) => match status.ended {
                Some(ended) => {
                    if record(broker, &ended).is_ok() {
                        drop(session.acknowledge());
                    }
                }
                None => {
                    let session = Arc::new(session);
                    taken.push((id.clone(), Arc::clone(&session)));
                    broker.ledger().live.insert(id.clone(), Live { session, deadline: status.deadline_ms, heard: status.deadline_ms });
                    order_again(broker, id);
                }
            },
            Err(_) => gone(broker, id),
        }
    }
    forget_strangers(broker, &running);
    taken
}

fn adopt(broker: &Broker, id: &SessionId, session: &Arc<Session>, deadline: u64) {
    broker.ledger().live.insert(id.clone(), Live { session: Arc::clone(session), deadline, heard: deadline });
    order_again(broker, id);
    watch(broker, id, session);
}

/// A grant that ended while nobody could tell the supervisor: now it is told.
fn order_again(broker: &Broker, id: &SessionId) {
    let mut ledger = broker.ledger();
    let Some(grant) = ledger.state.sessions.get(id).map(|entry| entry.started.grant.clone()) else { return };
    if let Some(reason) = ledger.state.end_of(&grant).filter(|reason| *reason != EndReason::Expired) {
        drop(ledger.end_grant(&grant, reason, "", true));
    }
}

/// Supervisors of sessions that were never recorded as started have run nothing; their directories go.
fn forget_strangers(broker: &Broker, running: &[SessionId]) {
    let Ok(entries) = std::fs::read_dir(broker.config.broker_directory().join("sessions")) else { return };
    for entry in entries.flatten() {
        let known = entry.file_name().to_str().and_then(|name| SessionId::parse(name).ok()).is_some_and(|id| running.contains(&id));
        if !known {
            if let Err(ReconnectError::Lost(identity)) = client::reconnect(&entry.path()) {
                drop(client::sweep(&identity));
            }
            // The group that a supervisor may have made, in which nothing has run.
            drop(std::fs::remove_dir(broker.cgroup.join(entry.file_name())));
            drop(client::forget(&entry.path()));
        }
    }
}
