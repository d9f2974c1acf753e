//! The routes of proposals.

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::proposal::{Close, Confirmed, Proposal, ProposalQuery};
use brevet_api::rest::{Code, Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::decide;
use super::store::{find, sees_all, shown, state_named};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Body, Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::{Shown, bounded};
use crate::http::routes::{Routes, doc};
use crate::http::sort::{self, Key, Names, Sorting};
use crate::store::entities::proposal;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let act = Action::DecideProposals;
    routes
        .on(
            Method::GET,
            "/proposals",
            Action::ReadProposals,
            doc("Changes that wait for a second person, and what became of others")
                .answer::<Proposal>(200)
                .page(&[])
                .sorted_by(SORTED, "-created")
                .filters::<ProposalQuery>(),
            list,
        )
        .on(Method::GET, "/proposals/{id}", Action::ReadProposals, doc("One, with its difference").answer::<Proposal>(200), show)
        .on(
            Method::POST,
            "/proposals/{id}/confirm",
            act,
            doc("Make the change that it shows, as a second person").body::<Close>().answer::<Confirmed>(200).fails(&[
                Code::OwnProposal,
                Code::TokenMayNotDecide,
                Code::WrongState,
                Code::StaleProposal,
            ]),
            confirm,
        )
        .on(
            Method::POST,
            "/proposals/{id}/reject",
            act,
            doc("Say no, as a second person").body::<Close>().answer::<Proposal>(200).fails(&[
                Code::OwnProposal,
                Code::TokenMayNotDecide,
                Code::WrongState,
            ]),
            reject,
        )
        .on(
            Method::POST,
            "/proposals/{id}/withdraw",
            act,
            doc("Take one's own back").body::<Close>().answer::<Proposal>(200).fails(&[Code::WrongState]),
            withdraw,
        )
}

/// What the list can be ordered by.
const SORTED: Names = &["created", "proposer", "state"];

async fn list(State(app): State<App>, actor: Actor, Query(query): Query<ProposalQuery>) -> Outcome<Json<Page<Shown<Proposal>>>> {
    use proposal::Column as C;
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "-created")?;
    let sorting = Sorting::new((query.limit, query.cursor.as_deref()), chosen, C::Id, |name| match name {
        "proposer" => Some(Key::column(C::PersonName)),
        "state" => Some(Key::column(C::State)),
        _ => None,
    })?;
    let mut select = proposal::Entity::find();
    if let Some(state) = &query.state {
        state_named(state).ok_or_else(|| Failure::new(Code::Malformed).because(format!("there is no state {state:?}")))?;
        select = select.filter(proposal::Column::State.eq(state));
    }
    if !sees_all(&actor) {
        select = select.filter(proposal::Column::Person.eq(actor.person.as_str()));
    }
    let found =
        bounded(&app.store.pool, sorting.of(select.clone()), sorting.slice.limit, &[proposal::Column::Body, proposal::Column::Differences])
            .await?;
    let mut page = sorting.slice.filling(found.more);
    for row in found.rows {
        if !page.add(row.id.clone(), &shown(row)?)? {
            break;
        }
    }
    Ok(Json(sorting.page(&app.store.pool, select, page).await?))
}

async fn show(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<Json<Proposal>> {
    shown(find(&app, &actor, &id).await?).map(Json)
}

async fn confirm(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Close>) -> Outcome<Json<Confirmed>> {
    decide::confirm(&app, &actor, &id, body).await.map(Json)
}

async fn reject(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Close>) -> Outcome<Json<Proposal>> {
    decide::reject(&app, &actor, &id, body).await.map(Json)
}

async fn withdraw(State(app): State<App>, actor: Actor, Path(id): Path<String>, Body(body): Body<Close>) -> Outcome<Json<Proposal>> {
    decide::withdraw(&app, &actor, &id, body).await.map(Json)
}
