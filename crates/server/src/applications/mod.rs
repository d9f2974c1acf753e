//! Applications of the fleet: what users ran, asked for or were refused, as facts and counts, within the caller's scope.

pub mod pages;
pub mod seen;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::application::{Application, ApplicationQuery, Seen};
use brevet_api::rest::{Code, Page};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::{Expr, Query as Select, SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, ExprTrait as _, FromQueryResult, QueryFilter as _, QuerySelect as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::documents::sequence::unsigned;
use crate::http::extract::{Json, Path, Query, refuse_unknown};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::entities::application_use::Column as U;
use crate::store::entities::{application, application_use};

/// This feature's routes.
pub fn routes(table: Routes) -> Routes {
    table
        .on(
            Method::GET,
            "/applications",
            Action::ReadEvents,
            doc("What users ran, asked for or were refused")
                .answer::<Application>(200)
                .page(&[])
                .sorted_by(SORTED, "-last")
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

/// What the list can be ordered by.
const SORTED: Names = &["last", "first", "path", "requests", "sessions", "refused", "users", "computers"];

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
    let order = sort::chosen(SORTED, query.sort.as_deref(), "-last")?;
    refuse_unknown::<Seen>("seen", query.seen.as_deref())?;
    let reach = actor.reach(Action::ReadEvents);
    let mut chosen = Condition::all().add(reach.within(U::Computer));
    if let Some(text) = &query.text {
        chosen = chosen.add(U::Application.in_subquery(with_text(text)?));
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
    let grouped = application_use::Entity::find().select_only().filter(chosen.clone()).group_by(U::Application);
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), order, U::Application, |name| Some(by(name)))?.grouped();
    let select = sorting.of(grouped.clone()).column(U::Application).limit(sorting.slice.ask());
    let ids: Vec<String> = select.into_tuple().all(&app.store.pool).await?;
    let found = sorting.cut(&app.store.pool, grouped, ids, Clone::clone).await?;
    // Only what is shown is counted.
    let counted = counted(&app, chosen.add(U::Application.is_in(&found.items))).await?;
    let mut items = shown(&app, counted).await?;
    items.sort_by_cached_key(|item| found.items.iter().position(|id| *id == item.id));
    Ok(Json(Page { items, next: found.next }))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Application>> {
    let chosen = Condition::all().add(actor.reach(Action::ReadEvents).within(U::Computer)).add(U::Application.eq(&id));
    let found = shown(&app, counted(&app, chosen).await?).await?;
    found.into_iter().next().map(Json).ok_or_else(|| Failure::not_found("application", &id))
}

/// What a group of uses is ordered by.
fn by(name: &str) -> Key {
    match sums().into_iter().find(|(sum, _)| *sum == name) {
        Some((_, sum)) => Key::number(sum),
        None => Key::text_of(
            Select::select()
                .column(application::Column::Words)
                .from(application::Entity)
                .and_where(Expr::col(application::Column::Id.as_column_ref()).eq(Expr::col(U::Application.as_column_ref())))
                .take(),
        ),
    }
}

/// Counted, in no order.
async fn counted(app: &App, chosen: Condition) -> Outcome<Vec<Counted>> {
    let mut select = application_use::Entity::find().select_only().column(U::Application).filter(chosen).group_by(U::Application);
    for (name, sum) in sums() {
        select = select.column_as(sum, name);
    }
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
fn with_text(text: &str) -> Outcome<SelectStatement> {
    let has = has_part(application::Column::Words, text)?;
    Ok(Select::select().column(application::Column::Id).from(application::Entity).and_where(has).take())
}
