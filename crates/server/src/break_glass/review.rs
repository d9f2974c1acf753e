//! The review by another person, once it is over; and how it is shown.

use brevet_api::rest::Code;
use brevet_api::rest::break_glass::{BreakGlass, BreakGlassState, NewReview, Review};
use brevet_api::rest::computer::ComputerRef;
use brevet_api::rest::policy::Mistake;
use brevet_core::id::{BreakGlassId, ComputerId, PersonId, PolicyId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};
use serde::Deserialize;

use crate::access::reach::beyond;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::definitions::mistakes::{Known, Together};
use crate::definitions::{Sight, Snapshot};
use crate::documents::sequence::unsigned;
use crate::http::failure::{Failure, Outcome};
use crate::people::store::same_os_user;
use crate::store::Change;
use crate::store::entities::{break_glass, person, person_os_user};

/// One by its id, if its computer is one that this actor sees.
///
/// # Errors
/// `not_found`.
pub(super) async fn find<C: ConnectionTrait>(connection: &C, actor: &Actor, id: &str) -> Outcome<break_glass::Model> {
    let row = break_glass::Entity::find_by_id(id).one(connection).await?.ok_or_else(|| Failure::not_found("break-glass", id))?;
    let seen = actor.reach(Action::ReadBreakGlass).covers(connection, &row.computer).await?;
    if seen { Ok(row) } else { Err(Failure::not_found("break-glass", id)) }
}

#[derive(Deserialize)]
struct Skipped {
    name: String,
}

/// As the API shows it.
///
/// # Errors
/// When what is stored cannot be read.
pub fn shown(row: break_glass::Model) -> Outcome<BreakGlass> {
    let review = match (row.reviewed, row.reviewed_by, row.reviewed_by_name, row.review) {
        (Some(time), Some(person), Some(name), Some(comment)) => {
            Some(Review { person: PersonId::parse(&person)?, name, time: Timestamp::from_millis(time), comment })
        }
        _ => None,
    };
    Ok(BreakGlass {
        id: BreakGlassId::parse(&row.id)?,
        state: if row.state == "open" { BreakGlassState::Open } else { BreakGlassState::Ended },
        policy: PolicyId::parse(&row.policy)?,
        policy_name: row.policy_name,
        computer: ComputerRef { id: ComputerId::parse(&row.computer)?, name: row.computer_name },
        user: row.user,
        application: serde_json::from_str(&row.application)?,
        duration: Length::from_seconds(unsigned(row.seconds)),
        reason: row.reason,
        opened_by: PersonId::parse(&row.opened_by)?,
        opened_by_name: row.opened_by_name,
        opened: Timestamp::from_millis(row.opened),
        ends: Timestamp::from_millis(row.ends),
        ended: row.ended.map(Timestamp::from_millis),
        skipped: serde_json::from_str::<Vec<Skipped>>(&row.skipped)?.into_iter().map(|one| one.name).collect(),
        warnings: Vec::new(),
        review,
    })
}

/// One, with what in it will perhaps not do what is meant, where it is open.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn warned<C: ConnectionTrait>(connection: &C, actor: &Actor, item: BreakGlass, now: Timestamp) -> Outcome<BreakGlass> {
    if item.state != BreakGlassState::Open {
        return Ok(item);
    }
    let all = Snapshot::load(connection).await?;
    let Some(policy) = all.0.iter().find(|one| one.id == item.policy.as_str()) else { return Ok(item) };
    let known = Known::load(connection, &all).await?;
    let warnings = Together::new(&all, &known, &Sight::new(actor, Action::ReadPolicy, &all)).of(&policy.content, now);
    let field = |field: &str| match field.split('[').next() {
        Some("users") => "user".to_owned(),
        Some("computers") => "computer".to_owned(),
        _ => field.to_owned(),
    };
    Ok(BreakGlass { warnings: warnings.into_iter().map(|one| Mistake { field: field(&one.field), ..one }).collect(), ..item })
}

