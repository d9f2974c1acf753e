//! Deciding on a request: who may, within which limits, and what follows.
//!
//! INVARIANT: nobody decides on their own request, and nothing is given that was not asked for or that the policy does not allow.

use brevet_api::rest::Code;
use brevet_api::rest::request::{Approve, Decline as DeclineBody, RequestItem};
use brevet_core::document::{Decline, Kind, SCHEMA, seal};
use brevet_core::id::ComputerId;
use brevet_core::policy::{Binds, RequestTerms};
use brevet_core::request::{Request, RequestState};
use brevet_core::time::Length;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::received::terms;
use super::{event, shown, state_name};
use crate::access::reach::{beyond, groups_of};
use crate::access::{Action, Actor, role_named};
use crate::app::App;
use crate::audit::{By, record};
use crate::definitions::write::signed;
use crate::documents::sequence::append;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::{computer, decision, definition, person, person_os_user, request};

/// What keeps a person from deciding.
pub const CODES: [Code; 7] = [
    Code::OwnRequest,
    Code::NotAnApprover,
    Code::NoOsUserRecorded,
    Code::TokenMayNotDecide,
    Code::WrongState,
    Code::AlreadyDecided,
    Code::ComputerUnavailable,
];

/// A request that this actor may decide on now.
struct Decidable {
    row: request::Model,
    body: Request,
    terms: RequestTerms,
    computer: computer::Model,
}

async fn decidable(change: &Change, actor: &Actor, id: &str) -> Outcome<Decidable> {
    let row = request::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::not_found("request", id))?;
    if !actor.reach(Action::ReadRequests).covers(change.tx(), &row.computer).await? {
        return Err(Failure::not_found("request", id));
    }
    let body: Request = serde_json::from_str(&row.body)?;
    if row.state != state_name(RequestState::Pending) {
        return Err(Failure::new(Code::WrongState).because(format!("the request is {}", row.state)));
    }
    if row.lapses <= change.now.millis() {
        return Err(Failure::new(Code::WrongState).because("the request has lapsed"));
    }
    let machine = computer::Entity::find_by_id(&row.computer).one(change.tx()).await?;
    let machine = machine.filter(|c| c.state == "enrolled");
    let machine = machine.ok_or_else(|| Failure::new(Code::ComputerUnavailable).because("the computer is quarantined or removed"))?;
    let terms = terms(change.tx(), &body).await?;
    may_decide(change, actor, &body, &approvers(&row, &terms), &machine).await?;
    Ok(Decidable { row, body, terms, computer: machine })
}

/// Who may decide on a request: the policy's approvers, and once it was escalated those whom it names for that too.
#[must_use]
pub fn approvers(row: &request::Model, terms: &RequestTerms) -> Vec<String> {
    let mut all = terms.approvers.clone();
    if row.escalated.is_some() {
        all.extend(terms.escalate_to.iter().filter(|one| !terms.approvers.contains(one)).cloned());
    }
    all
}

/// Whether a person may decide on what this user asked, on this computer.
///
/// # Errors
/// The code that says why not.
pub async fn may_decide(change: &Change, actor: &Actor, body: &Request, approvers: &[String], machine: &computer::Model) -> Outcome<()> {
    let groups = groups_of(change.tx(), &machine.name).await?;
    if !actor.reach(Action::Decide).includes(&groups) {
        return Err(beyond());
    }
    let named = approvers.iter().any(|approver| match approver.split_once(':') {
        Some(("role", role)) => role_named(role).is_some_and(|role| actor.is_for(role, &groups)),
        Some(("person", name)) => name == actor.name || name == actor.person.as_str(),
        _ => false,
    });
    if !named {
        return Err(Failure::new(Code::NotAnApprover).because(format!("the policy names {}", approvers.join(", "))));
    }
    let person = person::Entity::find_by_id(actor.person.as_str()).one(change.tx()).await?;
    let person = person.ok_or_else(|| Failure::new(Code::Unauthenticated))?;
    let linked = person_os_user::Entity::find().filter(person_os_user::Column::Person.eq(&person.id)).all(change.tx()).await?;
    if linked.is_empty() && !person.no_os_user {
        return Err(Failure::new(Code::NoOsUserRecorded).hint("an owner links an OS user to this person, or records that they have none"));
    }
    if linked.iter().any(|link| is_requester(link, body, machine)) {
        return Err(Failure::new(Code::OwnRequest));
    }
    refuse_requesters_token(change, actor, body, machine).await
}

