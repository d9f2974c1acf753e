//! Applications of the fleet: what users ran, asked for or were refused, as facts and counts, within the caller's scope.

pub mod pages;
pub mod seen;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::application::{Application, ApplicationQuery, Seen};
use brevet_api::rest::{Code, Page};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::{Expr, LikeExpr, SimpleExpr};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, FromQueryResult, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::documents::sequence::unsigned;
use crate::http::extract::{Json, Path, Query, refuse_unknown};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
use crate::store::entities::application_use::Column as U;
use crate::store::entities::{application, application_use};

/// Longer texts would find nothing either.
const MOST_TEXT: usize = 200;

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table
        .on(
            Method::GET,
            "/applications",
            Action::ReadEvents,
            doc("What users ran, asked for or were refused, last seen first")
                .answer::<Application>(200)
                .page(&[])
                .filters::<ApplicationQuery>()
                .fails(&[Code::NotFound]),
            list,
        )
        .on(Method::GET, "/applications/{id}", Action::ReadEvents, doc("One of them").answer::<Application>(200), show)
}

/// One application, counted.
#[derive(FromQueryResult)]
struct Counted {
    application: String,
    requests: i64,
    sessions: i64,
    refused: i64,
    users: i64,
    computers: i64,
    first: i64,
    last: i64,
}

/// What the sums are, of rows of one application.
fn sums() -> [(&'static str, SimpleExpr); 7] {
    let sum = |column: &str| Expr::cust(format!("CAST(SUM(\"application_use\".\"{column}\") AS BIGINT)"));
    [
        ("requests", sum("requests")),
        ("sessions", sum("sessions")),
        ("refused", sum("refused")),
        ("users", Expr::cust("COUNT(DISTINCT \"application_use\".\"user\")")),
        ("computers", Expr::cust("COUNT(DISTINCT \"application_use\".\"computer\")")),
        ("first", U::First.min()),
        ("last", U::Last.max()),
    ]
}

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<ApplicationQuery>) -> Outcome<Json<Page<Application>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    refuse_unknown::<Seen>("seen", query.seen.as_deref())?;
    let reach = actor.reach(Action::ReadEvents);
    let mut chosen = Condition::all().add(reach.within(U::Computer));
    if let Some(text) = &query.text {
        if text.is_empty() || text.chars().count() > MOST_TEXT {
            return Err(Failure::new(Code::Malformed).because(format!("text must have from 1 to {MOST_TEXT} characters")));
        }
        chosen = chosen.add(U::Application.in_subquery(with_text(text)));
    }
    if let Some(user) = &query.user {
        chosen = chosen.add(U::User.eq(user));
    }
    if let Some(computer) = &query.computer {
        chosen = chosen.add(U::Computer.eq(reach.computer(&app.store.pool, computer).await?.id));
    }
    chosen = match query.seen.as_deref() {
        Some("requests") => chosen.add(U::Requests.gt(0)),
        Some("sessions") => chosen.add(U::Sessions.gt(0)),
        Some("refused") => chosen.add(U::Refused.gt(0)),
        _ => chosen,
    };
    let after = slice.after.as_deref().map(place).transpose()?;
    let found = slice.page(lately(&app, chosen.clone(), after, slice.ask()).await?, |(id, last)| format!("{last:020}/{id}"));
    // Only what is shown is counted.
    let counted = counted(&app, chosen.add(U::Application.is_in(found.items.into_iter().map(|(id, _)| id)))).await?;
    Ok(Json(Page { items: shown(&app, counted).await?, next: found.next }))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Application>> {
    let chosen = Condition::all().add(actor.reach(Action::ReadEvents).within(U::Computer)).add(U::Application.eq(&id));
    let found = shown(&app, counted(&app, chosen).await?).await?;
    found.into_iter().next().map(Json).ok_or_else(|| Failure::not_found("application", &id))
}

/// Where a page ended: when it was last seen, and which it was.
fn place(after: &str) -> Outcome<(i64, String)> {
    let wrong = || Failure::new(Code::Malformed).because("the cursor is not one of ours");
    let (last, id) = after.split_once('/').ok_or_else(wrong)?;
    Ok((last.parse().map_err(|_| wrong())?, id.to_owned()))
}

/// Those that were seen last, each with when.
async fn lately(app: &App, chosen: Condition, after: Option<(i64, String)>, limit: u64) -> Outcome<Vec<(String, i64)>> {
    let mut select = application_use::Entity::find().select_only().column(U::Application).filter(chosen).group_by(U::Application);
    select = select.column_as(U::Last.max(), "last");
    if let Some((last, id)) = after {
        let same = Condition::all().add(U::Last.max().eq(last)).add(U::Application.lt(id));
        select = select.having(Condition::any().add(U::Last.max().lt(last)).add(same));
    }
    let select = select.order_by_desc(U::Last.max()).order_by_desc(U::Application).limit(limit);
    Ok(select.into_tuple().all(&app.store.pool).await?)
}

/// Counted, those that were seen last first.
async fn counted(app: &App, chosen: Condition) -> Outcome<Vec<Counted>> {
    let mut select = application_use::Entity::find().select_only().column(U::Application).filter(chosen).group_by(U::Application);
    for (name, sum) in sums() {
        select = select.column_as(sum, name);
    }
    let select = select.order_by_desc(U::Last.max()).order_by_desc(U::Application);
    Ok(select.into_model().all(&app.store.pool).await?)
}

/// With their facts, in the same order.
async fn shown(app: &App, counted: Vec<Counted>) -> Outcome<Vec<Application>> {
    let ids: Vec<&str> = counted.iter().map(|one| one.application.as_str()).collect();
    let facts = application::Entity::find().filter(application::Column::Id.is_in(ids)).all(&app.store.pool).await?;
    let mut out = Vec::with_capacity(counted.len());
    for one in counted {
        let Some(row) = facts.iter().find(|row| row.id == one.application) else { continue };
        out.push(Application {
            facts: serde_json::from_str(&row.facts)?,
            requests: unsigned(one.requests),
            sessions: unsigned(one.sessions),
            refused: unsigned(one.refused),
            users: unsigned(one.users),
            computers: unsigned(one.computers),
            first: Timestamp::from_millis(one.first),
            last: Timestamp::from_millis(one.last),
            id: one.application,
        });
    }
    Ok(out)
}

/// Ids of those with a text in path, package or vendor.
fn with_text(text: &str) -> sea_orm::sea_query::SelectStatement {
    let literally = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let like = Expr::col(application::Column::Words).like(LikeExpr::new(format!("%{literally}%")).escape('\\'));
    sea_orm::sea_query::Query::select().column(application::Column::Id).from(application::Entity).and_where(like).to_owned()
}
