//! What was opened without approval, one of them, its end and its review.

use askama::Template;
use axum::Form as Posted;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::break_glass::{BreakGlass, BreakGlassState, NewReview};
use brevet_api::rest::event::Event;
use brevet_api::rest::grant::GrantItem;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::{Failure, Outcome};

/// What the list can be ordered by.
const ORDERS: &[By] = &[
    By::moment("opened", "Opened"),
    By::text("user", "User"),
    By::text("computer", "Computer"),
    By::text("opener", "Opened by"),
    By::text("state", "State"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    show: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "break_glass/list.html")]
struct List {
    shell: Shell,
    may_open: bool,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    page: Page<BreakGlass>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let by = match chosen.show.as_str() {
        "open" => ("state", "open"),
        "review" => ("reviewed", "false"),
        _ => ("state", ""),
    };
    let found =
        visitor.read(&format!("/break-glass{}", query([by, ("sort", chosen.sort.as_str()), ("cursor", chosen.cursor.as_str())]))).await?;
    let kept = query([("show", chosen.show.as_str()), ("sort", chosen.sort.as_str())]);
    let sorting = Sorting::new("/break-glass", ORDERS, (&chosen.sort, "-opened"), &[("show", &chosen.show)]);
    let may_open = visitor.may(Action::BreakGlass);
    page(&List { shell: visitor.shell(Place::Access, "Break-glass"), may_open, chosen, kept, sorting, page: found })
}

#[derive(Template)]
#[template(path = "break_glass/show.html")]
struct Show {
    shell: Shell,
    open: bool,
    may_end: bool,
    may_review: bool,
    own_review: bool,
    application: String,
    grants: Vec<GrantItem>,
    events: Vec<Event>,
    events_more: String,
    comment: String,
    why: Option<Failure>,
    it: BreakGlass,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, String::new(), None).await
}

async fn shown(visitor: &Visitor, id: &str, comment: String, why: Option<Failure>) -> Outcome<Response> {
    let it: BreakGlass = visitor.read(&format!("/break-glass/{}", part(id))).await?;
    let of_it = |path: &str, limit: &str| format!("{path}{}", query([("policy", it.policy.as_str()), ("limit", limit)]));
    let (grants, events) = (of_it("/grants", "50"), of_it("/events", "50"));
    let (grants, events): (Page<GrantItem>, Page<Event>) = tokio::try_join!(visitor.read(&grants), visitor.read(&events))?;
    let failed = why.is_some();
    let open = it.state == BreakGlassState::Open;
    let response = page(&Show {
        shell: visitor.shell(Place::Access, format!("Break-glass for {} on {}", it.user, it.computer.name)),
        open,
        may_end: open && visitor.may(Action::BreakGlass),
        may_review: !open && it.review.is_none() && visitor.may(Action::ReviewBreakGlass) && it.opened_by != visitor.actor.person,
        // Nobody reviews their own.
        own_review: !open && it.review.is_none() && it.opened_by == visitor.actor.person,
        application: brevet_core::words::application(&it.application),
        grants: grants.items,
        events: events.items,
        events_more: format!("/events{}", query([("policy", it.policy.as_str())])),
        comment,
        why,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    comment: String,
}

pub(super) async fn review(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    let body = NewReview { comment: fields.comment.clone() };
    let made = visitor.change(Method::POST, &format!("/break-glass/{}/review", part(&id)), None, &body).await;
    after(&visitor, &id, fields.comment, made, "reviewed").await
}

pub(super) async fn end(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let made = visitor.act(Method::POST, &format!("/break-glass/{}/end", part(&id)), None).await;
    after(&visitor, &id, String::new(), made, "ended").await
}

async fn after(visitor: &Visitor, id: &str, comment: String, made: Outcome<Made<BreakGlass>>, said: &str) -> Outcome<Response> {
    match made {
        Ok(Made::Now(_)) => Ok(Redirect::to(&format!("/break-glass/{}?said={said}", part(id))).into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to(&format!("/break-glass/{}?said=proposed", part(id))).into_response()),
        Err(why) => shown(visitor, id, comment, Some(why.at_form()?)).await,
    }
}
