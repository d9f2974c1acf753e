//! Extending: the same grant in a higher version. It is a new decision, under the same rules as the approval.
//!
//! INVARIANT: all lengths together never exceed what the policy allowed when it was asked.

use brevet_api::rest::Code;
use brevet_api::rest::grant::{Extend, GrantItem};
use brevet_core::document::{Approval, GrantDocument};
use brevet_core::id::GrantId;
use brevet_core::request::Request;
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::issue::send;
use super::{OPEN, shown};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::definitions::write::signed;
use crate::http::failure::{Failure, Outcome};
use crate::requests::decide::{Decided, approvers, may_decide};
use crate::requests::received::terms;
use crate::store::Change;
use crate::store::entities::{computer, grant, request};

/// Gives a grant more time.
///
/// # Errors
/// As approving; `longer_than_policy`; `wrong_state` for what is over or was not approved by a person.
pub async fn extend(app: &App, actor: &Actor, id: &str, body: Extend) -> Outcome<GrantItem> {
    if body.by == Length::ZERO {
        return Err(Failure::field("by", "must be at least 1s"));
    }
    let mut change = Change::begin(app).await?;
    let row = grant::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::not_found("grant", id))?;
    let unseen = || Failure::not_found("grant", id);
    actor.refuse_beyond(change.tx(), (Action::ReadGrants, Action::Decide), &row.computer, unseen).await?;
    let asked = extendable(&change, actor, &row).await?;
    let old: GrantDocument = serde_json::from_str(&row.body)?;
    let terms = terms(change.tx(), &asked).await?;
    if terms.approvals > 1 {
        let why = format!("it needed {} approvals, and one person cannot give it more time", terms.approvals);
        return Err(Failure::new(Code::WrongState).because(why).hint("have it asked for anew"));
    }
    let total = old.duration.seconds().saturating_add(body.by.seconds());
    if total > terms.max_duration.seconds() {
        let why = format!("it would be {} in all, the policy allows {}", Length::from_seconds(total), terms.max_duration);
        return Err(Failure::new(Code::LongerThanPolicy).because(why));
    }
    Decided { kind: "extended", length: Some(body.by), command_only: false, comment: &body.comment }
        .keep(&change, actor, asked.id.as_str())
        .await?;
    let mut document = GrantDocument {
        version: old.version.saturating_add(1),
        time: change.now,
        duration: Length::from_seconds(total),
        not_after: old.not_after.plus(body.by),
        ..old
    };
    document.approvals.push(Approval {
        person: actor.person.clone(),
        name: actor.name.clone(),
        time: change.now,
        comment: body.comment.clone(),
        signature: None,
    });
    replace(&change, &row, &document, body.by).await?;
    send(&mut change, document).await?;
    let said = serde_json::json!({ "grant": id, "by": body.by, "total": Length::from_seconds(total), "comment": body.comment });
    let mut event = NewEvent::new("grant.extended", format!("{} gave {} more by {}", actor.name, row.user, body.by), &said)?;
    event.grant = Some(GrantId::parse(id)?);
    event.request = Some(asked.id);
    event.user = Some(row.user);
    event.policy = Some((asked.policy.id.to_string(), asked.policy.name));
    event.computer = Some((row.computer.clone(), crate::requests::show::computer_ref(change.tx(), &row.computer).await?.name));
    record(&change, By::Person(actor), event).await?;
    let row = grant::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::internal("a grant is gone"))?;
    let item = shown(change.tx(), row).await?;
    change.commit().await?;
    Ok(item)
}

/// The request behind it, when this actor may extend it now.
async fn extendable(change: &Change, actor: &Actor, row: &grant::Model) -> Outcome<Request> {
    if row.origin != "approved" {
        return Err(Failure::new(Code::WrongState).because("only a grant that a person approved can be extended"));
    }
    if !OPEN.contains(&row.state.as_str()) || row.ends <= change.now.millis() {
        return Err(Failure::new(Code::WrongState)
            .because(format!("the grant is {}", if OPEN.contains(&row.state.as_str()) { "over" } else { &row.state })));
    }
    let machine = computer::Entity::find_by_id(&row.computer).one(change.tx()).await?.filter(|c| c.state == "enrolled");
    let machine = machine.ok_or_else(|| Failure::new(Code::ComputerUnavailable).because("the computer is quarantined or removed"))?;
    let id = row.request.as_deref().unwrap_or_default();
    let found = request::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::internal("a grant without its request"))?;
    let asked: Request = serde_json::from_str(&found.body)?;
    let terms = terms(change.tx(), &asked).await?;
    may_decide(change, actor, &asked, &approvers(&found, &terms), &machine).await?;
    Ok(asked)
}

/// One conditional update: still open, and still the version that was seen.
async fn replace(change: &Change, row: &grant::Model, document: &GrantDocument, by: Length) -> Outcome<()> {
    let moved = grant::Entity::update_many()
        .col_expr(grant::Column::Version, Expr::value(signed(document.version)))
        .col_expr(grant::Column::Seconds, Expr::value(signed(document.duration.seconds())))
        .col_expr(grant::Column::Ends, Expr::value(Timestamp::from_millis(row.ends).plus(by).millis()))
        .col_expr(grant::Column::Body, Expr::value(serde_json::to_string(document)?))
        .filter(grant::Column::Id.eq(&row.id))
        .filter(grant::Column::Version.eq(row.version))
        .filter(grant::Column::State.is_in(OPEN))
        .exec(change.tx())
        .await?;
    if moved.rows_affected == 1 { Ok(()) } else { Err(Failure::new(Code::WrongState).because("it changed meanwhile")) }
}