/// Whether a person could decide on what this user asked, on this computer, by all that is theirs.
///
/// # Errors
/// When the database does not answer, or their rights cannot be read.
pub async fn could_decide(
    change: &Change,
    person: person::Model,
    body: &Request,
    approvers: &[String],
    machine: &computer::Model,
) -> Outcome<bool> {
    if !person.enabled {
        return Ok(false);
    }
    let then = Actor::signed_in(person)?;
    if !then.may(Action::Decide) {
        return Ok(false);
    }
    match may_decide(change, &then, body, approvers, machine).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.code == Code::Internal => Err(failure),
        Err(_) => Ok(false),
    }
}

/// Whether a person approved or declined a request already.
///
/// # Errors
/// When the database does not answer.
pub async fn has_decided(change: &Change, person: &str, request: &str) -> Outcome<bool> {
    Ok(decision::Entity::find_by_id(decided(request, person)).one(change.tx()).await?.is_some())
}

/// The key of a person's one decision on a request.
fn decided(request: &str, person: &str) -> String {
    format!("{request}/{person}/decided")
}

fn is_requester(link: &person_os_user::Model, body: &Request, machine: &computer::Model) -> bool {
    link.user == body.user.name && (link.computer.is_empty() || link.computer == machine.id)
}

/// Whoever made a token knows it: one that the requester made for somebody else decides nothing of theirs.
async fn refuse_requesters_token(change: &Change, actor: &Actor, body: &Request, machine: &computer::Model) -> Outcome<()> {
    let Some(maker) = &actor.known_by else { return Ok(()) };
    let linked = person_os_user::Entity::find().filter(person_os_user::Column::Person.eq(maker.as_str())).all(change.tx()).await?;
    if linked.iter().any(|link| is_requester(link, body, machine)) {
        let (why, hint) = match actor.token {
            Some(_) => ("the requester made this token", "decide with a token of your own making"),
            None => ("the requester made the link that signed you in", "have somebody else make you one"),
        };
        return Err(Failure::new(Code::OwnRequest).because(why).hint(hint));
    }
    Ok(())
}

/// Takes back approvals of persons who may not decide any more: their role or account is gone, or they turned out to be the requester.
async fn recheck(change: &Change, found: &Decidable) -> Outcome<()> {
    let given = decision::Entity::find()
        .filter(decision::Column::Request.eq(&found.row.id))
        .filter(decision::Column::Kind.eq("approved"))
        .all(change.tx())
        .await?;
    let named = approvers(&found.row, &found.terms);
    for one in given {
        let person = person::Entity::find_by_id(&one.person).one(change.tx()).await?;
        let holds = match person {
            Some(person) => could_decide(change, person, &found.body, &named, &found.computer).await?,
            None => false,
        };
        if !holds {
            let because = format!("{} may not decide any more", one.name);
            super::reset::some(change, &found.row, &because, |person| person == one.person).await?;
        }
    }
    Ok(())
}

/// How long an approval gives: what was asked for, or less.
fn approved_length(asked: Length, wanted: Option<Length>, terms: &RequestTerms) -> Outcome<Length> {
    let wanted = wanted.unwrap_or(asked);
    if wanted == Length::ZERO {
        return Err(Failure::field("for", "must be at least 1s"));
    }
    if wanted > asked {
        return Err(Failure::new(Code::LongerThanAsked).because(format!("{asked} was asked for")));
    }
    if wanted > terms.max_duration {
        return Err(Failure::new(Code::LongerThanPolicy).because(format!("the policy allows {}", terms.max_duration)));
    }
    Ok(wanted)
}

