//! Who is told of an event, and as what.
//!
//! A person is told what concerns them: as approver of a request that waits, as the user who asked, as an owner of what is grave.
//! INVARIANT: whoever is asked to decide is exactly who may: `requests::decide` says, not this.

use brevet_api::rest::person::Role;
use brevet_core::request::{Request, RequestState};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::access::{Scopes, role_name, roles_from_text};
use crate::http::failure::Outcome;
use crate::requests::decide::{approvers, could_decide, has_decided};
use crate::requests::received::terms;
use crate::requests::state_name;
use crate::store::Change;
use crate::store::entities::{computer, event, notification_target as target, person, person_os_user, request};

/// As what somebody is told.
pub(super) const APPROVER: &str = "approver";
const REQUESTER: &str = "requester";
/// What an owner is told goes before everything else, so that no flood hides it.
pub(super) const OWNER: &str = "owner";
/// Who approves, and was not asked; also before everything else.
pub(super) const SKIPPED: &str = "skipped";
const CONFIRMER: &str = "confirmer";
const PROPOSER: &str = "proposer";
pub(super) const SUBSCRIBER: &str = "subscriber";

const TO_APPROVERS: [&str; 5] = ["request.created", "request.changed", "request.reminded", "request.approvals_reset", "request.escalated"];
const TO_REQUESTER: [&str; 6] =
    ["request.approved", "request.declined", "request.lapsed", "grant.revoked", "grant.extended", "request.escalated"];
const TO_OWNERS: [&str; 10] = [
    "journal.forked",
    "journal.rolled_back",
    "computer.quarantined",
    "person.created",
    "person.roles_changed",
    "setting.changed",
    "notification.failed",
    "break_glass.opened",
    "break_glass.ended",
    "break_glass.reviewed",
];
const OF_PROPOSALS: [&str; 4] = ["proposal.created", "proposal.confirmed", "proposal.rejected", "proposal.stale"];

/// As what a target is told of this event; nothing when it is not.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn audience(change: &Change, target: &target::Model, event: &event::Model) -> Outcome<Option<&'static str>> {
    let Some(person) = &target.person else {
        let events: Vec<String> = serde_json::from_str(&target.events)?;
        return Ok(events.iter().any(|wanted| matches(wanted, &event.kind)).then_some(SUBSCRIBER));
    };
    let kind = event.kind.as_str();
    let (to_approvers, to_requester, to_owners) = (TO_APPROVERS.contains(&kind), TO_REQUESTER.contains(&kind), TO_OWNERS.contains(&kind));
    let of_proposals = OF_PROPOSALS.contains(&kind);
    if !(to_approvers || to_requester || to_owners || of_proposals) {
        return Ok(None);
    }
    let found = person::Entity::find_by_id(person).one(change.tx()).await?;
    let Some(person) = found.filter(|person| person.enabled) else { return Ok(None) };
    if to_approvers && is_asked(change, &person, event).await? {
        return Ok(Some(APPROVER));
    }
    if to_requester && is_requester(change, &person, event).await? {
        return Ok(Some(REQUESTER));
    }
    if of_proposals {
        return as_to_proposal(&person, event);
    }
    if kind == "break_glass.opened" && is_skipped(&person, event)? {
        return Ok(Some(SKIPPED));
    }
    Ok((to_owners && roles_from_text(&person.roles).contains(&Role::Owner)).then_some(OWNER))
}

fn matches(wanted: &str, kind: &str) -> bool {
    wanted == "all" || wanted == kind || (wanted.ends_with('.') && kind.starts_with(wanted))
}

/// Whoever proposed something hears what became of it; whoever could confirm it, that it waits.
fn as_to_proposal(person: &person::Model, event: &event::Model) -> Outcome<Option<&'static str>> {
    let body: serde_json::Value = serde_json::from_str(&event.body)?;
    if event.kind != "proposal.created" {
        let own = body.get("proposer").and_then(serde_json::Value::as_str) == Some(person.id.as_str());
        return Ok(own.then_some(PROPOSER));
    }
    let scopes = Scopes::from_text(&person.scopes)?;
    let wholly = roles_from_text(&person.roles).into_iter().filter(|role| scopes.of(*role).is_none()).map(role_name);
    let confirmers: Vec<&str> = list(&body, "confirmed_by").filter_map(serde_json::Value::as_str).collect();
    let other = event.actor_id.as_deref() != Some(person.id.as_str());
    Ok((other && wholly.into_iter().any(|role| confirmers.contains(&role))).then_some(CONFIRMER))
}

fn is_skipped(person: &person::Model, event: &event::Model) -> Outcome<bool> {
    let body: serde_json::Value = serde_json::from_str(&event.body)?;
    Ok(list(&body, "skipped").any(|one| one.get("person").and_then(serde_json::Value::as_str) == Some(person.id.as_str())))
}

fn list<'a>(body: &'a serde_json::Value, name: &str) -> impl Iterator<Item = &'a serde_json::Value> {
    body.get(name).and_then(serde_json::Value::as_array).into_iter().flatten()
}

/// Whether the request waits for this person: they may decide on it, now, and have not.
async fn is_asked(change: &Change, person: &person::Model, event: &event::Model) -> Outcome<bool> {
    let Some(id) = &event.request else { return Ok(false) };
    let row = request::Entity::find_by_id(id).one(change.tx()).await?;
    let waits = |row: &request::Model| row.state == state_name(RequestState::Pending) && row.lapses > change.now.millis();
    let Some(row) = row.filter(waits) else { return Ok(false) };
    let machine = computer::Entity::find_by_id(&row.computer).one(change.tx()).await?;
    let Some(machine) = machine.filter(|machine| machine.state == "enrolled") else { return Ok(false) };
    let body: Request = serde_json::from_str(&row.body)?;
    let terms = terms(change.tx(), &body).await?;
    // Those who were asked before know already that it waits.
    let asked = if event.kind == "request.escalated" { terms.escalate_to } else { approvers(&row, &terms) };
    Ok(could_decide(change, person.clone(), &body, &asked, &machine).await? && !has_decided(change, &person.id, id).await?)
}

async fn is_requester(change: &Change, person: &person::Model, event: &event::Model) -> Outcome<bool> {
    let (Some(user), Some(computer)) = (&event.user, &event.computer) else { return Ok(false) };
    let links = person_os_user::Entity::find()
        .filter(person_os_user::Column::Person.eq(&person.id))
        .filter(person_os_user::Column::User.eq(user))
        .all(change.tx())
        .await?;
    Ok(links.iter().any(|link| link.computer.is_empty() || link.computer == *computer))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_beginning_ends_with_a_dot() {
        assert!(matches("all", "x.y") && matches("grant.", "grant.revoked") && matches("grant.revoked", "grant.revoked"));
        assert!(!matches("grant", "grant.revoked") && !matches("grant.", "grants") && !matches("request.", "grant.request."));
    }
}
