//! Revoking: of approved grants and of those that a broker made itself. Revoking what is over changes nothing and is no error.

use brevet_api::rest::grant::{GrantItem, Revoke};
use brevet_core::document::{Kind, Revocation, SCHEMA, seal};
use brevet_core::id::{ComputerId, GrantId, RequestId};
use brevet_core::request::PolicyRef;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{OPEN, shown};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::documents::sequence::append;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::grant;

/// Ends a grant; its revocation is on its way when this returns.
///
/// # Errors
/// `not_found`, `invalid` for a comment that is too long.
pub async fn revoke(app: &App, actor: &Actor, id: &str, body: Revoke) -> Outcome<GrantItem> {
    if body.comment.len() > 4000 {
        return Err(Failure::field("comment", "at most 4000 bytes"));
    }
    let mut change = Change::begin(app).await?;
    let row = grant::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::not_found("grant", id))?;
    let unseen = || Failure::not_found("grant", id);
    actor.refuse_beyond(change.tx(), (Action::ReadGrants, Action::Revoke), &row.computer, unseen).await?;
    let detail = if body.comment.is_empty() { format!("by {}", actor.name) } else { format!("by {}: {}", actor.name, body.comment) };
    let moved = grant::Entity::update_many()
        .col_expr(grant::Column::State, Expr::value("revoked"))
        .col_expr(grant::Column::Ended, Expr::value(change.now.millis()))
        .col_expr(grant::Column::Detail, Expr::value(detail))
        .filter(grant::Column::Id.eq(id))
        .filter(grant::Column::State.is_in(OPEN))
        .exec(change.tx())
        .await?;
    if moved.rows_affected == 0 {
        return shown(change.tx(), row).await;
    }
    send(&mut change, actor, &row, &body).await?;
    let policy: PolicyRef = serde_json::from_str(&row.policy_ref)?;
    let said = serde_json::json!({ "grant": id, "comment": body.comment, "now": body.now });
    let mut event = NewEvent::new("grant.revoked", format!("{} revoked the grant of {}", actor.name, row.user), &said)?;
    event.grant = Some(GrantId::parse(id)?);
    event.request = row.request.as_deref().map(RequestId::parse).transpose()?;
    event.user = Some(row.user.clone());
    event.policy = Some((policy.id.to_string(), policy.name));
    event.computer = Some((row.computer.clone(), crate::requests::show::computer_ref(change.tx(), &row.computer).await?.name));
    record(&change, By::Person(actor), event).await?;
    let row = grant::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::internal("a grant is gone"))?;
    let item = shown(change.tx(), row).await?;
    change.commit().await?;
    Ok(item)
}

async fn send(change: &mut Change, actor: &Actor, row: &grant::Model, body: &Revoke) -> Outcome<()> {
    let (app, now) = (change.app.clone(), change.now);
    let computer = ComputerId::parse(&row.computer)?;
    let grant = GrantId::parse(&row.id)?;
    append(change, &computer, Kind::Revocation, &row.id, |place| {
        let revocation = Revocation {
            schema: SCHEMA,
            computer: computer.clone(),
            epoch: place.epoch,
            seq: place.seq,
            time: now,
            grant,
            with_grace: !body.now,
            by: actor.name.clone(),
            comment: body.comment.clone(),
        };
        Ok(seal(&revocation, &[&app.keys.issuer])?)
    })
    .await?;
    Ok(())
}
