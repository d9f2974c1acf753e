//! Where notifications go: each target with what can be done about it, and adding one.

use askama::Template;
use axum::Form;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::notification::{NewTarget, Notification, Target, TargetCreated, TargetEnabled, TargetKind};
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

/// What the list can be ordered by.
const ORDERS: &[By] = &[By::text("name", "Name"), By::text("kind", "Way")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    sort: String,
    cursor: String,
}

/// The form as it was filled in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filled {
    name: String,
    kind: String,
    address: String,
    person: String,
    events: String,
}

impl Filled {
    fn body(&self) -> NewTarget {
        let events = self.events.split([',', '\n', ' ']).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        NewTarget {
            name: self.name.trim().to_owned(),
            kind: if self.kind == "webhook" { TargetKind::Webhook } else { TargetKind::Email },
            address: self.address.trim().to_owned(),
            person: Some(self.person.trim().to_owned()).filter(|person| !person.is_empty()),
            events,
        }
    }
}

#[derive(Template)]
#[template(path = "notification/targets.html")]
struct List {
    shell: Shell,
    tabs: Vec<Tab>,
    page: Page<Target>,
    begun: bool,
    name: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
    may_change: bool,
    may_operate: bool,
    form: Filled,
    /// Of adding one.
    why: Option<Failure>,
    /// Of what was done about one.
    failed: Option<Failure>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    listed(&visitor, &chosen, Filled::default(), (None, None)).await
}

async fn listed(visitor: &Visitor, chosen: &Chosen, form: Filled, (why, failed): (Option<Failure>, Option<Failure>)) -> Outcome<Response> {
    let (by, order) = (("name", chosen.name.as_str()), ("sort", chosen.sort.as_str()));
    let (found, unread) = visitor.chosen(&format!("/notification-targets{}", query([by, order, ("cursor", &chosen.cursor)]))).await?;
    let wrong = why.is_some() || failed.is_some();
    let response = page(&List {
        shell: visitor.shell(Place::Settings, "Notification"),
        tabs: tabs(visitor, Section::Notifications),
        page: found,
        begun: !chosen.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new("/settings/notifications", ORDERS, (&chosen.sort, "name"), &[by]),
        name: chosen.name.clone(),
        wrong: unread,
        may_change: visitor.may(Action::ChangeNotifications),
        may_operate: visitor.may(Action::OperateNotifications),
        form,
        why,
        failed,
    })?;
    Ok(if wrong { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Template)]
#[template(path = "notification/secret.html")]
struct Secret {
    shell: Shell,
    tabs: Vec<Tab>,
    name: String,
    secret: String,
}

/// A webhook's secret is shown this once, and kept by no browser.
fn once(visitor: &Visitor, created: TargetCreated) -> Outcome<Response> {
    let Some(secret) = created.secret else {
        return Ok(Redirect::to("/settings/notifications?said=created").into_response());
    };
    let shell = visitor.shell(Place::Settings, "A webhook's secret");
    let mut response = page(&Secret { shell, tabs: tabs(visitor, Section::Notifications), name: created.target.name, secret })?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub(super) async fn add(visitor: Visitor, Form(filled): Form<Filled>) -> Outcome<Response> {
    match visitor.change::<_, TargetCreated>(Method::POST, "/notification-targets", None, &filled.body()).await {
        Ok(Made::Now(created)) => once(&visitor, created),
        Ok(Made::Proposed(_)) => Ok(back("proposed")),
        Err(why) => listed(&visitor, &Chosen::default(), filled, (Some(why.at_form()?), None)).await,
    }
}

fn back(said: &str) -> Response {
    Redirect::to(&format!("/settings/notifications?said={said}")).into_response()
}

async fn done<T>(visitor: &Visitor, made: Outcome<Made<T>>, said: &str) -> Outcome<Response> {
    match made {
        Ok(Made::Now(_)) => Ok(back(said)),
        Ok(Made::Proposed(_)) => Ok(back("proposed")),
        Err(why) => listed(visitor, &Chosen::default(), Filled::default(), (None, Some(why.at_form()?))).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Switch {
    value: bool,
}

fn path(id: &str, rest: &str) -> String {
    format!("/notification-targets/{}{rest}", part(id))
}

pub(super) async fn enabled(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Switch>) -> Outcome<Response> {
    let body = TargetEnabled { enabled: fields.value };
    let made = visitor.change::<_, Target>(Method::PUT, &path(&id, "/enabled"), None, &body).await;
    done(&visitor, made, "changed").await
}

/// Whether it came is in the log, where it is shown as soon as it is known.
pub(super) async fn test(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    match visitor.act::<Notification>(Method::POST, &path(&id, "/test"), None).await {
        Ok(Made::Now(_)) => {
            let of = query([("target", id.as_str()), ("said", "test-sent")]);
            Ok(Redirect::to(&format!("/settings/notifications/log{of}")).into_response())
        }
        made => done(&visitor, made, "changed").await,
    }
}

pub(super) async fn secret(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    match visitor.act::<TargetCreated>(Method::POST, &path(&id, "/secret"), None).await {
        Ok(Made::Now(created)) => once(&visitor, created),
        made => done(&visitor, made, "changed").await,
    }
}

pub(super) async fn delete(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let made = visitor.act::<()>(Method::DELETE, &path(&id, ""), None).await;
    done(&visitor, made, "deleted").await
}
