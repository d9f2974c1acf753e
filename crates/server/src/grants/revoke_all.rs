//! Revoking every open grant of a user, a computer or a policy: each by itself, so that one that fails holds up no other.

use brevet_api::rest::Code;
use brevet_api::rest::grant::{GrantState, Revoke, RevokeAll, RevokeResult, RevokedAll, RevokedOne};
use brevet_core::id::GrantId;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};

use super::is_open;
use super::revoke::revoke;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::failure::{Failure, Outcome};
use crate::http::page::bounded;
use crate::requests::show::computer_ref;
use crate::store::entities::grant;

const MOST: u32 = 500;
const USUAL: u32 = 100;

/// Revokes up to `limit` of them, oldest first.
///
/// # Errors
/// `invalid` when nothing is named; `not_found` for the computer or the policy.
pub async fn revoke_all(app: &App, actor: &Actor, body: RevokeAll) -> Outcome<RevokedAll> {
    let limit = body.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Failure::field("limit", format!("from 1 to {MOST}")));
    }
    let named = named(app, actor, &body).await?;
    let open = || grant::Entity::find().filter(named.clone());
    let large = [grant::Column::Command, grant::Column::Reason, grant::Column::Detail, grant::Column::Body];
    let rows = bounded(&app.store.pool, open().order_by_asc(grant::Column::Id), u64::from(limit), &large).await?.rows;
    let all = open().count(&app.store.pool).await?;
    let left = all.saturating_sub(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(one(app, actor, row, &body).await?);
    }
    Ok(RevokedAll { dry_run: body.dry_run, items, left })
}

async fn named(app: &App, actor: &Actor, body: &RevokeAll) -> Outcome<Condition> {
    if body.user.is_none() && body.computer.is_none() && body.policy.is_none() {
        return Err(Failure::field("user", "say whose: a user, a computer or a policy, or several of them"));
    }
    let mut named = Condition::all().add(is_open());
    for action in [Action::ReadGrants, Action::Revoke] {
        named = named.add(actor.reach(action).within(grant::Column::Computer));
    }
    if let Some(user) = &body.user {
        named = named.add(grant::Column::User.eq(user));
    }
    if let Some(computer) = &body.computer {
        named = named.add(grant::Column::Computer.eq(actor.reach(Action::ReadGrants).computer(&app.store.pool, computer).await?.id));
    }
    if let Some(policy) = &body.policy {
        let id = crate::requests::policy_id(app, policy).await?;
        // A name that is no policy's would quietly revoke nothing. One that was deleted is named by its id.
        if brevet_core::id::PolicyId::parse(&id).is_err() {
            return Err(Failure::not_found("policy", policy).hint("name a deleted policy by its id"));
        }
        named = named.add(grant::Column::Policy.eq(id));
    }
    Ok(named)
}

async fn one(app: &App, actor: &Actor, row: grant::Model, body: &RevokeAll) -> Outcome<RevokedOne> {
    let (result, because) = if body.dry_run {
        (RevokeResult::WouldRevoke, None)
    } else {
        let how = Revoke { comment: body.comment.clone(), now: body.now };
        match revoke(app, actor, &row.id, how).await {
            Ok(item) if item.state == GrantState::Revoked => (RevokeResult::Revoked, None),
            Ok(_) => (RevokeResult::Over, None),
            // What is wrong with the call is wrong with it for every grant.
            Err(failure) if failure.code == Code::Invalid => return Err(failure),
            Err(failure) => {
                tracing::error!(grant = row.id, ?failure, "one of many grants could not be revoked");
                (RevokeResult::Failed, Some(failure.code.title().to_owned()))
            }
        }
    };
    Ok(RevokedOne {
        id: GrantId::parse(&row.id)?,
        computer: computer_ref(&app.store.pool, &row.computer).await?,
        user: row.user,
        command: row.command,
        result,
        because,
    })
}