/// Approves a request; with the last approval that it needs, the grant is issued in the same transaction.
///
/// # Errors
/// Every code that DESIGN section 7 gives a reason for.
pub async fn approve(app: &App, actor: &Actor, id: &str, body: Approve) -> Outcome<RequestItem> {
    let mut change = Change::begin(app).await?;
    let found = decidable(&change, actor, id).await?;
    refuse_unapprovable(&change, &found, body.code.as_deref()).await?;
    recheck(&change, &found).await?;
    let length = approved_length(found.body.duration, body.duration, &found.terms)?;
    let narrows = body.command_only && found.body.terms.binds == Binds::Application;
    let decided = Decided { kind: "approved", length: Some(length), command_only: narrows, comment: &body.comment };
    decided.keep(&change, actor, &found.row.id).await?;
    let approvals: Vec<_> =
        super::show::decisions(change.tx(), &found.row.id).await?.into_iter().filter(|(k, _)| k == "approved").map(|(_, d)| d).collect();
    let needed = usize::try_from(found.row.needed).unwrap_or(usize::MAX);
    let said = serde_json::json!({
        "request": id, "digest": found.body.digest, "for": length, "command_only": narrows, "comment": body.comment,
        "approvals": approvals.len(), "needed": needed,
    });
    if approvals.len() < needed {
        let summary = format!("{} approved, {} of {needed}", actor.name, approvals.len());
        record(&change, By::Person(actor), event::about(&change, &found.row, "request.approval_recorded", summary, &said).await?).await?;
    } else {
        let grant = crate::grants::issue::issue(&mut change, &found.body, &found.terms, approvals).await?;
        close(&change, &found.row.id, RequestState::Approved, Some(grant.as_str())).await?;
        let summary = format!("{} approved for {length} what {} asked", actor.name, found.body.user.name);
        let mut event = event::about(&change, &found.row, "request.approved", summary, &said).await?;
        event.grant = Some(grant.clone());
        record(&change, By::Person(actor), event.clone()).await?;
        event.kind = "grant.issued".into();
        event.summary = format!("{} got a grant", found.body.user.name);
        record(&change, By::Server, event).await?;
    }
    finish(change, id).await
}

async fn refuse_unapprovable(change: &Change, found: &Decidable, code: Option<&str>) -> Outcome<()> {
    if !found.row.consistent {
        return Err(Failure::new(Code::Inconsistent).hint("decline it, and look at the computer that sent it"));
    }
    let digest = found.body.digest;
    if found.row.revision > 1 && code.is_none() {
        let why = format!("the request changed after it was first seen (this is revision {})", found.row.revision);
        return Err(Failure::new(Code::WrongState).because(why).hint("look at it again, and give the code that you saw"));
    }
    if code.is_some_and(|seen| seen != digest.short_code() && seen != digest.to_string()) {
        return Err(Failure::new(Code::WrongState).because(format!("the request's code is {}", digest.short_code())));
    }
    let policy = definition::Entity::find_by_id(found.body.policy.id.as_str()).one(change.tx()).await?;
    let enabled = policy.filter(|row| !row.deleted).and_then(|row| serde_json::from_str::<brevet_core::policy::Policy>(&row.content).ok());
    if !enabled.is_some_and(|policy| policy.enabled) {
        return Err(Failure::new(Code::WrongState).because("the policy that let them ask is disabled or deleted"));
    }
    Ok(())
}

