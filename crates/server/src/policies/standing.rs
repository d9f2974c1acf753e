//! `GET policy-standing`: on how many computers policies are in force, and on how many they are refused.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::check::{PolicyStanding, StandingQuery};
use brevet_api::rest::{Code, Page};
use brevet_core::policy::Scope;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _, QueryTrait as _};

use crate::access::{Action, Actor, Reach};
use crate::app::App;
use crate::definitions::write::signed;
use crate::definitions::{Content, Definition, Kind, Sight, Snapshot};
use crate::documents::sequence::unsigned;
use crate::http::extract::{Json, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::routes::{Routes, doc};
use crate::store::entities::{computer, policy_state};

const MOST: usize = 500;

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table.on(
        Method::GET,
        "/policy-standing",
        Action::ReadComputers,
        doc("On how many computers policies stand, and on how many they are refused")
            .answer::<PolicyStanding>(200)
            .page(&[])
            .filters::<StandingQuery>(),
        standing,
    )
}

async fn standing(State(app): State<App>, actor: Actor, Query(query): Query<StandingQuery>) -> Outcome<Json<Page<PolicyStanding>>> {
    let wanted: HashSet<&str> = query.policies.split(',').filter(|id| !id.is_empty()).collect();
    if wanted.len() > MOST {
        return Err(Failure::new(Code::Malformed).because(format!("at most {MOST} policies at once")));
    }
    let all = Snapshot::load(&app.store.pool).await?;
    let sight = Sight::new(&actor, Action::ReadPolicy, &all);
    let seen = all.0.iter().filter(|definition| definition.content.kind() == Kind::Policy && wanted.contains(definition.id.as_str()));
    let seen: Vec<&Definition> = seen.filter(|definition| sight.sees(definition, &all)).collect();
    let reach = actor.reach(Action::ReadComputers);
    let names: HashSet<String> = computer::Entity::find()
        .select_only()
        .column(computer::Column::Name)
        .filter(computer::Column::State.eq("enrolled"))
        .filter(reach.within(computer::Column::Id))
        .into_tuple::<String>()
        .all(&app.store.pool)
        .await?
        .into_iter()
        .collect();
    let mut said = if seen.is_empty() { Said::new() } else { said(&app, &seen, &reach).await? };
    let items = seen.iter().map(|definition| {
        let (applied, refused, because) = said.remove(definition.id.as_str()).unwrap_or_default();
        PolicyStanding { policy: definition.id.clone(), computers: concerned(definition, &names, &all), applied, refused, because }
    });
    Ok(Json(Page { items: items.collect(), next: None }))
}

/// Of these computers, how many a policy is for.
fn concerned(definition: &Definition, names: &HashSet<String>, all: &Snapshot) -> u64 {
    let Content::Policy(policy) = &definition.content else { return 0 };
    let count = match &policy.computers {
        Scope::All => names.len(),
        Scope::Named(entries) => {
            let members = |entry: &String| match entry.strip_prefix("group:") {
                Some(group) => all.group(group).and_then(|group| group.computers.clone()).unwrap_or_default(),
                None => vec![entry.clone()],
            };
            let meant: HashSet<String> = entries.iter().flat_map(members).filter(|name| names.contains(name)).collect();
            meant.len()
        }
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}

type Said = BTreeMap<String, (u64, u64, Option<String>)>;

/// What enrolled computers within reach said of the versions that are there now, counted by the database.
async fn said(app: &App, seen: &[&Definition], reach: &Reach) -> Outcome<Said> {
    use policy_state::Column as C;
    let now = seen.iter().fold(Condition::any(), |any, definition| {
        any.add(Condition::all().add(C::Policy.eq(&definition.id)).add(C::Version.eq(signed(definition.version))))
    });
    let enrolled = computer::Entity::find()
        .select_only()
        .column(computer::Column::Id)
        .filter(computer::Column::State.eq("enrolled"))
        .filter(reach.within(computer::Column::Id))
        .into_query();
    let of_them = policy_state::Entity::find().filter(now).filter(C::Computer.in_subquery(enrolled));
    let counts: Vec<(String, String, i64)> = of_them
        .clone()
        .select_only()
        .columns([C::Policy, C::State])
        .column_as(C::Computer.count(), "count")
        .filter(C::State.ne("sent"))
        .group_by(C::Policy)
        .group_by(C::State)
        .into_tuple()
        .all(&app.store.pool)
        .await?;
    let mut out = Said::new();
    for (policy, state, count) in counts {
        let refuses = state == "refused";
        let (applied, refused, because) = out.entry(policy.clone()).or_default();
        *(if refuses { refused } else { applied }) = unsigned(count);
        if refuses {
            let one = of_them.clone().filter(C::Policy.eq(policy)).filter(C::State.eq("refused")).one(&app.store.pool).await?;
            *because = one.map(|row| [row.field, row.reason].into_iter().flatten().collect::<Vec<_>>().join(": "));
        }
    }
    Ok(out)
}
