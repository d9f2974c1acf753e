//! The routes of sessions.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::session::{SessionItem, SessionQuery, SessionState};
use brevet_api::rest::{Code, Page};
use brevet_core::id::{GrantId, SessionId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Json, Path, Query, refuse_unknown};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{Shown, bounded};
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::requests::policy_id;
use crate::requests::show::Computers;
use crate::store::entities::session;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/sessions",
            Action::ReadSessions,
            doc("Sessions")
                .answer::<SessionItem>(200)
                .page(&[])
                .sorted_by(SORTED, "-started")
                .filters::<SessionQuery>()
                .fails(&[Code::NotFound]),
            list,
        )
        .on(Method::GET, "/sessions/{id}", Action::ReadSessions, doc("One session").answer::<SessionItem>(200), show)
}

/// What the list can be ordered by.
const SORTED: Names = &["started", "user", "computer", "policy", "state", "ends"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<SessionQuery>) -> Outcome<Json<Page<Shown<SessionItem>>>> {
    use session::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-started")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "user" => Some(Key::column(C::User)),
        "computer" => Some(Key::computer(C::Computer)),
        "policy" => Some(Key::policy(C::Policy)),
        "state" => Some(Key::column(C::State)),
        "ends" => Some(Key::column(C::Ends)),
        _ => None,
    })?;
    let pool = &app.store.pool;
    refuse_unknown::<SessionState>("state", query.state.as_deref())?;
    let reach = actor.reach(Action::ReadSessions);
    let mut select = session::Entity::find().filter(reach.within(session::Column::Computer));
    if let Some(name) = &query.computer {
        select = select.filter(session::Column::Computer.eq(reach.computer(pool, name).await?.id));
    }
    if let Some(policy) = &query.policy {
        select = select.filter(session::Column::Policy.eq(policy_id(&app, policy).await?));
    }
    for (column, value) in
        [(session::Column::State, &query.state), (session::Column::User, &query.user), (session::Column::Grant, &query.grant)]
    {
        if let Some(value) = value {
            select = select.filter(column.eq(value));
        }
    }
    let found = bounded(
        pool,
        sorting.of(select.clone()),
        sorting.slice.limit,
        &[session::Column::Command, session::Column::Reason, session::Column::Record],
    )
    .await?;
    let mut page = sorting.slice.filling(found.more);
    let computers = Computers::load(pool, found.rows.iter().map(|row| &row.computer)).await?;
    for row in found.rows {
        if !page.add(row.id.clone(), &shown(row, &computers)?)? {
            break;
        }
    }
    Ok(Json(sorting.page(pool, select, page).await?))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<SessionItem>> {
    let row = session::Entity::find_by_id(&id).one(&app.store.pool).await?.ok_or_else(|| Failure::not_found("session", &id))?;
    if !actor.reach(Action::ReadSessions).covers(&app.store.pool, &row.computer).await? {
        return Err(Failure::not_found("session", &id));
    }
    let computers = Computers::load(&app.store.pool, std::iter::once(&row.computer)).await?;
    let record = Some(serde_json::from_str(&row.record)?);
    Ok(Json(SessionItem { record, ..shown(row, &computers)? }))
}

/// Without the record of its start, which only the page of one shows.
fn shown(row: session::Model, computers: &Computers) -> Outcome<SessionItem> {
    let runs = row.state != "ended";
    let counted = row.processes.and_then(|n| u32::try_from(n).ok()).zip(row.processes_at).filter(|_| runs);
    Ok(SessionItem {
        processes: counted.map(|(count, _)| count),
        processes_at: counted.map(|(_, at)| Timestamp::from_millis(at)),
        id: SessionId::parse(&row.id)?,
        grant: GrantId::parse(&row.grant)?,
        computer: computers.named(&row.computer)?,
        state: if runs { SessionState::Started } else { SessionState::Ended },
        user: row.user,
        target_user: row.target_user,
        command: row.command,
        policy: serde_json::from_str(&row.policy_ref)?,
        reason: row.reason,
        containment: serde_json::from_value(serde_json::Value::String(row.containment))?,
        started: Timestamp::from_millis(row.started),
        ends: Timestamp::from_millis(row.ends),
        ended: row.ended.map(Timestamp::from_millis),
        outcome: row.outcome.as_deref().map(serde_json::from_str).transpose()?,
        processes_ended: row.processes_ended.and_then(|n| u32::try_from(n).ok()),
        record: None,
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}
