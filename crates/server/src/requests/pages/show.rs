//! One request: exactly what would run, by whom it is asked, and what an approver can say to it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::request::{Decision, RequestItem};
use brevet_core::policy::Binds;
use brevet_core::request::RequestState;

use crate::access::Action;
use crate::console::{Place, Shell, Visitor, filters, page, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::requests::state_name;

/// What somebody filled in, and why it was not taken.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub duration: String,
    pub comment: String,
    pub command_only: bool,
    pub why: Option<Failure>,
}

#[derive(Template)]
#[template(path = "requests/show.html")]
struct Show {
    shell: Shell,
    state: &'static str,
    waits: bool,
    may_decide: bool,
    can_narrow: bool,
    arguments: Vec<String>,
    facts: Vec<(&'static str, String)>,
    decisions: Vec<(&'static str, Decision)>,
    form: Form,
    it: RequestItem,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, Form::default()).await
}

/// The page with what was filled in.
pub(super) async fn shown(visitor: &Visitor, id: &str, form: Form) -> Outcome<Response> {
    let it: RequestItem = visitor.read(&format!("/requests/{}", part(id))).await?;
    let mut decisions: Vec<_> = it.approvals.iter().map(|one| ("approved", one.clone())).collect();
    decisions.extend(it.declined.iter().map(|one| ("declined", one.clone())));
    let failed = form.why.is_some();
    let response = page(&Show {
        shell: visitor.shell(Place::Requests, format!("Request {}", it.code)),
        state: state_name(it.state),
        waits: it.state == RequestState::Pending,
        may_decide: visitor.may(Action::Decide),
        can_narrow: it.request.terms.binds == Binds::Application,
        arguments: it.request.command.arguments.iter().map(ToString::to_string).collect(),
        facts: facts(&it),
        decisions,
        form,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// What is known of the file that would run.
fn facts(it: &RequestItem) -> Vec<(&'static str, String)> {
    let application = &it.request.command.application;
    let mut facts = vec![("File", application.path.to_string()), ("SHA-256", application.sha256.to_string())];
    if let Some(package) = application.package.known().and_then(Option::as_ref) {
        facts.push(("Package", format!("{} {}", package.name, package.version)));
        facts.push(("Vendor, as the package says", package.vendor.clone().unwrap_or_else(|| "none".into())));
        let unchanged = match package.unchanged.known() {
            Some(true) => "yes",
            Some(false) => "NO: it is not what the package installed",
            None => "not known",
        };
        facts.push(("Unchanged since installation", unchanged.into()));
    }
    if let Some(interpreter) = application.interpreter.as_ref() {
        facts.push(("Script, run by", interpreter.path.to_string()));
        facts.push(("The interpreter's SHA-256", interpreter.sha256.to_string()));
    }
    facts
}
