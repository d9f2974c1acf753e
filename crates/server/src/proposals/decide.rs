//! Confirming, rejecting, withdrawing. Who confirms is another person, and could have made the change themself.

use axum::body::{Body, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, header};
use brevet_api::rest::Code;
use brevet_api::rest::proposal::{Close, Confirmed, Proposal, ProposalState};
use brevet_core::id::{PersonId, TokenId};
use sea_orm::EntityTrait as _;
use tower::ServiceExt as _;

use super::layer::Replayed;
use super::run::{Purpose, Run};
use super::store::{close, find, shown, state_name};
use crate::access::{Action, Actor, Reach, Scopes, roles_from_text};
use crate::app::App;
use crate::audit::By;
use crate::http::extract::MAX_BODY;
use crate::http::failure::{Failure, Outcome};
use crate::people::store::same_os_user;
use crate::store::Change;
use crate::store::entities::{person, proposal, token};

/// One that this actor may know, and that is open.
async fn open(app: &App, actor: &Actor, id: &str) -> Outcome<proposal::Model> {
    let row = find(app, actor, id).await?;
    if row.state != state_name(ProposalState::Open) {
        return Err(Failure::new(Code::WrongState).because(format!("the proposal is {}", row.state)));
    }
    Ok(row)
}

/// Whether this actor is a second person to it: another one, also by the OS users that they are and by who made their token, and one
/// who could make the change themself, wherever it holds.
async fn second(app: &App, actor: &Actor, row: &proposal::Model) -> Outcome<()> {
    if actor.person.as_str() == row.person {
        return Err(Failure::new(Code::OwnProposal));
    }
    if !actor.decides {
        return Err(Failure::new(Code::TokenMayNotDecide).hint("make a token with decides = true"));
    }
    // Whoever made a token for somebody else, or was shown it, knows it.
    let pool = &app.store.pool;
    let (of_mine, of_theirs) = (actor.known_by.as_ref().map(PersonId::as_str), row.known_by.as_deref());
    let own_token = "sign in to the console by a link and make a token of your own there";
    if of_mine == Some(row.person.as_str()) {
        return Err(Failure::new(Code::OwnProposal)
            .because("whoever proposed it made this token or sign-in, and so knows it")
            .hint(own_token));
    }
    if of_theirs == Some(actor.person.as_str()) {
        return Err(Failure::new(Code::OwnProposal).because("you made the token or sign-in that proposed it, and so know it"));
    }
    if of_mine.is_some() && of_mine == of_theirs {
        return Err(Failure::new(Code::OwnProposal).because("one person made both tokens or sign-ins, and so knows both").hint(own_token));
    }
    if same_os_user(pool, &row.person, actor.person.as_str()).await? {
        return Err(Failure::new(Code::OwnProposal).because("both are the same OS user"));
    }
    match needed(app, &row.method, &row.path, &row.uri) {
        Some(action) if actor.may(action) && actor.reach(action) == Reach::All => Ok(()),
        _ => Err(Failure::new(Code::Forbidden).because("who confirms could make the change themself, on every computer")),
    }
}

/// The right that a call needs; for a token of somebody else, and for a setting that an owner alone sets, it is an owner's.
pub(super) fn needed(app: &App, method: &str, path: &str, uri: &str) -> Option<Action> {
    let (_, operations) = crate::http::api(app);
    let action = operations.iter().find(|one| one.path == path && one.method.as_str() == method).map(|one| one.action)?;
    let owners = action == Action::OwnTokens || (action == Action::ChangeSettings && crate::settings::is_owners(uri));
    Some(if owners { Action::ChangePersons } else { action })
}

/// The proposer with what they had then, as far as they have it now: their own, and by the token that they used.
async fn proposer(app: &App, row: &proposal::Model) -> Outcome<Actor> {
    let gone = |why: &str| Failure::new(Code::WrongState).because(why);
    let person = person::Entity::find_by_id(&row.person).one(&app.store.pool).await?.filter(|person| person.enabled);
    let person = person.ok_or_else(|| gone("its proposer may not sign in any more"))?;
    let mut decides = true;
    if let Some(token) = &row.token {
        let token = token::Entity::find_by_id(token).one(&app.store.pool).await?.filter(|token| !token.revoked);
        decides = token.ok_or_else(|| gone("the token that proposed it was revoked"))?.decides;
    }
    let own = roles_from_text(&person.roles);
    Ok(Actor {
        person: PersonId::parse(&person.id)?,
        name: person.name,
        roles: roles_from_text(&row.roles).into_iter().filter(|role| own.contains(role)).collect(),
        scopes: Scopes::from_text(&person.scopes)?.narrowed(&Scopes::from_text(&row.scopes)?),
        token: row.token.as_deref().map(TokenId::parse).transpose()?,
        decides,
        known_by: row.known_by.as_deref().map(PersonId::parse).transpose()?,
    })
}

