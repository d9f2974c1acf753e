//! Where each policy stands on each computer.

use std::collections::HashMap;

use brevet_api::rest::Page;
use brevet_api::rest::page::NamedQuery;
use brevet_api::rest::policy::{OnComputer, PolicyState};
use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::{Alias, Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, FromQueryResult, JoinType, QueryFilter as _,
    QuerySelect as _,
};

use crate::access::Reach;
use crate::app::App;
use crate::definitions::write::signed;
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::http::filter::has_part;
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::Change;
use crate::store::entities::{computer, policy_state};

/// Notes where a version stands; an older version than the one noted changes nothing.
///
/// # Errors
/// When the database does not take it.
pub async fn note(change: &Change, computer: &str, policy: &str, version: u64, state: &str, refused: Option<(&str, &str)>) -> Outcome<()> {
    let row = row_of(change, computer, (policy, version), state, refused);
    policy_state::Entity::insert(row).on_conflict(unless_newer()).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// Notes that these policies, each in its version, are on their way, unless the computer said something of them already.
///
/// # Errors
/// When the database does not take it.
pub async fn note_sent(change: &Change, computer: &str, sent: &[(&str, u64)]) -> Outcome<()> {
    use policy_state::Column as C;
    let known = policy_state::Entity::find().filter(C::Computer.eq(computer)).all(change.tx()).await?;
    let known: HashMap<&str, u64> = known.iter().map(|row| (row.policy.as_str(), unsigned(row.version))).collect();
    let new: Vec<_> = sent.iter().filter(|(policy, version)| known.get(policy).is_none_or(|known| known < version)).collect();
    // A statement's parameters are bounded.
    for some in new.chunks(1000) {
        let rows = some.iter().map(|(policy, version)| row_of(change, computer, (policy, *version), "sent", None));
        policy_state::Entity::insert_many(rows).on_conflict(unless_newer()).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}

fn row_of(
    change: &Change,
    computer: &str,
    (policy, version): (&str, u64),
    state: &str,
    refused: Option<(&str, &str)>,
) -> policy_state::ActiveModel {
    policy_state::ActiveModel {
        computer: Set(computer.into()),
        policy: Set(policy.into()),
        version: Set(signed(version)),
        state: Set(state.into()),
        field: Set(refused.map(|(field, _)| field.to_owned())),
        reason: Set(refused.map(|(_, reason)| reason.to_owned())),
        since: Set(change.now.millis()),
    }
}

/// A row that is there is replaced, unless it is of a newer version than the one that comes.
fn unless_newer() -> OnConflict {
    use policy_state::Column as C;
    OnConflict::columns([C::Computer, C::Policy])
        .update_columns([C::Version, C::State, C::Field, C::Reason, C::Since])
        .action_and_where(Expr::col((policy_state::Entity, C::Version)).lte(Expr::col((Alias::new("excluded"), C::Version))))
        .to_owned()
}

/// The state of a name.
#[must_use]
pub fn state_named(name: &str) -> PolicyState {
    match name {
        "applied" => PolicyState::Applied,
        "refused" => PolicyState::Refused,
        _ => PolicyState::Sent,
    }
}

/// A row of `policy_state` with its computer's name.
#[derive(FromQueryResult)]
struct Here {
    computer: String,
    name: String,
    state: String,
    version: i64,
    field: Option<String>,
    reason: Option<String>,
    since: i64,
}

/// What the list of where a policy stands can be ordered by.
pub const SORTED: Names = &["name", "state", "version", "since"];

/// Where a policy stands on every computer that ever heard of it and is still there.
///
/// # Errors
/// When the database does not answer.
pub async fn of_policy(app: &App, policy: &str, reach: &Reach, query: &NamedQuery) -> Outcome<Page<OnComputer>> {
    use policy_state::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "name")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Computer, |name| {
        Some(match name {
            "state" => Key::column(C::State),
            "version" => Key::column(C::Version),
            "since" => Key::column(C::Since),
            _ => Key::column(computer::Column::NameKey),
        })
    })?;
    let machine = policy_state::Entity::belongs_to(computer::Entity).from(C::Computer).to(computer::Column::Id).into();
    let part = query.name.as_deref().map(|part| has_part(computer::Column::NameKey, part)).transpose()?;
    let select = policy_state::Entity::find()
        .join(JoinType::InnerJoin, machine)
        .filter(C::Policy.eq(policy))
        .filter(computer::Column::State.ne("removed"))
        .filter(reach.within(C::Computer))
        .filter(Condition::all().add_option(part));
    let rows = sorting
        .of(select.clone())
        .select_only()
        .columns([C::Computer, C::State, C::Version, C::Field, C::Reason, C::Since])
        .columns([computer::Column::Name])
        .limit(sorting.slice.ask())
        .into_model::<Here>()
        .all(&app.store.pool)
        .await?;
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.computer.clone()).await?;
    let shown = |row: Here| -> Outcome<OnComputer> {
        Ok(OnComputer {
            id: ComputerId::parse(&row.computer)?,
            name: row.name,
            state: state_named(&row.state),
            version: unsigned(row.version),
            field: row.field,
            reason: row.reason,
            since: Timestamp::from_millis(row.since),
        })
    };
    Ok(Page { items: page.items.into_iter().map(shown).collect::<Outcome<_>>()?, next: page.next })
}
