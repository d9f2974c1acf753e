//! Everything a client asks besides running something. A user sees and ends what is theirs; root sees all.

use std::sync::Arc;

use brevet_api::broker::{Answer, Ask, GrantSummary, ListedPolicy, OtherPolicy, RequestSummary, Status};
use brevet_core::decide::{Fixed, Standing, names_user};
use brevet_core::document::{EndReason, PolicyDocument};
use brevet_core::escape;
use brevet_core::grant::GrantState;
use brevet_core::policy::{Authentication, Mode};
use brevet_core::record::{Body, RequestClosed};
use brevet_core::request::RequestState;
use brevet_core::time::Now;
use brevet_core::words;

use crate::broker::Broker;
use crate::elevate::Refusal;
use crate::ledger::Ledger;
use crate::state::{GrantEntry, RequestEntry, shown};

/// The most that one answer lists.
const MOST: usize = 500;

/// Answers.
///
/// # Errors
/// When there is no such thing, it is not theirs, or it cannot be recorded.
pub fn answer(broker: &Broker, uid: u32, ask: &Ask) -> Result<Answer, Refusal> {
    match ask {
        Ask::List {} => list(broker, uid),
        Ask::Status {} => Ok(Answer::Status(status(&mut broker.ledger(), uid))),
        Ask::Requests {} => Ok(requests(&broker.ledger(), uid)),
        Ask::Grants {} => Ok(grants(&mut broker.ledger(), uid)),
        Ask::Withdraw { request } => {
            let mut ledger = broker.ledger();
            let unknown = || Refusal::new("unknown", format!("you have no request {request}"));
            let entry = ledger.state.requests.get(request).filter(|entry| is_theirs(uid, entry.request.user.uid)).ok_or_else(unknown)?;
            if entry.state != RequestState::Pending {
                return Err(Refusal::new("closed", format!("request {request} is not pending any more")));
            }
            ledger.commit(&[Body::RequestWithdrawn(RequestClosed { request: request.clone() })])?;
            Ok(Answer::Done { text: format!("request {request} is withdrawn") })
        }
        Ask::End { grant } => {
            let mut ledger = broker.ledger();
            let unknown = || Refusal::new("unknown", format!("you have no grant {grant}"));
            let entry = ledger.state.grants.get(grant).filter(|entry| is_theirs(uid, entry.user.uid)).ok_or_else(unknown)?;
            if !entry.is_open() {
                return Err(Refusal::new("closed", format!("grant {grant} has ended already")));
            }
            // One that was never used cannot be finished: it is taken back.
            let (reason, word) = match entry.life.state() {
                GrantState::Issued => (EndReason::Revoked, "taken back"),
                _ => (EndReason::Finished, "finished"),
            };
            let sessions = ledger.end_grant(grant, reason, "by its user", true)?;
            Ok(Answer::Done { text: format!("grant {grant} is {word}; sessions ending: {sessions}") })
        }
        Ask::Lock {} => {
            let forgotten = broker.proofs.forget(uid);
            Ok(Answer::Done { text: format!("remembered authentications forgotten: {forgotten}") })
        }
        Ask::Run(_) | Ask::Explain(_) => Err(Refusal::new("protocol", "not answered here")),
    }
}

const fn is_theirs(uid: u32, owner: u32) -> bool {
    uid == 0 || uid == owner
}

fn list(broker: &Broker, uid: u32) -> Result<Answer, Refusal> {
    let account = broker.account(uid).map_err(|reason| Refusal::new("unknown_user", reason))?;
    let mut ledger = broker.ledger();
    let now = ledger.now();
    let standing = ledger.standing(&now);
    let policies = Arc::clone(&ledger.documents.in_force().policies);
    let theirs = policies.documents().iter().filter(|document| uid == 0 || names_user(document, &account.member));
    let listed = theirs.take(MOST).map(|document| listed(document, ledger.fixed(document, uid, &now), &standing));
    Ok(Answer::Listed { policies: bounded(listed) })
}

fn listed(document: &PolicyDocument, fixed: Fixed, standing: &Standing) -> ListedPolicy {
    let policy = &document.policy;
    let validity = words::validity(policy);
    ListedPolicy {
        policy: policy.name.clone(),
        mode: policy.mode,
        applications: words::applications_in(policy, &document.lists).into_iter().take(MOST).collect(),
        run_as: policy.elevation.run_as.clone(),
        validity: if validity.is_empty() { "always".to_owned() } else { validity },
        usable: words::usable(policy, fixed, standing),
        password: policy.mode != Mode::Deny && policy.authentication() == Authentication::Password,
        max_duration: policy.request.max_duration,
        message: policy.message.clone(),
    }
}

