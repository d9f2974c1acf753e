//! Where a call that four eyes guards is caught: innermost, after who calls and whether they may is known.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;

use super::run::{Purpose, Run, is_running};
use super::store::{self, Call};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Json, read_body};
use crate::http::failure::{Failure, Outcome};

/// A call that is made again after it was confirmed, by whom it was proposed. It comes from inside alone: nothing that is read from a
/// connection can carry it.
#[derive(Clone)]
pub struct Replayed(pub Actor);

/// Whether four eyes guards what this route does.
#[must_use]
pub(crate) fn guards(method: &Method, path: &str, action: Action) -> bool {
    let changes = *method != Method::GET;
    changes && (matches!(action, Action::ChangePolicy | Action::ChangePersons | Action::ChangeSettings) || path == "/tokens")
}

/// Lets a call through, or makes a proposal of it.
pub async fn layer(State((app, path)): State<(App, &'static str)>, request: Request, next: Next) -> Response {
    match caught(&app, path, request, next).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn caught(app: &App, path: &'static str, request: Request, next: Next) -> Outcome<Response> {
    if is_running() || !crate::settings::four_eyes(&app.store.pool).await? {
        return Ok(next.run(request).await);
    }
    let actor = request.extensions().get::<Actor>().cloned().ok_or_else(|| Failure::new(Code::Unauthenticated))?;
    let (parts, body) = request.into_parts();
    let body = read_body(app, body).await?;
    let call = Call {
        method: parts.method.to_string(),
        uri: parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string),
        path: path.to_owned(),
        if_match: parts.headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let request = Request::from_parts(parts, Body::from(body));
    if is_free(&call, &actor) {
        return Ok(next.run(request).await);
    }
    let run = Run::new(Purpose::Trial);
    let response = run.scope(next.run(request)).await;
    let Some(differences) = run.found().differences.filter(|_| response.status().is_success()) else { return Ok(response) };
    // What is there already is said, and nobody has to confirm it.
    if differences.is_empty() {
        return Ok(response);
    }
    let proposal = store::propose(app, &actor, call, differences).await?;
    Ok((StatusCode::ACCEPTED, Json(proposal)).into_response())
}

/// What one person may go on doing: locking somebody out, and making tokens of their own.
fn is_free(call: &Call, actor: &Actor) -> bool {
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap_or_default();
    match (call.method.as_str(), call.path.as_str()) {
        ("PUT", "/persons/{reference}/enabled") => body.get("enabled") == Some(&serde_json::Value::Bool(false)),
        ("DELETE", "/tokens/{id}" | "/persons/{reference}/sign-ins" | "/persons/{reference}/sign-ins/{id}") => true,
        ("POST", "/tokens") => match body.get("person").and_then(serde_json::Value::as_str) {
            Some(person) => person == actor.person.as_str() || person == actor.name,
            None => true,
        },
        _ => false,
    }
}
