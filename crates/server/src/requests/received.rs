//! What a computer's journal says of requests.

use std::collections::{BTreeSet, HashMap};

use brevet_core::id::{GrantId, RequestId};
use brevet_core::policy::RequestTerms;
use brevet_core::request::{Request, RequestState};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use serde::Deserialize;

use super::state_name;
use crate::definitions::write::signed;
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{definition_change, request};

/// What became of a request that a computer told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is new.
    New,
    /// It waits here already and says something else now: its approvals are taken back.
    Changed,
    /// It is here already, is not that computer's to make, or is decided.
    NotTaken,
}

/// A new request, or a changed one.
///
/// # Errors
/// When the database does not take it.
pub async fn created(change: &Change, computer: &str, it: &Request) -> Outcome<Told> {
    if it.computer.as_str() != computer {
        return Ok(Told::NotTaken);
    }
    if let Some(row) = request::Entity::find_by_id(it.id.as_str()).one(change.tx()).await? {
        return changed(change, computer, row, it).await;
    }
    let terms = terms(change.tx(), it).await?;
    let at = |after: Option<Length>| after.map(|after| change.now.plus(after).millis());
    let row = request::ActiveModel {
        id: Set(it.id.to_string()),
        computer: Set(computer.into()),
        state: Set(state_name(RequestState::Pending).into()),
        user: Set(it.user.name.clone()),
        policy: Set(it.policy.id.to_string()),
        created: Set(it.created.millis()),
        lapses: Set(it.lapses.millis()),
        closed: Set(None),
        consistent: Set(it.is_consistent()),
        needed: Set(i64::from(terms.approvals.max(1))),
        grant: Set(None),
        body: Set(serde_json::to_string(it)?),
        revision: Set(1),
        remind_at: Set(at(terms.remind_after)),
        reminded: Set(None),
        escalate_at: Set(at(terms.escalate_after)),
        escalated: Set(None),
        redacted: Set(None),
    };
    request::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(Told::New)
}

/// The same id again. What a person approved was something else: it counts no more, and from now on nobody approves without the code
/// of what they saw.
async fn changed(change: &Change, computer: &str, row: request::Model, it: &Request) -> Outcome<Told> {
    let was: Request = serde_json::from_str(&row.body)?;
    if row.computer != computer || row.state != state_name(RequestState::Pending) || was == *it {
        return Ok(Told::NotTaken);
    }
    let terms = terms(change.tx(), it).await?;
    request::Entity::update_many()
        .col_expr(request::Column::User, Expr::value(it.user.name.clone()))
        .col_expr(request::Column::Policy, Expr::value(it.policy.id.to_string()))
        .col_expr(request::Column::Lapses, Expr::value(it.lapses.millis()))
        .col_expr(request::Column::Consistent, Expr::value(it.is_consistent()))
        .col_expr(request::Column::Needed, Expr::value(i64::from(terms.approvals.max(1))))
        .col_expr(request::Column::Body, Expr::value(serde_json::to_string(it)?))
        .col_expr(request::Column::Revision, Expr::value(row.revision.saturating_add(1)))
        .filter(request::Column::Id.eq(&row.id))
        .filter(request::Column::State.eq(state_name(RequestState::Pending)))
        .exec(change.tx())
        .await?;
    super::reset::all(change, &row, "the request changed").await?;
    Ok(Told::Changed)
}

/// The terms that count for some requests: the server's own of that version of the policy, where it has them, not what the computer
/// says they were.
#[derive(Default)]
pub struct Terms(HashMap<(String, u64), RequestTerms>);

/// A policy may be large: so many are in memory at a time.
const POLICIES: usize = 32;

/// What of a policy is read here.
#[derive(Deserialize)]
struct Asking {
    #[serde(default)]
    request: RequestTerms,
}

impl Terms {
    /// Reads them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load<C: ConnectionTrait>(connection: &C, requests: &[Request]) -> Outcome<Self> {
        use definition_change::Column as V;
        let versions: BTreeSet<(&str, u64)> = requests.iter().map(|it| (it.policy.id.as_str(), it.policy.version)).collect();
        let versions: Vec<(&str, u64)> = versions.into_iter().collect();
        let mut all = Self::default();
        for some in versions.chunks(POLICIES) {
            let version = |(id, version): &(&str, u64)| Condition::all().add(V::Id.eq(*id)).add(V::Version.eq(signed(*version)));
            let any = some.iter().map(version).fold(Condition::any(), Condition::add);
            let found = definition_change::Entity::find().select_only().columns([V::Id, V::Version, V::Content]).filter(any);
            for (id, version, content) in found.into_tuple::<(String, i64, Option<String>)>().all(connection).await? {
                let policy = content.and_then(|text| serde_json::from_str::<Asking>(&text).ok());
                all.0.extend(policy.map(|policy| ((id, unsigned(version)), policy.request)));
            }
        }
        Ok(all)
    }

    /// Those of one of the requests.
    #[must_use]
    pub fn of<'a>(&'a self, it: &'a Request) -> &'a RequestTerms {
        self.0.get(&(it.policy.id.to_string(), it.policy.version)).unwrap_or(&it.terms)
    }
}

/// The terms that count for one request.
///
/// # Errors
/// When the database does not answer.
pub async fn terms<C: ConnectionTrait>(connection: &C, it: &Request) -> Outcome<RequestTerms> {
    Ok(Terms::load(connection, std::slice::from_ref(it)).await?.of(it).clone())
}

/// The request ended on the computer. What a person decided before stays decided.
///
/// # Errors
/// When the database does not take it.
pub async fn closed(change: &Change, computer: &str, id: &RequestId, state: RequestState, time: Timestamp) -> Outcome<bool> {
    let moved = request::Entity::update_many()
        .col_expr(request::Column::State, Expr::value(state_name(state)))
        .col_expr(request::Column::Closed, Expr::value(time.millis()))
        .filter(request::Column::Id.eq(id.as_str()))
        .filter(request::Column::Computer.eq(computer))
        .filter(request::Column::State.eq(state_name(RequestState::Pending)))
        .exec(change.tx())
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Whether it lapsed here already.
///
/// # Errors
/// When the database does not answer.
pub async fn has_lapsed(change: &Change, computer: &str, id: &RequestId) -> Outcome<bool> {
    let row = request::Entity::find_by_id(id.as_str()).one(change.tx()).await?;
    Ok(row.is_some_and(|row| row.computer == computer && row.state == state_name(RequestState::Lapsed)))
}

/// Which grant a rule made for it.
///
/// # Errors
/// When the database does not take it.
pub async fn answered(change: &Change, computer: &str, id: &RequestId, grant: &GrantId) -> Outcome<()> {
    request::Entity::update_many()
        .col_expr(request::Column::Grant, Expr::value(grant.as_str()))
        .filter(request::Column::Id.eq(id.as_str()))
        .filter(request::Column::Computer.eq(computer))
        .filter(request::Column::State.eq(state_name(RequestState::AutoApproved)))
        .exec(change.tx())
        .await?;
    Ok(())
}