/// Makes the change, if it is still the one that was shown.
///
/// # Errors
/// `own_proposal`, `forbidden`, `wrong_state`, `stale_proposal`, and whatever the call itself says.
pub(super) async fn confirm(app: &App, actor: &Actor, id: &str, body: Close) -> Outcome<Confirmed> {
    check_comment(&body.comment)?;
    let row = open(app, actor, id).await?;
    second(app, actor, &row).await?;
    let proposer = proposer(app, &row).await?;
    let expected = serde_json::from_str(&row.differences)?;
    let purpose = Purpose::Confirm { id: id.into(), expected, by: Box::new(actor.clone()), comment: body.comment };
    let run = Run::new(purpose);
    let mut request = Request::builder().method(row.method.as_str()).uri(&row.uri);
    if !row.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(version) = &row.if_match {
        request = request.header(header::IF_MATCH, version);
    }
    let mut request = request.body(Body::from(row.body)).map_err(Failure::internal)?;
    request.extensions_mut().insert(Replayed(proposer));
    let router = crate::http::api(app).0.layer(DefaultBodyLimit::max(MAX_BODY)).with_state(app.clone());
    let response = run.scope(router.oneshot(request)).await.map_err(Failure::internal)?;
    let (status, found) = (response.status(), run.found());
    let answer = to_bytes(response.into_body(), MAX_BODY).await.map_err(Failure::internal)?;
    if found.late {
        return Err(Failure::new(Code::WrongState).because("somebody closed the proposal first"));
    }
    if !found.done {
        let why = serde_json::from_slice::<brevet_api::rest::Problem>(&answer).ok().filter(|_| !found.stale);
        if why.as_ref().is_some_and(|why| why.status >= 500) || (status.is_server_error() && !found.stale) {
            return Err(Failure::internal("a confirmed call failed"));
        }
        return stale(app, id, why.map(|why| why.detail.unwrap_or(why.title))).await;
    }
    let row = proposal::Entity::find_by_id(id).one(&app.store.pool).await?.ok_or_else(|| Failure::internal("a proposal is gone"))?;
    // It was noted as done before it became durable.
    if row.state != state_name(ProposalState::Confirmed) {
        return Err(Failure::internal("a confirmed change was not kept"));
    }
    Ok(Confirmed { proposal: shown(row)?, answer: serde_json::from_slice(&answer).ok() })
}

/// What it would change has changed since: it is closed, and says so.
async fn stale(app: &App, id: &str, why: Option<String>) -> Outcome<Confirmed> {
    let change = Change::begin(app).await?;
    let why = why.unwrap_or_else(|| "what it would change has changed since it was proposed".into());
    if !close(&change, id, ProposalState::Stale, By::Server, &why).await? {
        return Err(Failure::new(Code::WrongState).because("somebody closed the proposal first"));
    }
    change.commit().await?;
    Err(Failure::new(Code::StaleProposal).because(why).hint("look at what is there now, and propose the change anew"))
}

fn check_comment(comment: &str) -> Outcome<()> {
    if comment.len() > 4000 { Err(Failure::field("comment", "at most 4000 bytes")) } else { Ok(()) }
}

/// Says no.
///
/// # Errors
/// `own_proposal`, `forbidden`, `wrong_state`, `invalid` without a comment.
pub(super) async fn reject(app: &App, actor: &Actor, id: &str, body: Close) -> Outcome<Proposal> {
    check_comment(&body.comment)?;
    if body.comment.trim().is_empty() {
        return Err(Failure::field("comment", "say why, for whoever proposed it"));
    }
    let row = open(app, actor, id).await?;
    second(app, actor, &row).await?;
    end(app, actor, id, ProposalState::Rejected, &body.comment).await
}

/// Takes one's own back.
///
/// # Errors
/// `forbidden` for somebody else's, `wrong_state`.
pub(super) async fn withdraw(app: &App, actor: &Actor, id: &str, body: Close) -> Outcome<Proposal> {
    check_comment(&body.comment)?;
    let row = open(app, actor, id).await?;
    if row.person != actor.person.as_str() {
        return Err(Failure::new(Code::Forbidden).because("only who proposed it takes it back").hint("reject it"));
    }
    end(app, actor, id, ProposalState::Withdrawn, &body.comment).await
}

async fn end(app: &App, actor: &Actor, id: &str, to: ProposalState, comment: &str) -> Outcome<Proposal> {
    let change = Change::begin(app).await?;
    if !close(&change, id, to, By::Person(actor), comment).await? {
        return Err(Failure::new(Code::WrongState).because("somebody closed the proposal first"));
    }
    let row = proposal::Entity::find_by_id(id).one(change.tx()).await?.ok_or_else(|| Failure::internal("a proposal is gone"))?;
    let shown = shown(row)?;
    change.commit().await?;
    Ok(shown)
}
