//! What was sent, what waits and what was given up; and sending again.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::notification::{Notification, NotificationState};
use brevet_api::rest::{Code, Page};
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::Outcome;
use crate::settings::pages::{Section, Tab, tabs};

/// What the log can be ordered by.
const ORDERS: &[By] = &[By::moment("created", "When"), By::text("target", "Target"), By::text("kind", "Event"), By::text("state", "State")];
const STATES: [&str; 4] = ["pending", "sent", "failed", "obsolete"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    target: String,
    state: String,
    kind: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "notification/log.html")]
struct Log {
    shell: Shell,
    tabs: Vec<Tab>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    page: Page<Notification>,
    may_operate: bool,
    why: Option<String>,
}

pub(super) async fn log(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let kept = [("target", chosen.target.as_str()), ("state", &chosen.state), ("kind", &chosen.kind)];
    let asked = query(kept.into_iter().chain([("sort", chosen.sort.as_str()), ("cursor", chosen.cursor.as_str())]));
    let (found, why) = match visitor.read(&format!("/notifications{asked}")).await {
        Ok(found) => (found, None),
        Err(why) if matches!(why.code, Code::Malformed | Code::NotFound) => (Page { items: Vec::new(), next: None }, Some(why.words())),
        Err(why) => return Err(why),
    };
    let failed = why.is_some();
    let response = page(&Log {
        shell: visitor.shell(Place::Settings, "Log of notification"),
        tabs: tabs(&visitor, Section::Notifications),
        sorting: Sorting::new("/settings/notifications/log", ORDERS, (&chosen.sort, "-created"), &kept),
        kept: query(kept.into_iter().chain([("sort", chosen.sort.as_str())])),
        page: found,
        may_operate: visitor.may(Action::OperateNotifications),
        why,
        chosen,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

const fn state_name(state: NotificationState) -> &'static str {
    match state {
        NotificationState::Pending => "pending",
        NotificationState::Sent => "sent",
        NotificationState::Failed => "failed",
        NotificationState::Obsolete => "obsolete",
    }
}

const fn is_open(state: NotificationState) -> bool {
    matches!(state, NotificationState::Pending | NotificationState::Failed)
}

pub(super) async fn retry(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    visitor.act::<Notification>(Method::POST, &format!("/notifications/{}/retry", part(&id)), None).await?;
    Ok(Redirect::to("/settings/notifications/log?said=sent-again").into_response())
}
