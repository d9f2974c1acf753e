//! The words of each kind of event: the built-in ones, or others.

use askama::Template;
use axum::Form;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::notification::{NewTemplate, Template as Item};
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

/// What the list can be ordered by.
const ORDERS: &[By] = &[By::text("kind", "Event"), By::moment("changed", "Changed")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "notification/words.html")]
struct List {
    shell: Shell,
    tabs: Vec<Tab>,
    page: Page<Item>,
    begun: bool,
    name: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let (by, order) = (("name", chosen.name.as_str()), ("sort", chosen.sort.as_str()));
    let (found, wrong) = visitor.chosen(&format!("/notification-templates{}", query([by, order, ("cursor", &chosen.cursor)]))).await?;
    let shell = visitor.shell(Place::Settings, "Words of notification");
    page(&List {
        shell,
        tabs: tabs(&visitor, Section::Notifications),
        page: found,
        begun: !chosen.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new("/settings/notifications/words", ORDERS, (&chosen.sort, "kind"), &[by]),
        name: chosen.name.clone(),
        wrong,
    })
}

#[derive(Template)]
#[template(path = "notification/template.html")]
struct Show {
    shell: Shell,
    tabs: Vec<Tab>,
    tag: String,
    it: Item,
    may_change: bool,
    subject: String,
    body: String,
    why: Option<Failure>,
}

fn path(kind: &str) -> String {
    format!("/notification-templates/{}", part(kind))
}

pub(super) async fn show(visitor: Visitor, Path(kind): Path<String>) -> Outcome<Response> {
    shown(&visitor, &kind, None).await
}

async fn shown(visitor: &Visitor, kind: &str, filled: Option<(Fields, Failure)>) -> Outcome<Response> {
    let (tag, it): (String, Item) = visitor.read_tagged(&path(kind)).await?;
    let failed = filled.is_some();
    let (subject, body, why) = match filled {
        Some((fields, why)) => (fields.subject, fields.body, Some(why)),
        None => (it.subject.clone(), it.body.clone(), None),
    };
    let response = page(&Show {
        shell: visitor.shell(Place::Settings, format!("Words for {kind}")),
        tabs: tabs(visitor, Section::Notifications),
        tag,
        may_change: visitor.may(Action::OperateNotifications),
        subject,
        body,
        why,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    tag: String,
}

pub(super) async fn put(visitor: Visitor, Path(kind): Path<String>, Form(fields): Form<Fields>) -> Outcome<Response> {
    // A form sends lines as CR and LF.
    let body = NewTemplate { subject: fields.subject.clone(), body: fields.body.replace("\r\n", "\n") };
    match visitor.change::<_, Item>(Method::PUT, &path(&kind), Some(&fields.tag), &body).await {
        Ok(made) => {
            let said = if matches!(made, Made::Proposed(_)) { "proposed" } else { "changed" };
            Ok(Redirect::to(&format!("/settings/notifications/words/{}?said={said}", part(&kind))).into_response())
        }
        Err(why) => shown(&visitor, &kind, Some((fields, why.at_form()?))).await,
    }
}

pub(super) async fn reset(visitor: Visitor, Path(kind): Path<String>) -> Outcome<Response> {
    visitor.act::<()>(Method::DELETE, &path(&kind), None).await?;
    Ok(Redirect::to(&format!("/settings/notifications/words/{}?said=changed", part(&kind))).into_response())
}
