//! Reading events: a page at a time with a stable cursor, or one.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Page;
use brevet_api::rest::event::{Actor as EventActor, ActorKind, Event, EventQuery, JournalPlace, Order};
use brevet_core::escape::terminal;
use brevet_core::id::{ComputerId, EventId, GrantId, Incarnation, PersonId, PolicyId, RequestId, SessionId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, Order as Sorted, QueryFilter as _, QueryOrder as _};
use serde_json::value::{RawValue, to_raw_value};

use super::filter::{chosen, in_reach, with_text};
use super::places::{nth, places};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{Shown, Slice, bounded};
use crate::http::routes::{Routes, doc};
use crate::store::entities::event;
use brevet_api::rest::Code;

/// A page of a search for text looks through so many events: what it costs does not grow with the log.
const LOOKED_THROUGH: u64 = 20_000;

/// The columns that users fill.
pub(in crate::audit) const LARGE: [event::Column; 3] = [event::Column::Summary, event::Column::Body, event::Column::Words];

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    super::views::routes(routes)
        .on(
            Method::GET,
            "/events",
            Action::ReadEvents,
            doc("The audit log").answer::<Event>(200).page(&[]).filters::<EventQuery>().without(&["format"]).fails(&[Code::NotFound]),
            list,
        )
        .with(super::counts::routes)
        .with(super::log::routes)
        .on(Method::GET, "/events/{id}", Action::ReadEvents, doc("One event").answer::<Event>(200), one)
        .on(
            Method::GET,
            "/events/export",
            Action::ExportEvents,
            doc("The audit log as CSV or JSON lines, oldest first")
                .filters::<EventQuery>()
                .without(&["limit", "cursor", "order"])
                .streams(&["application/jsonl", "text/csv"])
                .fails(&[Code::NotFound]),
            super::export::export,
        )
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<EventQuery>) -> Outcome<Json<Page<Shown<Event<Box<RawValue>>>>>> {
    let order = query.order.unwrap_or_default();
    let chosen_by = EventQuery { limit: None, cursor: None, order: Some(order), ..query.clone() };
    let slice = Slice::chosen_by(query.limit, query.cursor.as_deref(), &chosen_by)?;
    let mut condition = chosen(&app, &actor, Action::ReadEvents, &query).await?;
    let wrong = |_| Failure::new(Code::Malformed).because("the cursor is not one of ours");
    let after: Option<i64> = slice.after.as_deref().map(str::parse).transpose().map_err(wrong)?;
    let mut looked_until = None;
    if let Some(text) = with_text(&query)? {
        looked_until = nth(&app, &condition, order, after, LOOKED_THROUGH).await?;
        let within = looked_until.map(|seq| match order {
            Order::Newest => event::Column::Seq.gte(seq),
            Order::Oldest => event::Column::Seq.lte(seq),
        });
        condition = condition.add_option(within).add(text);
    }
    let places = places(&app, &condition, order, after, slice.ask()).await?;
    let select = event::Entity::find().filter(event::Column::Seq.is_in(places)).order_by(event::Column::Seq, sorted(order));
    let found = bounded(&app.store.pool, select, slice.limit, &LARGE).await?;
    let mut page = slice.filling(found.more);
    for row in found.rows {
        if !page.add(row.seq.to_string(), &shown(row)?)? {
            break;
        }
    }
    let page = page.page();
    let next = page.next.or_else(|| looked_until.map(|seq| slice.cursor(&seq.to_string())));
    Ok(Json(Page { items: page.items, next }))
}

const fn sorted(order: Order) -> Sorted {
    match order {
        Order::Newest => Sorted::Desc,
        Order::Oldest => Sorted::Asc,
    }
}

async fn one(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Event<Box<RawValue>>>> {
    let reach = in_reach(&app, &actor, Action::ReadEvents).await?;
    let found = event::Entity::find().filter(event::Column::Id.eq(&id)).filter(reach).one(&app.store.pool).await?;
    Ok(Json(shown(found.ok_or_else(|| Failure::not_found("event", &id))?)?))
}

/// A row as the API shows it, its body as the text that is kept.
///
/// # Errors
/// When an id in it is not one.
pub fn shown(row: event::Model) -> Outcome<Event<Box<RawValue>>> {
    let actor_kind = match row.actor_kind.as_str() {
        "person" => ActorKind::Person,
        "computer" => ActorKind::Computer,
        _ => ActorKind::Server,
    };
    let journal = match (&row.incarnation, row.journal_seq) {
        (Some(incarnation), Some(seq)) => {
            Some(JournalPlace { incarnation: Incarnation::parse(incarnation)?, seq: u64::try_from(seq).unwrap_or(0) })
        }
        _ => None,
    };
    Ok(Event {
        id: EventId::parse(&row.id)?,
        seq: u64::try_from(row.seq).unwrap_or(0),
        time: Timestamp::from_millis(row.time),
        recorded: Timestamp::from_millis(row.recorded),
        kind: row.kind,
        actor: EventActor { kind: actor_kind, id: row.actor_id, name: row.actor_name, token: row.token },
        computer: row.computer.as_deref().map(ComputerId::parse).transpose()?,
        computer_name: row.computer_name,
        user: row.user,
        policy: row.policy.as_deref().map(PolicyId::parse).transpose()?,
        policy_name: row.policy_name,
        request: row.request.as_deref().map(RequestId::parse).transpose()?,
        grant: row.grant.as_deref().map(GrantId::parse).transpose()?,
        session: row.session.as_deref().map(SessionId::parse).transpose()?,
        person: row.person.as_deref().map(PersonId::parse).transpose()?,
        outcome: row.outcome,
        summary: if row.redacted.is_some() { "redacted".into() } else { terminal(row.summary.as_bytes()) },
        body: match serde_json::from_str(&row.body) {
            Ok(body) => body,
            Err(_) => to_raw_value(&row.body)?,
        },
        journal,
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}
