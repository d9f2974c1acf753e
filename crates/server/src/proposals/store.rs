//! Proposals in the database.

use brevet_api::rest::Code;
use brevet_api::rest::person::Role;
use brevet_api::rest::proposal::{Difference, Proposal, ProposalState};
use brevet_core::id::{PersonId, ProposalId};
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QuerySelect as _,
};

use crate::access::{Action, Actor, Reach, role_name, roles_to_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::proposal;

/// The call that was made, as it can be made again.
pub(super) struct Call {
    pub method: String,
    pub uri: String,
    pub path: String,
    pub if_match: Option<String>,
    pub body: String,
}

/// A state as the column holds it.
pub(super) const fn state_name(state: ProposalState) -> &'static str {
    match state {
        ProposalState::Open => "open",
        ProposalState::Confirmed => "confirmed",
        ProposalState::Rejected => "rejected",
        ProposalState::Withdrawn => "withdrawn",
        ProposalState::Stale => "stale",
    }
}

/// And back.
pub(super) fn state_named(name: &str) -> Option<ProposalState> {
    use ProposalState::{Confirmed, Open, Rejected, Stale, Withdrawn};
    [Open, Confirmed, Rejected, Withdrawn, Stale].into_iter().find(|state| state_name(*state) == name)
}

/// Whether somebody knows the proposals of others: what one changes may be about any computer.
pub(super) fn sees_all(actor: &Actor) -> bool {
    actor.reach(Action::ReadProposals) == Reach::All
}

/// One that this actor may know.
///
/// # Errors
/// `not_found`.
pub(super) async fn find(app: &App, actor: &Actor, id: &str) -> Outcome<proposal::Model> {
    let row = proposal::Entity::find_by_id(id).one(&app.store.pool).await?;
    let known = row.filter(|row| sees_all(actor) || row.person == actor.person.as_str());
    known.ok_or_else(|| Failure::not_found("proposal", id))
}

/// As the API shows it.
///
/// # Errors
/// When what is stored cannot be read.
pub(super) fn shown(row: proposal::Model) -> Outcome<Proposal> {
    Ok(Proposal {
        id: ProposalId::parse(&row.id)?,
        state: state_named(&row.state).unwrap_or(ProposalState::Stale),
        summary: row.summary,
        call: format!("{} {}", row.method, row.uri),
        proposer: PersonId::parse(&row.person)?,
        proposer_name: row.person_name,
        created: Timestamp::from_millis(row.created),
        closed: row.closed.map(Timestamp::from_millis),
        closed_by: row.closed_by,
        comment: row.comment,
        differences: serde_json::from_str(&row.differences)?,
    })
}

fn summary(differences: &[Difference]) -> String {
    let mut words: Vec<String> = differences.iter().take(3).map(|one| format!("{} {:?} {}", one.kind, one.name, one.change)).collect();
    if differences.len() > 3 {
        words.push(format!("and {} more", differences.len().saturating_sub(3)));
    }
    words.join(", ")
}

/// One person has at most so many open: more than anybody looks through.
const MOST: u64 = 50;

async fn refuse_too_many(change: &Change, actor: &Actor) -> Outcome<()> {
    let open = proposal::Entity::find().filter(proposal::Column::State.eq(state_name(ProposalState::Open)));
    if open.filter(proposal::Column::Person.eq(actor.person.as_str())).count(change.tx()).await? < MOST {
        return Ok(());
    }
    let said = format!("{MOST} proposals of yours wait for a second person");
    Err(Failure::new(Code::TooMany).because(said).hint("withdraw those that are not needed any more: brevetctl proposal withdraw ID"))
}

/// The ids of those that are open; the rows are large.
async fn open_ids<C: ConnectionTrait>(connection: &C, before: Option<i64>) -> Outcome<Vec<String>> {
    let open = proposal::Entity::find().filter(proposal::Column::State.eq(state_name(ProposalState::Open)));
    let open = match before {
        Some(before) => open.filter(proposal::Column::Created.lte(before)),
        None => open,
    };
    Ok(open.select_only().column(proposal::Column::Id).into_tuple().all(connection).await?)
}