fn status(ledger: &mut Ledger, uid: u32) -> Status {
    let now = ledger.now();
    let in_force = ledger.documents.in_force();
    let refused = in_force.refused.iter().map(|refused| OtherPolicy {
        policy: refused.name.clone().unwrap_or_else(|| refused.id.to_string()),
        because: format!("{}: {}", refused.field, refused.reason),
    });
    let position = &ledger.documents.position;
    let age = position.heartbeat.as_ref().map(|heartbeat| now.millis_since(heartbeat) / 1000);
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        computer: ledger.documents.computer_name().map(str::to_owned),
        computer_id: ledger.documents.computer().to_string(),
        connected: ledger.link.attached && ledger.link.connected,
        heartbeat: position.heartbeat.as_ref().map(|heartbeat| heartbeat.wall),
        heartbeat_age_seconds: age,
        policies: in_force.policies.documents().len(),
        refused_policies: if uid == 0 { refused.collect() } else { Vec::new() },
        sessions: ledger.state.running().filter(|(_, entry)| is_theirs(uid, entry.started.user.uid)).count(),
        journal_grows: if uid == 0 { ledger.cannot_rotate.clone() } else { None },
        little_room: ledger.little_room().map(|(_, why)| why),
        clock_ahead_seconds: ledger.clock_ahead_seconds(),
        unacknowledged: ledger.journal.chain().seq.saturating_sub(position.acknowledged),
    }
}

fn requests(ledger: &Ledger, uid: u32) -> Answer {
    let theirs = ledger.state.requests.values().rev().filter(|entry| is_theirs(uid, entry.request.user.uid));
    let requests = theirs.take(MOST).map(|entry| RequestSummary {
        request: entry.request.id.clone(),
        state: entry.state,
        code: entry.request.digest.short_code(),
        arguments: shown(&entry.request.command.arguments),
        reason: entry.request.reason.clone(),
        duration: entry.request.duration,
        created: entry.request.created,
        lapses: entry.request.lapses,
        answer: decided(ledger, entry),
    });
    Answer::Requests { requests: bounded(requests) }
}

fn grants(ledger: &mut Ledger, uid: u32) -> Answer {
    let now = ledger.now();
    let theirs = ledger.state.grants.values().rev().filter(|entry| is_theirs(uid, entry.user.uid));
    Answer::Grants { grants: bounded(theirs.take(MOST).map(|grant| grant_summary(ledger, grant, &now))) }
}

fn grant_summary(ledger: &Ledger, grant: &GrantEntry, now: &Now) -> GrantSummary {
    let state = match grant.life.state() {
        GrantState::Issued => "issued",
        GrantState::Active => "active",
        GrantState::Expired => "expired",
        GrantState::Revoked => "revoked",
        GrantState::Finished => "finished",
        GrantState::Unused => "unused",
    };
    let left = (grant.life.state() == GrantState::Active).then(|| ledger.bounds(grant, now).least());
    GrantSummary {
        grant: grant.id.clone(),
        state: state.to_owned(),
        policy: grant.policy.name.clone(),
        arguments: shown(&grant.command.arguments),
        target_user: grant.command.target.name.clone(),
        ends: left.map(|left| brevet_core::time::Timestamp::from_millis(now.wall.millis().saturating_add_unsigned(left))),
        remaining_seconds: left.map(|left| left / 1000),
        sessions: ledger.state.running_of(&grant.id),
        because: grant.ended.as_ref().map(|ended| escaped(&ended.detail)).filter(|detail| !detail.is_empty()),
    }
}

/// What was decided, by whom, and what they wrote; also that what was given was taken away again.
fn decided(ledger: &Ledger, entry: &RequestEntry) -> Option<String> {
    if let Some(end) = unwelcome_end(ledger, entry) {
        return Some(end);
    }
    let answer = entry.answer.as_ref()?;
    match entry.state {
        RequestState::Approved => Some(said(&format!("approved{} by", given(ledger, entry)), &answer.by, &answer.comments)),
        RequestState::AutoApproved => Some(said(&format!("approved{} by the rule", given(ledger, entry)), &answer.by, &[])),
        RequestState::Pending | RequestState::Declined | RequestState::Withdrawn | RequestState::Lapsed => None,
    }
}

/// For how long, which may be less than was asked for.
fn given(ledger: &Ledger, entry: &RequestEntry) -> String {
    let grant = ledger.state.grants.values().find(|grant| grant.request.as_ref() == Some(&entry.request.id));
    grant.map_or_else(String::new, |grant| format!(" for {}", grant.life.terms().duration))
}

/// That a request was declined, or what it gave was revoked: by whom and why.
#[must_use]
pub fn unwelcome_end(ledger: &Ledger, entry: &RequestEntry) -> Option<String> {
    if entry.state == RequestState::Declined {
        let answer = entry.answer.clone().unwrap_or_default();
        return Some(said("declined by", &answer.by, &answer.comments));
    }
    let grant = ledger.state.grants.values().find(|grant| grant.request.as_ref() == Some(&entry.request.id))?;
    let ended = grant.ended.as_ref().filter(|ended| ended.reason == EndReason::Revoked)?;
    Some(format!("approved and revoked ({})", escaped(&ended.detail)))
}

fn said(what: &str, by: &[String], comments: &[String]) -> String {
    let by = escaped(&by.join(", "));
    let comments = escaped(&comments.join("; "));
    if comments.is_empty() { format!("{what} {by}") } else { format!("{what} {by}: {comments}") }
}

fn escaped(text: &str) -> String {
    escape::terminal(text.as_bytes())
}

/// As many as fit into one frame, in their order.
pub fn bounded<T: serde::Serialize>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut bytes: usize = 0;
    let fits = |item: &T| {
        bytes = bytes.saturating_add(serde_json::to_vec(item).map_or(usize::MAX, |json| json.len()));
        bytes < brevet_api::frame::MAX_CLIENT / 2
    };
    items.take_while(fits).collect()
}
