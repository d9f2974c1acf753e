//! Enrolment tokens: listed, made with a line to copy that is shown once, revoked.

use askama::Template;
use axum::Form as Posted;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::computer::{EnrolmentToken, EnrolmentTokenCreated, NewEnrolmentToken};
use brevet_core::time::{Length, Timestamp};
use serde::Deserialize;

use crate::access::Action;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::{Failure, Outcome};

/// What the list can be ordered by.
const ORDERS: &[By] =
    &[By::moment("created", "Made"), By::text("name", "Name"), By::number("used", "Used"), By::moment("expires", "Good until")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct At {
    name: String,
    sort: String,
    cursor: String,
}

/// What the form says.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: String,
    uses: String,
    expires_in: String,
    groups: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self { name: String::new(), uses: "1".into(), expires_in: "1h".into(), groups: String::new() }
    }
}

#[derive(Template)]
#[template(path = "computers/enrolment.html")]
struct List {
    shell: Shell,
    may_change: bool,
    begun: bool,
    by: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
    now: Timestamp,
    page: Page<EnrolmentToken>,
    fields: Fields,
    why: Option<Failure>,
    /// Shown this once.
    made: Option<EnrolmentTokenCreated>,
}

impl List {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        self.why.as_ref()?.at(field)
    }
}

pub(super) async fn list(visitor: Visitor, Query(at): Query<At>) -> Outcome<Response> {
    shown(&visitor, at, Fields::default(), Ok(None)).await
}

async fn shown(visitor: &Visitor, at: At, fields: Fields, made: Outcome<Option<EnrolmentTokenCreated>>) -> Outcome<Response> {
    let (by, order) = (("name", at.name.as_str()), ("sort", at.sort.as_str()));
    let asked = format!("/enrolment-tokens{}", query([by, order, ("cursor", &at.cursor)]));
    let (found, wrong): (Page<EnrolmentToken>, _) = visitor.chosen(&asked).await?;
    let (made, why) = match made {
        Ok(made) => (made, None),
        Err(why) => (None, Some(why.at_form()?)),
    };
    let (failed, secret) = (why.is_some(), made.is_some());
    let mut response = page(&List {
        shell: visitor.shell(Place::Computers, "Enrolment tokens"),
        may_change: visitor.may(Action::ChangeEnrolment),
        begun: !at.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new("/enrolment-tokens", ORDERS, (&at.sort, "-created"), &[by]),
        by: at.name,
        wrong,
        now: visitor.app.clock.now(),
        page: found,
        fields,
        why,
        made,
    })?;
    if secret {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

pub(super) async fn create(visitor: Visitor, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    match make(&visitor, &fields).await {
        Ok(Made::Now(made)) => shown(&visitor, At::default(), Fields::default(), Ok(Some(made))).await,
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/enrolment-tokens?said=proposed").into_response()),
        Err(why) => shown(&visitor, At::default(), fields, Err(at_field(why))).await,
    }
}

async fn make(visitor: &Visitor, fields: &Fields) -> Outcome<Made<EnrolmentTokenCreated>> {
    let uses: u32 = fields.uses.trim().parse().map_err(|_| Failure::field("uses", "how many computers, as a number"))?;
    let expires_in: Length = fields.expires_in.trim().parse().map_err(|why| Failure::field("expires_in", format!("{why}")))?;
    let groups = fields.groups.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let body = NewEnrolmentToken { name: fields.name.clone(), uses, expires_in: Some(expires_in), groups };
    visitor.change(Method::POST, "/enrolment-tokens", None, &body).await
}

/// The form has one field for all groups.
fn at_field(why: Failure) -> Failure {
    let group = (0..100).find_map(|place| why.at(&format!("groups[{place}]")).map(str::to_owned));
    match group {
        Some(reason) => Failure::field("groups", reason),
        None => why,
    }
}

pub(super) async fn revoke(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    match visitor.act::<()>(Method::DELETE, &format!("/enrolment-tokens/{}", part(&id)), None).await? {
        Made::Now(()) => Ok(Redirect::to("/enrolment-tokens?said=token-revoked").into_response()),
        Made::Proposed(_) => Ok(Redirect::to("/enrolment-tokens?said=proposed").into_response()),
    }
}