/// Keeps a proposal, with its event.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn propose(app: &App, actor: &Actor, call: Call, differences: Vec<Difference>) -> Outcome<Proposal> {
    let needed = super::decide::needed(app, &call.method, &call.path, &call.uri);
    let roles = [Role::Owner, Role::Administrator].into_iter().filter(|role| needed.is_some_and(|action| action.allowed_to(*role)));
    let roles: Vec<&str> = roles.map(role_name).collect();
    let change = Change::begin(app).await?;
    refuse_too_many(&change, actor).await?;
    let id = clock::id(ProposalId::new, change.now)?;
    let words = summary(&differences);
    let row = proposal::ActiveModel {
        id: Set(id.to_string()),
        state: Set(state_name(ProposalState::Open).into()),
        summary: Set(words.clone()),
        method: Set(call.method),
        uri: Set(call.uri),
        path: Set(call.path),
        if_match: Set(call.if_match),
        body: Set(call.body),
        differences: Set(serde_json::to_string(&differences)?),
        person: Set(actor.person.to_string()),
        person_name: Set(actor.name.clone()),
        roles: Set(roles_to_text(&actor.roles)),
        scopes: Set(actor.scopes.to_text()?),
        token: Set(actor.token.as_ref().map(ToString::to_string)),
        known_by: Set(actor.known_by.as_ref().map(ToString::to_string)),
        created: Set(change.now.millis()),
        closed: Set(None),
        closed_by: Set(None),
        comment: Set(String::new()),
    };
    proposal::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let said = serde_json::json!({ "proposal": id, "differences": differences, "confirmed_by": roles });
    let event = NewEvent::new("proposal.created", format!("{} proposes: {words}", actor.name), &said)?;
    record(&change, By::Person(actor), event).await?;
    let row = proposal::Entity::find_by_id(id.as_str()).one(change.tx()).await?.ok_or_else(|| Failure::internal("a proposal is gone"))?;
    let shown = shown(row)?;
    change.commit().await?;
    Ok(shown)
}

/// Closes it with its event, in the given change, on condition that it is open: false when somebody was faster.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn close(change: &Change, id: &str, to: ProposalState, by: By<'_>, comment: &str) -> Outcome<bool> {
    let who = match by {
        By::Person(actor) => actor.name.clone(),
        By::Computer(..) | By::ComputerItself(..) | By::Server => "server".into(),
    };
    let moved = proposal::Entity::update_many()
        .col_expr(proposal::Column::State, Expr::value(state_name(to)))
        .col_expr(proposal::Column::Closed, Expr::value(change.now.millis()))
        .col_expr(proposal::Column::ClosedBy, Expr::value(who.clone()))
        .col_expr(proposal::Column::Comment, Expr::value(comment))
        .filter(proposal::Column::Id.eq(id))
        .filter(proposal::Column::State.eq(state_name(ProposalState::Open)))
        .exec(change.tx())
        .await?;
    if moved.rows_affected != 1 {
        return Ok(false);
    }
    let row = proposal::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::internal("a proposal is gone"))?;
    let said = serde_json::json!({ "proposal": id, "proposer": row.person, "proposer_name": row.person_name, "comment": comment });
    let summary = format!("{} of {}: {} by {who}", row.summary, row.person_name, state_name(to));
    record(change, by, NewEvent::new(&format!("proposal.{}", state_name(to)), summary, &said)?).await?;
    Ok(true)
}

/// Confirmed by the second person, in the transaction of the change itself.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn confirmed(change: &Change, id: &str, by: &Actor, comment: &str) -> Outcome<bool> {
    close(change, id, ProposalState::Confirmed, By::Person(by), comment).await
}

/// How long one waits.
const WAITS: Length = Length::from_hours(7 * 24);

/// Closes what nobody confirmed in time.
///
/// # Errors
/// When the database does not take it.
pub async fn sweep(app: &App) -> Outcome<()> {
    let before = app.clock.now().minus(WAITS).millis();
    for id in open_ids(&app.store.pool, Some(before)).await? {
        let change = Change::begin(app).await?;
        if close(&change, &id, ProposalState::Stale, By::Server, "nobody confirmed it for a week").await? {
            change.commit().await?;
        }
    }
    Ok(())
}

/// Closes what a restored database holds: it may have been rejected or withdrawn since.
///
/// # Errors
/// When the database does not take it.
pub async fn after_restore(change: &Change) -> Outcome<()> {
    for id in open_ids(change.tx(), None).await? {
        close(change, &id, ProposalState::Stale, By::Server, "the server was put back to a backup").await?;
    }
    Ok(())
}
