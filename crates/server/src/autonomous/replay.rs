//! `POST replay`: a rule held against the requests of the last days, by the code that computers decide by. It approves nothing.
//!
//! A request does not say which groups of its computer its user was in: a condition that needs them does not hold here.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::computer::ComputerRef;
use brevet_api::rest::replay::{Replay, ReplaySort, Replayed, ReplayedRequest};
use brevet_core::application::Fact;
use brevet_core::autonomous::{AutonomousRule, Subject, budget_day_start, evaluate};
use brevet_core::escape;
use brevet_core::id::{ComputerId, RequestId};
use brevet_core::request::{Request, RequestState};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::Member;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::definitions::check::alone;
use crate::definitions::current::current;
use crate::definitions::write::errors_or_ok;
use crate::definitions::{Content, Snapshot};
use crate::documents::concern::Concern;
use crate::documents::publish::{Named, named};
use crate::http::extract::{Body, Json};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::{any_has, wanted};
use crate::http::page::bounded;
use crate::http::routes::{Routes, doc};
use crate::requests::state_named;
use crate::store::entities::{computer, request};

/// Most requests that are looked at, and that are read at once.
const MOST: usize = 2000;
const AT_ONCE: u64 = 500;
/// Most that are told; which, their reader may choose.
const MOST_TOLD: usize = 100;
const USUAL_DAYS: u32 = 30;
const MOST_DAYS: u32 = 90;

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table.on(
        Method::POST,
        "/replay",
        Action::ReadRequests,
        doc("Say what an autonomous rule would have done with the requests of the last days").body::<Replay>().answer::<Replayed>(200),
        replay,
    )
}

async fn replay(State(app): State<App>, actor: Actor, Body(body): Body<Replay>) -> Outcome<Json<Replayed>> {
    let days = body.days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Failure::field("days", format!("must be from 1 to {MOST_DAYS}")));
    }
    let text = body.text.as_deref().map(wanted).transpose()?;
    let rule = AutonomousRule { enabled: true, shadow: false, ..body.rule };
    let content = Content::Autonomous(Box::new(rule.clone()));
    errors_or_ok(alone(&content, "rule."))?;
    let all = current(&app).await?;
    let from = app.clock.now().minus(Length::from_hours(u64::from(days).saturating_mul(24)));
    let names = names(&app, &actor, &rule, &all).await?;
    let (found, whole) = requests(&app, &actor, from, &names).await?;
    let inlined = named(&content, &all);
    // Thousands are looked at one by one: not on the threads that answer others.
    let looked = tokio::task::spawn_blocking(move || judged(&rule, &inlined, &found, &names));
    Ok(Json(told(from, whole, looked.await.map_err(Failure::internal)??, text.as_deref(), body.sort)))
}

/// Computers that the rule is for, within reach, by id.
async fn names(app: &App, actor: &Actor, rule: &AutonomousRule, all: &Snapshot) -> Outcome<HashMap<String, String>> {
    let reach = actor.reach(Action::ReadRequests);
    let rows: Vec<(String, String)> = computer::Entity::find()
        .select_only()
        .columns([computer::Column::Id, computer::Column::Name])
        .filter(reach.within(computer::Column::Id))
        .into_tuple()
        .all(&app.store.pool)
        .await?;
    let concern = Concern::new(all);
    Ok(rows.into_iter().filter(|(_, name)| concern.is_named(&rule.computers, name)).collect())
}

type Found = Vec<(RequestState, String, Request)>;

