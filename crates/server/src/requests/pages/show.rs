//! One request: exactly what would run, by whom it is asked, and what an approver can say to it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::application::Application;
use brevet_api::rest::policy::StoredPolicy;
use brevet_api::rest::request::{Decision, RequestItem};
use brevet_api::rest::{Code, Page};
use brevet_core::policy::{Binds, Starts, Uses};
use brevet_core::request::RequestState;

use super::facts::{Named, of_elevation, of_file};
use crate::access::Action;
use crate::applications::seen;
use crate::console::{Place, Shell, Visitor, filters, page, part, query};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::requests::state_name;

/// So many of the user's other requests are shown.
const RECENT: usize = 8;

/// What somebody filled in, and why it was not taken.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub duration: String,
    pub comment: String,
    pub command_only: bool,
    pub why: Option<Failure>,
}

impl Form {
    /// What is wrong with a field.
    fn at(&self, field: &str) -> Option<String> {
        let why = self.why.as_ref()?;
        let too_long = matches!(why.code, Code::LongerThanAsked | Code::LongerThanPolicy);
        if field == "for" && too_long { Some(why.words()) } else { why.at(field).map(str::to_owned) }
    }
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
    facts: Vec<Named>,
    /// How the fleet knows this very file.
    seen: Option<Application>,
    rights: Vec<Named>,
    terms: String,
    decisions: Vec<(&'static str, Decision)>,
    approvers: String,
    policy: Option<StoredPolicy>,
    recent: Vec<RequestItem>,
    form: Form,
    it: RequestItem,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, Form::default()).await
}

/// The page with what was filled in.
pub(super) async fn shown(visitor: &Visitor, id: &str, form: Form) -> Outcome<Response> {
    let it: RequestItem = visitor.read(&format!("/requests/{}", part(id))).await?;
    let limit = RECENT.saturating_add(1).to_string();
    let (of_user, policy) = (
        format!("/requests{}", query([("user", it.user.as_str()), ("limit", &limit)])),
        format!("/policies/{}", part(it.policy.id.as_str())),
    );
    let application = format!("/applications/{}", seen::id(&it.request.command.application)?);
    let (recent, policy, seen): (Page<RequestItem>, Option<StoredPolicy>, Option<Application>) =
        tokio::try_join!(visitor.read(&of_user), visitor.find(&policy), visitor.find(&application))?;
    let failed = form.why.is_some();
    let response = page(&Show {
        shell: visitor.shell(Place::Requests, format!("Request {}", it.code)),
        state: state_name(it.state),
        waits: it.state == RequestState::Pending,
        may_decide: visitor.may(Action::Decide),
        can_narrow: it.request.terms.binds == Binds::Application,
        arguments: it.request.command.arguments.iter().map(ToString::to_string).collect(),
        facts: of_file(&it.request.command.application),
        seen,
        rights: of_elevation(&it.request.elevation),
        terms: terms(&it),
        decisions: decisions(&it),
        approvers: approvers(&it),
        policy,
        recent: recent.items.into_iter().filter(|other| other.id != it.id).take(RECENT).collect(),
        form,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// Every decision on a request, with what it was.
pub(super) fn decisions(it: &RequestItem) -> Vec<(&'static str, Decision)> {
    let approvals = it.approvals.iter().map(|one| ("approved", one.clone()));
    approvals.chain(it.declined.iter().map(|one| ("declined", one.clone()))).collect()
}

/// Who may decide it, in words.
fn approvers(it: &RequestItem) -> String {
    let words = it.approvers.iter().map(|one| match one.strip_prefix("role:") {
        Some(role) => format!("whoever has the role {role}"),
        None => one.clone(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// What an approval would give, in words.
fn terms(it: &RequestItem) -> String {
    let terms = &it.request.terms;
    let what = match terms.binds {
        Binds::Command => "this command with exactly these arguments",
        Binds::Application => "this application with any arguments",
    };
    let uses = match terms.uses {
        Uses::Once => "once",
        Uses::Many => "as often as they like",
    };
    let from = match terms.starts {
        Starts::FirstUse => format!("from its first use on, which is within {}", terms.use_within),
        Starts::Approval => "from the approval on".into(),
    };
    format!("{what}, {uses}; its time runs {from}")
}
