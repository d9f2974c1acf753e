//! One proposal: everything that it would change, and what a second person, or who proposed it, can say to it.

use askama::Template;
use axum::Form as Posted;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::proposal::{Close, Confirmed, Difference, Proposal, ProposalState};
use serde::Deserialize;

use super::fields::{Differs, differ};
use crate::access::Action;
use crate::console::{Made, Place, Shell, Visitor, filters, page, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::proposals::store::state_name;

/// What somebody filled in, why it was not taken, and a secret that is shown once.
#[derive(Default)]
struct Said {
    comment: String,
    why: Option<Failure>,
    secret: Option<String>,
}

#[derive(Template)]
#[template(path = "proposals/show.html")]
struct Show {
    shell: Shell,
    state: &'static str,
    may_decide: bool,
    may_withdraw: bool,
    differences: Vec<(Difference, Vec<Differs>)>,
    said: Said,
    it: Proposal,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, Said::default()).await
}

async fn shown(visitor: &Visitor, id: &str, said: Said) -> Outcome<Response> {
    let it: Proposal = visitor.read(&format!("/proposals/{}", part(id))).await?;
    let (failed, secret) = (said.why.is_some(), said.secret.is_some());
    let own = it.proposer == visitor.actor.person;
    let may = it.state == ProposalState::Open && visitor.may(Action::DecideProposals);
    let mut response = page(&Show {
        shell: visitor.shell(Place::Policies, "A change that waits for a second person"),
        state: state_name(it.state),
        may_decide: may && !own,
        may_withdraw: may && own,
        differences: it.differences.iter().map(|one| (one.clone(), differ(one.before.as_ref(), one.after.as_ref()))).collect(),
        said,
        it,
    })?;
    if secret {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    comment: String,
}

fn path(id: &str, act: &str) -> String {
    format!("/proposals/{}/{act}", part(id))
}

pub(super) async fn confirm(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    let body = Close { comment: fields.comment.clone() };
    let made: Outcome<Made<Confirmed>> = visitor.change(Method::POST, &path(&id, "confirm"), None, &body).await;
    // What a confirmed call made may be a secret that nobody is shown again.
    if let Ok(Made::Now(done)) = &made {
        let answer = done.answer.as_ref();
        let secret = ["token", "sign_in", "secret"].iter().find_map(|name| answer?.get(name)?.as_str()).map(str::to_owned);
        if secret.is_some() {
            return shown(&visitor, &id, Said { secret, ..Said::default() }).await;
        }
    }
    after(&visitor, &id, fields, made.map(|_| ()), "confirmed").await
}

pub(super) async fn reject(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    close(&visitor, &id, fields, ("reject", "rejected")).await
}

pub(super) async fn withdraw(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    close(&visitor, &id, fields, ("withdraw", "withdrawn")).await
}

async fn close(visitor: &Visitor, id: &str, fields: Fields, (act, said): (&str, &str)) -> Outcome<Response> {
    let body = Close { comment: fields.comment.clone() };
    let made = visitor.change::<_, Proposal>(Method::POST, &path(id, act), None, &body).await;
    after(visitor, id, fields, made.map(|_| ()), said).await
}

async fn after(visitor: &Visitor, id: &str, fields: Fields, made: Outcome<()>, said: &str) -> Outcome<Response> {
    match made {
        Ok(()) => Ok(Redirect::to(&format!("/proposals/{}?said={said}", part(id))).into_response()),
        Err(why) => shown(visitor, id, Said { comment: fields.comment, why: Some(why.at_form()?), secret: None }).await,
    }
}