/// Their requests since then, newest first, and whether these are all.
async fn requests(app: &App, actor: &Actor, from: Timestamp, names: &HashMap<String, String>) -> Outcome<(Found, bool)> {
    use request::Column as C;
    let reach = actor.reach(Action::ReadRequests);
    let (mut found, mut before) = (Vec::new(), None::<(i64, String)>);
    loop {
        let mut select = request::Entity::find().filter(reach.within(C::Computer)).filter(C::Created.gte(from.millis()));
        // Redacted, nothing is left to look at.
        select = select.filter(C::Redacted.is_null());
        if let Some((created, id)) = before {
            let same = Condition::all().add(C::Created.eq(created)).add(C::Id.lt(id));
            select = select.filter(Condition::any().add(C::Created.lt(created)).add(same));
        }
        let select = select.order_by_desc(C::Created).order_by_desc(C::Id);
        let page = bounded(&app.store.pool, select, AT_ONCE, &[C::Body]).await?;
        before = page.rows.last().map(|row| (row.created, row.id.clone()));
        for row in page.rows.into_iter().filter(|row| names.contains_key(&row.computer)) {
            if found.len() == MOST {
                return Ok((found, false));
            }
            let state = state_named(&row.state).unwrap_or(RequestState::Lapsed);
            found.push((state, row.computer, serde_json::from_str(&row.body)?));
        }
        if !page.more || before.is_none() {
            return Ok((found, true));
        }
    }
}

/// What the rule says of each, oldest first: its daily budget is used up as it would have been.
fn judged(rule: &AutonomousRule, (lists, groups): &Named, found: &Found, names: &HashMap<String, String>) -> Outcome<Vec<ReplayedRequest>> {
    let mut given: HashMap<(&str, &str, Option<Timestamp>), u32> = HashMap::new();
    let mut out = Vec::with_capacity(found.len());
    for (state, computer, it) in found.iter().rev() {
        let day = budget_day_start(rule, it.created);
        let given = given.entry((it.user.name.as_str(), computer.as_str(), day)).or_default();
        let member = Member { user: it.user.clone(), groups: Fact::Unknown("a request does not say it".into()) };
        let subject = Subject {
            member: &member,
            facts: &it.command.application,
            arguments: it.command.arguments.get(1..).unwrap_or_default(),
            target_user: &it.command.target.name,
            duration: it.duration,
            wall: it.created,
            given_today: if day.is_some() { *given } else { u32::MAX },
        };
        let said = evaluate(rule, lists, groups, subject);
        if said.approves {
            *given = given.saturating_add(1);
        }
        out.push(ReplayedRequest {
            request: RequestId::parse(it.id.as_str())?,
            code: it.digest.short_code(),
            computer: ComputerRef { id: ComputerId::parse(computer)?, name: names.get(computer).cloned().unwrap_or_default() },
            user: it.user.name.clone(),
            command: escape::command(it.command.arguments.iter().map(OsText::as_bytes)),
            duration: it.duration,
            created: it.created,
            state: *state,
            approves: said.approves,
            conditions: said.conditions,
        });
    }
    out.reverse();
    Ok(out)
}

fn told(from: Timestamp, whole: bool, mut looked: Vec<ReplayedRequest>, text: Option<&str>, sort: Option<ReplaySort>) -> Replayed {
    let count =
        |wanted: &dyn Fn(&ReplayedRequest) -> bool| u64::try_from(looked.iter().filter(|one| wanted(one)).count()).unwrap_or(u64::MAX);
    let all = count(&|_| true);
    let approves = count(&|one| one.approves);
    let declined = count(&|one| one.approves && one.state == RequestState::Declined);
    if let Some(text) = text {
        looked.retain(|one| any_has([one.command.as_str(), &one.user, &one.computer.name, &one.code], text));
    }
    // They are the newest first, and stay so among equals.
    match sort {
        None => looked.sort_by_key(|one| !one.approves),
        Some(ReplaySort::Newest) => {}
        Some(ReplaySort::Oldest) => looked.reverse(),
        Some(ReplaySort::User) => looked.sort_by_key(|one| one.user.to_lowercase()),
        Some(ReplaySort::Computer) => looked.sort_by_key(|one| one.computer.name.to_lowercase()),
    }
    looked.truncate(MOST_TOLD);
    Replayed { from, looked: all, whole, approves, declined, items: looked }
}