/// Another person says what they found.
///
/// # Errors
/// `own_review` for whoever opened or used it, `wrong_state` while it is open or when it is reviewed, `invalid` without a comment.
pub(super) async fn review(app: &App, actor: &Actor, id: &str, body: NewReview) -> Outcome<BreakGlass> {
    if body.comment.trim().is_empty() || body.comment.len() > 4000 {
        return Err(Failure::field("comment", "say what you found, in at most 4000 bytes"));
    }
    let change = Change::begin(app).await?;
    let row = find(change.tx(), actor, id).await?;
    if row.state == "open" {
        return Err(Failure::new(Code::WrongState)
            .because("it is still open")
            .hint("end it first: what comes after a review is not reviewed"));
    }
    if !actor.reach(Action::ReviewBreakGlass).covers(change.tx(), &row.computer).await? {
        return Err(beyond());
    }
    refuse_involved(&change, actor, &row).await?;
    let moved = break_glass::Entity::update_many()
        .col_expr(break_glass::Column::Reviewed, Expr::value(change.now.millis()))
        .col_expr(break_glass::Column::ReviewedBy, Expr::value(actor.person.as_str()))
        .col_expr(break_glass::Column::ReviewedByName, Expr::value(actor.name.clone()))
        .col_expr(break_glass::Column::Review, Expr::value(body.comment.clone()))
        .filter(break_glass::Column::Id.eq(id))
        .filter(break_glass::Column::Reviewed.is_null())
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Err(Failure::new(Code::WrongState).because("somebody reviewed it already"));
    }
    let said = serde_json::json!({ "break_glass": id, "opened_by": row.opened_by_name, "comment": body.comment });
    let summary = format!("{} reviewed the break-glass by {}: {}", actor.name, row.opened_by_name, body.comment);
    let mut event = NewEvent::new("break_glass.reviewed", summary, &said)?;
    event.computer = Some((row.computer.clone(), row.computer_name.clone()));
    event.user = Some(row.user.clone());
    event.policy = Some((row.policy.clone(), row.policy_name.clone()));
    record(&change, By::Person(actor), event).await?;
    let item = shown(find(change.tx(), actor, id).await?)?;
    change.commit().await?;
    Ok(item)
}

/// Neither who opened it, nor who it was for, nor somebody who is the same OS user as who opened it, nor somebody of whom that is not
/// known; nor by a token that who opened it made for somebody else, and so knows, nor the other way round.
async fn refuse_involved(change: &Change, actor: &Actor, row: &break_glass::Model) -> Outcome<()> {
    if actor.person.as_str() == row.opened_by {
        return Err(Failure::new(Code::OwnReview));
    }
    if actor.known_by.as_ref().is_some_and(|maker| maker.as_str() == row.opened_by) {
        let why = Failure::new(Code::OwnReview).because("whoever opened it made this token or sign-in, and so knows it");
        return Err(why.hint("sign in to the console by a link and make a token of your own there"));
    }
    if row.known_by.as_deref() == Some(actor.person.as_str()) {
        return Err(Failure::new(Code::OwnReview).because("you made the token that opened it, and so know it"));
    }
    let mine = person_os_user::Entity::find().filter(person_os_user::Column::Person.eq(actor.person.as_str())).all(change.tx()).await?;
    let person = person::Entity::find_by_id(actor.person.as_str()).one(change.tx()).await?;
    if mine.is_empty() && !person.is_some_and(|person| person.no_os_user) {
        return Err(Failure::new(Code::NoOsUserRecorded).hint("an owner links an OS user to this person, or records that they have none"));
    }
    if mine.iter().any(|link| link.user == row.user) {
        return Err(Failure::new(Code::OwnReview).because("it was opened for you"));
    }
    if same_os_user(change.tx(), actor.person.as_str(), &row.opened_by).await? {
        return Err(Failure::new(Code::OwnReview).because("you and whoever opened it are the same OS user"));
    }
    Ok(())
}
