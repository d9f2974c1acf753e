//! Opening.

use brevet_api::rest::Code;
use brevet_api::rest::break_glass::{BreakGlass, OpenBreakGlass};
use brevet_core::id::{BreakGlassId, PolicyId};
use brevet_core::policy::{Applications, Authentication, Elevation, Mode, Policy, RequestTerms, Scope, Validity, validate};
use brevet_core::time::Length;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde::Serialize;

use super::review::{shown, warned};
use crate::access::reach::groups_of;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::definitions::check::dangling;
use crate::definitions::near::Advice;
use crate::definitions::write::{self, signed};
use crate::definitions::{Content, Snapshot};
use crate::documents::publish::publish;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::{break_glass, computer, person};

/// A night. Whoever needs longer opens it again, and says why again.
const LONGEST: Length = Length::from_hours(8);
/// How far a computer's clock may be behind ours without its missing the beginning.
const BEHIND: Length = Length::from_minutes(5);

/// Opens access: in effect on its computers as soon as they hear of it.
///
/// # Errors
/// `invalid` with every wrong field.
pub(super) async fn open(app: &App, actor: &Actor, body: OpenBreakGlass) -> Outcome<BreakGlass> {
    if body.reason.trim().is_empty() || body.reason.len() > 4000 {
        return Err(Failure::field("reason", "say why, in at most 4000 bytes: somebody will review it"));
    }
    if body.duration == Length::ZERO || body.duration > LONGEST {
        return Err(Failure::field("for", format!("from 1s to {LONGEST}")));
    }
    let mut change = Change::begin(app).await?;
    let id = clock::id(BreakGlassId::new, change.now)?;
    let machine = machine(&change, &body.computer).await?;
    let policy = policy(&change, &id, &machine, &body);
    check(&change, &policy, &body).await?;
    let skipped = skipped(&change, actor, &machine).await?;
    let policy_id = write::create(&change, actor, Content::Policy(Box::new(policy.clone()))).await?;
    publish(&mut change).await?;
    let ends = change.now.plus(body.duration);
    let row = break_glass::ActiveModel {
        id: Set(id.to_string()),
        state: Set("open".into()),
        policy: Set(policy_id.clone()),
        policy_name: Set(policy.name.clone()),
        computer: Set(machine.id.clone()),
        computer_name: Set(machine.name.clone()),
        user: Set(body.user.clone()),
        application: Set(serde_json::to_string(&body.application)?),
        seconds: Set(signed(body.duration.seconds())),
        reason: Set(body.reason.clone()),
        opened_by: Set(actor.person.to_string()),
        opened_by_name: Set(actor.name.clone()),
        opened: Set(change.now.millis()),
        ends: Set(ends.millis()),
        ended: Set(None),
        skipped: Set(serde_json::to_string(&skipped)?),
        reviewed: Set(None),
        reviewed_by: Set(None),
        reviewed_by_name: Set(None),
        review: Set(None),
        known_by: Set(actor.known_by.as_ref().map(ToString::to_string)),
    };
    break_glass::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let said = serde_json::json!({
        "break_glass": id, "policy": policy_id, "computer": machine.name, "user": body.user, "application": body.application,
        "for": body.duration, "ends": ends, "reason": body.reason, "password": body.password, "skipped": skipped,
    });
    let summary = format!(
        "BREAK-GLASS: {} opened access for {} on {} for {}, without approval: {}",
        actor.name, body.user, machine.name, body.duration, body.reason
    );
    let mut event = NewEvent::new("break_glass.opened", summary, &said)?;
    event.computer = Some((machine.id, machine.name));
    event.user = Some(body.user);
    event.policy = Some((PolicyId::parse(&policy_id)?.to_string(), policy.name));
    record(&change, By::Person(actor), event).await?;
    let row = break_glass::Entity::find_by_id(id.as_str()).one(change.tx()).await?;
    let item = shown(row.ok_or_else(|| Failure::internal("a break-glass is gone"))?)?;
    let item = warned(change.tx(), actor, item, change.now).await?;
    change.commit().await?;
    Ok(item)
}

/// Below this a right would end between two heartbeats.
const SHORTEST_STALENESS: Length = Length::from_minutes(5);

fn policy(change: &Change, id: &BreakGlassId, machine: &computer::Model, body: &OpenBreakGlass) -> Policy {
    Policy {
        name: format!("Break-glass {id}"),
        description: "Opened without approval; see brevetctl break-glass show".into(),
        message: String::new(),
        enabled: true,
        computers: Scope::Named(vec![machine.name.clone()]),
        users: Scope::Named(vec![body.user.clone()]),
        mode: Mode::Justify,
        authentication: Some(if body.password { Authentication::Password } else { Authentication::None }),
        remember: None,
        applications: Applications::Rules(vec![body.application.clone()]),
        exceptions: Vec::new(),
        validity: Validity::Window { start: change.now.minus(BEHIND), end: change.now.plus(body.duration) },
        // A heartbeat comes each minute; the window ends it in any case.
        staleness: body.duration.max(SHORTEST_STALENESS),
        elevation: Elevation::default(),
        request: RequestTerms { max_duration: body.duration, ..RequestTerms::default() },
    }
}

/// One computer, that documents reach.
async fn machine(change: &Change, reference: &str) -> Outcome<computer::Model> {
    let wrong = || Failure::field("computer", format!("there is no computer {reference:?} that takes documents: name one, and no group"));
    let found = match crate::computers::find(change.tx(), reference).await {
        Err(failure) if failure.code == Code::NotFound => None,
        other => Some(other?),
    };
    found.filter(|row| row.state == "enrolled").ok_or_else(wrong)
}

/// What is wrong, in the words of the call: one user, by name.
async fn check(change: &Change, policy: &Policy, body: &OpenBreakGlass) -> Outcome<()> {
    let all = Snapshot::load(change.tx()).await?;
    if body.user.contains(':') {
        return Err(Failure::field("user", "is one user, not a group"));
    }
    let said = |field: &str| match field.split('[').next().unwrap_or(field) {
        "computers" => "computer".to_owned(),
        "users" => "user".to_owned(),
        "applications" => field.replacen("applications[0]", "application", 1),
        _ => field.to_owned(),
    };
    let content = Content::Policy(Box::new(policy.clone()));
    let wrong = validate(policy).into_iter().map(|error| (error.field, error.reason));
    let missing = dangling(&content, &all, "", &Advice::default()).into_iter().map(|error| (error.field, error.reason));
    let mut found = wrong.chain(missing).map(|(field, reason)| (said(&field), reason));
    match found.next() {
        Some((field, reason)) => Err(found.fold(Failure::field(field, reason), |failure, (field, reason)| failure.and(field, reason))),
        None => Ok(()),
    }
}

/// Somebody who approves requests of this computer, and was not asked.
#[derive(Serialize)]
struct Skipped {
    person: String,
    name: String,
}

async fn skipped(change: &Change, actor: &Actor, machine: &computer::Model) -> Outcome<Vec<Skipped>> {
    let groups = groups_of(change.tx(), &machine.name).await?;
    let persons = person::Entity::find().filter(person::Column::Enabled.eq(true)).order_by_asc(person::Column::Name);
    let mut all = Vec::new();
    for row in persons.all(change.tx()).await?.into_iter().filter(|row| row.id != actor.person.as_str()) {
        let other = Actor::signed_in(row)?;
        if other.reach(Action::Decide).includes(&groups) {
            all.push(Skipped { person: other.person.to_string(), name: other.name });
        }
    }
    Ok(all)
}
