//! The routes of computers.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use brevet_api::rest::computer::{Because, Computer, ComputerQuery, ComputerState, JournalPage, JournalQuery};
use brevet_api::rest::{Code, Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::{find, journal, quarantine, show, shown};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::By;
use crate::definitions::Sight;
use crate::definitions::current::current;
use crate::http::etag::{self, Match, Tagged};
use crate::http::extract::{Body, Json, Path, Query, refuse_unknown};
use crate::http::failure::{Failure, Outcome};
use crate::http::filter::has_part;
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::Change;
use crate::store::entities::computer;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let one = "/computers/{reference}";
    routes
        .on(
            Method::GET,
            "/computers",
            Action::ReadComputers,
            doc("Computers").answer::<Computer>(200).page(&[]).sorted_by(SORTED, "name").filters::<ComputerQuery>(),
            list,
        )
        .on(Method::GET, one, Action::ReadComputers, doc("One computer, with its policies").answer::<Computer>(200).tagged(), one_computer)
        .on(
            Method::DELETE,
            one,
            Action::ChangeComputers,
            doc("Remove it: it can no longer connect").takes_match().fails(&[Code::WrongState]),
            remove,
        )
        .on(
            Method::POST,
            "/computers/{reference}/quarantine",
            Action::ChangeComputers,
            doc("Take every right away from it")
                .body::<Because>()
                .answer::<Computer>(200)
                .tagged()
                .takes_match()
                .fails(&[Code::WrongState]),
            put,
        )
        .on(
            Method::POST,
            "/computers/{reference}/release",
            Action::ReleaseComputer,
            doc("End its quarantine").body::<Because>().answer::<Computer>(200).tagged().takes_match().fails(&[Code::WrongState]),
            release,
        )
        .on(
            Method::GET,
            "/computers/{reference}/journal",
            Action::ReadJournal,
            doc("Its journal, byte for byte, for verification elsewhere").answer::<JournalPage>(200).filters::<JournalQuery>(),
            journal::page,
        )
}

/// What the list can be ordered by.
const SORTED: Names = &["name", "state", "last_contact", "os", "version"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<ComputerQuery>) -> Outcome<Json<Page<Computer>>> {
    use computer::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "name")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| {
        Some(Key::column(match name {
            "state" => C::State,
            "last_contact" => C::LastContact,
            "os" => C::Os,
            "version" => C::BrokerVersion,
            _ => C::NameKey,
        }))
    })?;
    let all = current(&app).await?;
    let reach = actor.reach(Action::ReadComputers);
    let sight = Sight::new(&actor, Action::ReadComputers, &all);
    let mut select = computer::Entity::find().filter(reach.within(computer::Column::Id));
    refuse_unknown::<ComputerState>("state", query.state.as_deref())?;
    select = match &query.state {
        Some(state) => select.filter(computer::Column::State.eq(state)),
        None => select.filter(computer::Column::State.ne("removed")),
    };
    if let Some(lost) = query.lost {
        select = select.filter(computer::Column::Lost.eq(lost));
    }
    if let Some(part) = &query.name {
        select = select.filter(has_part(computer::Column::NameKey, part)?);
    }
    if let Some(part) = &query.os {
        select = select.filter(has_part(computer::Column::Os, part)?);
    }
    if let Some(beginning) = &query.kernel {
        select = select.filter(computer::Column::Kernel.starts_with(beginning));
    }
    if let Some(beginning) = &query.version {
        select = select.filter(computer::Column::BrokerVersion.starts_with(beginning));
    }
    let rows = sorting.of(select.clone()).limit(sorting.slice.ask()).all(&app.store.pool).await?;
    let page = sorting.cut(&app.store.pool, select, rows, |row| row.id.clone()).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for mut item in shown(&app, &page.items, &all).await? {
        item.groups.retain(|group| sight.has_group(group));
        items.push(item);
    }
    Ok(Json(Page { items, next: page.next }))
}

async fn one_computer(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Tagged<Computer>> {
    tagged(&app, &actor, &reference).await
}

/// What the tag of a computer covers: what a person can change, not what it says of itself.
fn tag(row: &computer::Model) -> Outcome<String> {
    etag::of(&(&row.id, &row.name, &row.state, &row.because))
}

async fn tagged(app: &App, actor: &Actor, reference: &str) -> Outcome<Tagged<Computer>> {
    let row = actor.reach(Action::ReadComputers).computer(&app.store.pool, reference).await?;
    let tag = tag(&row)?;
    Ok(Tagged(tag, whole(app, actor, &row).await?))
}

async fn whole(app: &App, actor: &Actor, row: &computer::Model) -> Outcome<Computer> {
    let all = current(app).await?;
    let found = shown(app, std::slice::from_ref(row), &all).await?;
    let mut computer = found.into_iter().next().ok_or_else(|| Failure::internal("a computer was not shown"))?;
    let sight = Sight::new(actor, Action::ReadComputers, &all);
    computer.groups.retain(|group| sight.has_group(group));
    computer.policies = show::policies(app, row, &all).await?;
    Ok(computer)
}

/// A computer that they see, and may do this to.
async fn acted_on(change: &Change, actor: &Actor, action: Action, reference: &str) -> Outcome<computer::Model> {
    let row = find(change.tx(), reference).await?;
    let unseen = || Failure::not_found("computer", reference);
    actor.refuse_beyond(change.tx(), (Action::ReadComputers, action), &row.id, unseen).await?;
    Ok(row)
}

fn said(body: &Because) -> Outcome<&str> {
    let comment = body.comment.trim();
    if comment.is_empty() || comment.len() > 4000 { Err(Failure::field("comment", "say why, in at most 4000 bytes")) } else { Ok(comment) }
}

async fn put(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    seen: Match,
    Body(body): Body<Because>,
) -> Outcome<Tagged<Computer>> {
    let because = said(&body)?;
    let mut change = Change::begin(&app).await?;
    let row = acted_on(&change, &actor, Action::ChangeComputers, &reference).await?;
    seen.check(&tag(&row)?)?;
    quarantine::put(&mut change, By::Person(&actor), &row, because).await?;
    change.commit().await?;
    tagged(&app, &actor, &row.id).await
}

async fn release(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    seen: Match,
    Body(body): Body<Because>,
) -> Outcome<Tagged<Computer>> {
    let because = said(&body)?;
    let mut change = Change::begin(&app).await?;
    let row = acted_on(&change, &actor, Action::ReleaseComputer, &reference).await?;
    seen.check(&tag(&row)?)?;
    quarantine::release(&mut change, By::Person(&actor), &row, because).await?;
    change.commit().await?;
    tagged(&app, &actor, &row.id).await
}

async fn remove(State(app): State<App>, actor: Actor, Path(reference): Path<String>, seen: Match) -> Outcome<StatusCode> {
    let mut change = Change::begin(&app).await?;
    let row = acted_on(&change, &actor, Action::ChangeComputers, &reference).await?;
    seen.check(&tag(&row)?)?;
    quarantine::remove(&mut change, By::Person(&actor), &row).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
