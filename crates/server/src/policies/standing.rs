//! `GET policy-standing`: on how many computers policies are in force, and on how many they are refused.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::check::{PolicyStanding, StandingQuery};
use brevet_api::rest::{Code, Page};
use brevet_core::policy::Scope;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::write::signed;
use crate::definitions::{Content, Definition, Kind, Sight, Snapshot};
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
    let there: HashSet<(String, String)> = computer::Entity::find()
        .select_only()
        .columns([computer::Column::Id, computer::Column::Name])
        .filter(computer::Column::State.eq("enrolled"))
        .filter(reach.within(computer::Column::Id))
        .into_tuple::<(String, String)>()
        .all(&app.store.pool)
        .await?
        .into_iter()
        .collect();
    let ids: HashSet<&str> = there.iter().map(|(id, _)| id.as_str()).collect();
    let names: HashSet<&str> = there.iter().map(|(_, name)| name.as_str()).collect();
    let mut said = said(&app, &seen, &ids).await?;
    let items = seen.iter().map(|definition| {
        let (applied, refused, because) = said.remove(definition.id.as_str()).unwrap_or_default();
        PolicyStanding { policy: definition.id.clone(), computers: concerned(definition, &names, &all), applied, refused, because }
    });
    Ok(Json(Page { items: items.collect(), next: None }))
}

/// Of these computers, how many a policy is for.
fn concerned(definition: &Definition, names: &HashSet<&str>, all: &Snapshot) -> u64 {
    let Content::Policy(policy) = &definition.content else { return 0 };
    let count = match &policy.computers {
        Scope::All => names.len(),
        Scope::Named(entries) => {
            let members = |entry: &String| match entry.strip_prefix("group:") {
                Some(group) => all.group(group).and_then(|group| group.computers.clone()).unwrap_or_default(),
                None => vec![entry.clone()],
            };
            let meant: HashSet<String> = entries.iter().flat_map(members).filter(|name| names.contains(name.as_str())).collect();
            meant.len()
        }
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}

type Said = BTreeMap<String, (u64, u64, Option<String>)>;

/// What these computers said of the versions that are there now.
async fn said(app: &App, seen: &[&Definition], computers: &HashSet<&str>) -> Outcome<Said> {
    use policy_state::Column as C;
    let versions: BTreeMap<&str, i64> = seen.iter().map(|definition| (definition.id.as_str(), signed(definition.version))).collect();
    let rows = policy_state::Entity::find()
        .select_only()
        .columns([C::Computer, C::Policy, C::Version, C::State, C::Field, C::Reason])
        .filter(C::Policy.is_in(versions.keys().copied()))
        .filter(C::State.ne("sent"))
        .into_tuple::<(String, String, i64, String, Option<String>, Option<String>)>()
        .all(&app.store.pool)
        .await?;
    let mut out = Said::new();
    for (computer, policy, version, state, field, reason) in rows {
        if versions.get(policy.as_str()) != Some(&version) || !computers.contains(computer.as_str()) {
            continue;
        }
        let (applied, refused, because) = out.entry(policy).or_default();
        if state == "refused" {
            *refused = refused.saturating_add(1);
            let why = [field, reason].into_iter().flatten().collect::<Vec<_>>().join(": ");
            because.get_or_insert(why);
        } else {
            *applied = applied.saturating_add(1);
        }
    }
    Ok(out)
}
