//! The page that a notification's link opens: one request, read-only.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use brevet_api::rest::Code;
use brevet_api::rest::request::{Decision, RequestItem};
use brevet_core::escape::terminal;
use brevet_core::request::RequestState;
use sea_orm::EntityTrait as _;

use super::page;
use crate::access::Action;
use crate::app::App;
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::identify_cookie;
use crate::requests::{shown, state_name};
use crate::store::entities::request;

#[derive(Template)]
#[template(path = "request.html")]
struct Page {
    name: String,
    it: RequestItem,
    state: &'static str,
    waits: bool,
    directory: String,
    file: String,
    digest: String,
    approvers: String,
    decisions: Vec<String>,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut;

pub(super) async fn show(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Outcome<Response> {
    let actor = match identify_cookie(&app, &headers).await {
        Ok(actor) => actor,
        // Whether there is such a request is not said to strangers.
        Err(failure) if failure.code == Code::Unauthenticated => {
            let mut response = page(&SignedOut)?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            return Ok(response);
        }
        Err(failure) => return Err(failure),
    };
    if !actor.may(Action::ReadRequests) {
        return Err(Failure::new(Code::Forbidden));
    }
    let row = request::Entity::find_by_id(&id).one(&app.store.pool).await?.ok_or_else(|| Failure::not_found("request", &id))?;
    if !actor.reach(Action::ReadRequests).covers(&app.store.pool, &row.computer).await? {
        return Err(Failure::not_found("request", &id));
    }
    let mut it = shown(&app.store.pool, row).await?;
    // The template escapes for HTML; what cannot be seen is made visible here.
    it.reason = terminal(it.reason.as_bytes());
    it.user = terminal(it.user.as_bytes());
    it.target_user = terminal(it.target_user.as_bytes());
    let mut decisions: Vec<String> = it.approvals.iter().map(|one| line("approved", one)).collect();
    decisions.extend(it.declined.iter().map(|one| line("declined", one)));
    page(&Page {
        name: actor.name,
        state: state_name(it.state),
        waits: it.state == RequestState::Pending,
        directory: it.request.command.directory.to_string(),
        file: it.request.command.application.path.to_string(),
        digest: it.request.command.application.sha256.to_string(),
        approvers: it.approvers.join(", "),
        decisions,
        it,
    })
}

fn line(what: &str, one: &Decision) -> String {
    let length = one.duration.map(|length| format!(" for {length}")).unwrap_or_default();
    let comment = if one.comment.is_empty() { String::new() } else { format!(": {}", terminal(one.comment.as_bytes())) };
    format!("{what} by {} at {}{length}{comment}", one.name, one.time)
}