/// Declines a request, with a comment for the user.
///
/// # Errors
/// As approving; `invalid` without a comment.
pub async fn decline(app: &App, actor: &Actor, id: &str, body: DeclineBody) -> Outcome<RequestItem> {
    if body.comment.trim().is_empty() {
        return Err(Failure::field("comment", "say why, for the user"));
    }
    let mut change = Change::begin(app).await?;
    let found = decidable(&change, actor, id).await?;
    let decided = Decided { kind: "declined", length: None, command_only: false, comment: &body.comment };
    decided.keep(&change, actor, &found.row.id).await?;
    close(&change, &found.row.id, RequestState::Declined, None).await?;
    let computer = ComputerId::parse(&found.row.computer)?;
    let (app, now) = (change.app.clone(), change.now);
    append(&mut change, &computer, Kind::Decline, id, |place| {
        let decline = Decline {
            schema: SCHEMA,
            computer: computer.clone(),
            epoch: place.epoch,
            seq: place.seq,
            time: now,
            request: found.body.id.clone(),
            request_digest: found.body.digest,
            by: actor.name.clone(),
            comment: body.comment.clone(),
        };
        Ok(seal(&decline, &[&app.keys.issuer])?)
    })
    .await?;
    let said = serde_json::json!({ "request": id, "digest": found.body.digest, "comment": body.comment });
    let summary = format!("{} declined what {} asked: {}", actor.name, found.body.user.name, body.comment);
    record(&change, By::Person(actor), event::about(&change, &found.row, "request.declined", summary, &said).await?).await?;
    finish(change, id).await
}

async fn finish(change: Change, id: &str) -> Outcome<RequestItem> {
    let row = request::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::internal("a request is gone"))?;
    let item = shown(change.tx(), row).await?;
    change.commit().await?;
    Ok(item)
}

/// One conditional update of exactly one row.
async fn close(change: &Change, id: &str, state: RequestState, grant: Option<&str>) -> Outcome<()> {
    let moved = request::Entity::update_many()
        .col_expr(request::Column::State, Expr::value(state_name(state)))
        .col_expr(request::Column::Closed, Expr::value(change.now.millis()))
        .col_expr(request::Column::Grant, Expr::value(grant.map(str::to_owned)))
        .filter(request::Column::Id.eq(id))
        .filter(request::Column::State.eq(state_name(RequestState::Pending)))
        .exec(change.tx())
        .await?;
    if moved.rows_affected == 1 { Ok(()) } else { Err(Failure::new(Code::WrongState).because("somebody was faster")) }
}

/// One person's decision, before it is kept.
pub struct Decided<'a> {
    /// `approved`, `declined` or `extended`.
    pub kind: &'static str,
    /// For how long.
    pub length: Option<Length>,
    /// Narrowed to the exact command.
    pub command_only: bool,
    /// For the user.
    pub comment: &'a str,
}

impl Decided<'_> {
    /// Keeps it; a person approves or declines a request once.
    ///
    /// # Errors
    /// `already_decided`, `invalid` for a comment that is too long.
    pub async fn keep(self, change: &Change, actor: &Actor, request: &str) -> Outcome<()> {
        if self.comment.len() > 4000 {
            return Err(Failure::field("comment", "at most 4000 bytes"));
        }
        let key = match self.kind {
            "extended" => format!("{request}/{}/extended/{}", actor.person, change.now),
            _ => decided(request, actor.person.as_str()),
        };
        if decision::Entity::find_by_id(&key).one(change.tx()).await?.is_some() {
            return Err(Failure::new(Code::AlreadyDecided));
        }
        let row = decision::ActiveModel {
            key: Set(key),
            request: Set(request.into()),
            person: Set(actor.person.to_string()),
            name: Set(actor.name.clone()),
            kind: Set(self.kind.into()),
            time: Set(change.now.millis()),
            comment: Set(self.comment.into()),
            seconds: Set(self.length.map(|length| signed(length.seconds()))),
            command_only: Set(self.command_only),
        };
        decision::Entity::insert(row).exec_without_returning(change.tx()).await?;
        Ok(())
    }
}
