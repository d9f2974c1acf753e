//! Reading events: filters, newest first, with a stable cursor.

use axum::http::Method;
use brevet_api::rest::event::{Actor as EventActor, ActorKind, Event, EventQuery, JournalPlace};
use brevet_api::rest::{Code, Page};
use brevet_core::escape::terminal;
use brevet_core::id::{ComputerId, EventId, GrantId, Incarnation, PersonId, PolicyId, RequestId, SessionId};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::access::{Action, Actor, Reach};
use crate::app::App;
use crate::definitions::{Sight, Snapshot};
use crate::http::extract::{Json, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
use crate::store::entities::{computer, definition, event, person};

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .on(
            Method::GET,
            "/events",
            Action::ReadEvents,
            doc("The audit log, newest first").answer::<Event>(200).page(&[]).filters::<EventQuery>().without(&["format"]),
            list,
        )
        .on(
            Method::GET,
            "/events/export",
            Action::ExportEvents,
            doc("The audit log as CSV or JSON lines, oldest first")
                .filters::<EventQuery>()
                .without(&["limit", "cursor"])
                .streams(&["application/jsonl", "text/csv"]),
            super::export::export,
        )
}

async fn list(
    axum::extract::State(app): axum::extract::State<App>,
    actor: Actor,
    Query(query): Query<EventQuery>,
) -> Outcome<Json<Page<Event>>> {
    if query.format.is_some() {
        return Err(Failure::new(Code::Malformed).because("format is for /events/export"));
    }
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    let mut select = event::Entity::find()
        .filter(condition(&app, &query).await?)
        .filter(in_reach(&app, &actor, Action::ReadEvents).await?)
        .order_by_desc(event::Column::Seq)
        .limit(slice.ask());
    if let Some(after) = &slice.after {
        let seq: i64 = after.parse().map_err(|_| Failure::new(Code::Malformed).because("the cursor is not one of ours"))?;
        select = select.filter(event::Column::Seq.lt(seq));
    }
    let rows = select.all(&app.store.pool).await?;
    let page = slice.page(rows, |row| row.seq.to_string());
    let items = page.items.into_iter().map(shown).collect::<Outcome<Vec<_>>>()?;
    Ok(Json(Page { items, next: page.next }))
}

/// What somebody's roles reach: what happened on a computer of theirs, and to policies that concern one.
///
/// # Errors
/// When the database does not answer.
pub async fn in_reach(app: &App, actor: &Actor, action: Action) -> Outcome<Condition> {
    use event::Column as C;
    let reach = actor.reach(action);
    if reach == Reach::All {
        return Ok(Condition::all());
    }
    let all = Snapshot::load(&app.store.pool).await?;
    let policies = Sight::new(actor, action, &all).policies(&all);
    let of_policy = Condition::all().add(C::Computer.is_null()).add(C::Policy.is_in(policies));
    Ok(Condition::any().add(reach.within(C::Computer)).add(of_policy))
}

/// The filters as a condition.
pub(super) async fn condition(app: &App, query: &EventQuery) -> Outcome<Condition> {
    use event::Column as C;
    let mut all = Condition::all();
    if let Some(kinds) = &query.kind {
        let mut any = Condition::any();
        for kind in kinds.split(',') {
            any = any.add(if kind.ends_with('.') { C::Kind.starts_with(kind) } else { C::Kind.eq(kind) });
        }
        all = all.add(any);
    }
    if let Some(text) = &query.computer {
        let named = computer::Entity::find().filter(computer::Column::NameKey.eq(text)).one(&app.store.pool).await?;
        all = all.add(C::Computer.eq(named.map_or_else(|| text.clone(), |row| row.id)));
    }
    if let Some(text) = &query.policy {
        let key = format!("policy/{text}");
        let named = definition::Entity::find().filter(definition::Column::NameKey.eq(key)).one(&app.store.pool).await?;
        all = all.add(C::Policy.eq(named.map_or_else(|| text.clone(), |row| row.id)).or(C::PolicyName.eq(text)));
    }
    if let Some(text) = &query.person {
        let named = person::Entity::find().filter(person::Column::Name.eq(text)).one(&app.store.pool).await?;
        let id = named.map_or_else(|| text.clone(), |row| row.id);
        all = all.add(C::Person.eq(&id).or(C::ActorId.eq(id)));
    }
    for (column, value) in [(C::User, &query.user), (C::Request, &query.request), (C::Grant, &query.grant), (C::Session, &query.session)] {
        if let Some(value) = value {
            all = all.add(column.eq(value));
        }
    }
    if let Some(from) = query.from {
        all = all.add(C::Time.gte(from.millis()));
    }
    if let Some(to) = query.to {
        all = all.add(C::Time.lt(to.millis()));
    }
    if let Some(text) = &query.text {
        let mut any = Condition::any();
        for column in [C::Summary, C::Body, C::ActorName, C::ComputerName, C::PolicyName] {
            any = any.add(contains(column, text));
        }
        all = all.add(any);
    }
    Ok(all)
}

/// Case-insensitive, and the text means itself: `%` and `_` are no patterns.
fn contains(column: event::Column, text: &str) -> sea_orm::sea_query::SimpleExpr {
    let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let pattern = sea_orm::sea_query::LikeExpr::new(format!("%{escaped}%")).escape('\\');
    sea_orm::sea_query::Func::lower(Expr::col(column)).like(pattern)
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
        summary: terminal(row.summary.as_bytes()),
        body: serde_json::from_str(&row.body).unwrap_or(serde_json::Value::String(row.body)),
        journal,
    })
}
