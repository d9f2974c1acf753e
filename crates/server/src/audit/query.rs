//! Reading events: a page at a time with a stable cursor, or one.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::Page;
use brevet_api::rest::event::{Actor as EventActor, ActorKind, Event, EventQuery, JournalPlace, Order};
use brevet_core::escape::terminal;
use brevet_core::id::{ComputerId, EventId, GrantId, Incarnation, PersonId, PolicyId, RequestId, SessionId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, Order as Sorted, QueryFilter as _, QueryOrder as _};
use serde_json::Value;

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

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<EventQuery>) -> Outcome<Json<Page<Shown<Event>>>> {
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

async fn one(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Event>> {
    let reach = in_reach(&app, &actor, Action::ReadEvents).await?;
    let found = event::Entity::find().filter(event::Column::Id.eq(&id)).filter(reach).one(&app.store.pool).await?;
    Ok(Json(shown(found.ok_or_else(|| Failure::not_found("event", &id))?)?))
}

/// A row as the API shows it.
///
/// # Errors
/// When an id in it is not one.
pub fn shown(row: event::Model) -> Outcome<Event> {
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
        body: body(row.body),
        journal,
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}

/// Whoever reads a page of events must be able to read all of it, and a reader bounds how deep it goes: a body has this much of that.
const MOST_DEPTH: usize = 100;

/// WHY read and written anew: a computer chose this text. As it came, a line break in it would end a line of an export, and what follows
/// would pass for an event of its own; and one body that some reader cannot take would take the whole page from them. A body that is none
/// is shown as text.
fn body(text: String) -> Value {
    match serde_json::from_str(&text) {
        Ok(body) if depth(&body) <= MOST_DEPTH => body,
        _ => Value::String(text),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0).saturating_add(1),
        Value::Object(fields) => fields.values().map(depth).max().unwrap_or(0).saturating_add(1),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_computer_sends_as_a_body_is_one_line_and_can_be_read_on_a_page() {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let others = [
            "{\"a\":1,\n\"b\":[2]}",
            "[1,\n{\"kind\":\"grant.revoked\"}\n,2]",
            "{\"a\":1,\"a\":2}",
            "1e999",
            "\"\\ud800\"",
            "{",
            "",
            "1 2",
        ];
        let texts = others.map(str::to_owned).into_iter().chain([99, 100, 101, 124, 125, 126, 127, 128, 5000].map(deep));
        for text in texts {
            let shown = body(text.clone());
            assert!(shown == text.as_str() || serde_json::from_str::<Value>(&text).is_ok_and(|same| same == shown), "{text}");
            let page = serde_json::to_string(&serde_json::json!({ "items": [{ "body": shown }] })).unwrap();
            assert!(!page.contains(['\n', '\r']), "{text}");
            assert!(serde_json::from_str::<Value>(&page).is_ok(), "{text}");
        }
        assert_eq!(body("{\"a\":1,\n\"b\":[2]}".into()), serde_json::json!({ "a": 1, "b": [2] }));
        assert!(body(deep(MOST_DEPTH)).is_array() && body(deep(MOST_DEPTH + 1)).is_string());
    }
}
