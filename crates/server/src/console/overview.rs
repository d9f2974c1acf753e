//! What waits, what runs, which computers there are, what happened last. Read-only.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use brevet_api::rest::break_glass::BreakGlass;
use brevet_api::rest::event::Event;
use brevet_api::rest::grant::GrantItem;
use brevet_api::rest::request::RequestItem;
use brevet_core::escape::terminal;
use brevet_core::id::ComputerId;
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::page;
use crate::access::{Action, Actor, role_name};
use crate::app::App;
use crate::audit::{in_reach, shown as event_shown};
use crate::grants::{OPEN, shown as grant_shown};
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::identify_cookie;
use crate::requests::shown as request_shown;
use crate::store::entities::{break_glass, computer, event, grant, request};
use brevet_api::rest::Code;

const MOST: u64 = 50;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    name: String,
    roles: String,
    glass: Vec<BreakGlass>,
    requests: Vec<RequestItem>,
    grants: Vec<GrantItem>,
    computers: Vec<Machine>,
    events: Vec<Event>,
}

struct Machine {
    name: String,
    state: String,
    connected: bool,
    last_contact: Timestamp,
    platform: String,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut;

pub(super) async fn overview(State(app): State<App>, headers: HeaderMap) -> Outcome<Response> {
    let actor = match identify_cookie(&app, &headers).await {
        Ok(actor) => actor,
        Err(failure) if failure.code == Code::Unauthenticated => {
            let mut response = page(&SignedOut)?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return Ok(response);
        }
        Err(failure) => return Err(failure),
    };
    let needed = [Action::ReadRequests, Action::ReadGrants, Action::ReadComputers, Action::ReadEvents, Action::ReadBreakGlass];
    if !needed.into_iter().all(|action| actor.may(action)) {
        return Err(Failure::new(Code::Forbidden));
    }
    let roles: Vec<&str> = actor.roles.iter().map(|role| role_name(*role)).collect();
    page(&Overview {
        roles: roles.join(", "),
        name: actor.name.clone(),
        glass: glass(&app, &actor).await?,
        requests: requests(&app, &actor).await?,
        grants: grants(&app, &actor).await?,
        computers: computers(&app, &actor).await?,
        events: events(&app, &actor).await?,
    })
}

/// Access that was opened without approval, as long as nobody has reviewed it.
async fn glass(app: &App, actor: &Actor) -> Outcome<Vec<BreakGlass>> {
    let rows = break_glass::Entity::find()
        .filter(break_glass::Column::Reviewed.is_null())
        .filter(actor.reach(Action::ReadBreakGlass).within(break_glass::Column::Computer))
        .order_by_desc(break_glass::Column::Id)
        .limit(MOST)
        .all(&app.store.pool)
        .await?;
    let shown = |row: break_glass::Model| {
        let mut item = crate::break_glass::shown(row)?;
        item.reason = terminal(item.reason.as_bytes());
        Ok(item)
    };
    rows.into_iter().map(shown).collect()
}

async fn requests(app: &App, actor: &Actor) -> Outcome<Vec<RequestItem>> {
    let rows = request::Entity::find()
        .filter(request::Column::State.eq("pending"))
        .filter(actor.reach(Action::ReadRequests).within(request::Column::Computer))
        .order_by_desc(request::Column::Id)
        .limit(MOST)
        .all(&app.store.pool)
        .await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let mut item = request_shown(&app.store.pool, row).await?;
        // The template escapes for HTML; what cannot be seen is made visible here.
        item.reason = terminal(item.reason.as_bytes());
        items.push(item);
    }
    Ok(items)
}

async fn grants(app: &App, actor: &Actor) -> Outcome<Vec<GrantItem>> {
    let rows = grant::Entity::find()
        .filter(grant::Column::State.is_in(OPEN))
        .filter(actor.reach(Action::ReadGrants).within(grant::Column::Computer))
        .order_by_desc(grant::Column::Id)
        .limit(MOST)
        .all(&app.store.pool)
        .await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(grant_shown(&app.store.pool, row).await?);
    }
    Ok(items)
}

async fn computers(app: &App, actor: &Actor) -> Outcome<Vec<Machine>> {
    let rows = computer::Entity::find()
        .filter(computer::Column::State.ne("removed"))
        .filter(actor.reach(Action::ReadComputers).within(computer::Column::Id))
        .order_by_asc(computer::Column::NameKey)
        .limit(MOST)
        .all(&app.store.pool)
        .await?;
    let shown = |row: computer::Model| Machine {
        connected: ComputerId::parse(&row.id).is_ok_and(|id| crate::replicas::connected(app, &id, row.stream.as_deref())),
        name: row.name,
        state: row.state,
        last_contact: Timestamp::from_millis(row.last_contact),
        platform: terminal(row.platform.as_bytes()),
    };
    Ok(rows.into_iter().map(shown).collect())
}

async fn events(app: &App, actor: &Actor) -> Outcome<Vec<Event>> {
    let rows = event::Entity::find()
        .filter(in_reach(app, actor, Action::ReadEvents).await?)
        .order_by_desc(event::Column::Seq)
        .limit(MOST)
        .all(&app.store.pool)
        .await?;
    rows.into_iter().map(event_shown).collect()
}
