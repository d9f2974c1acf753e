//! Legal holds: making one, one with what it covers, and its release.

use askama::Template;
use axum::Form;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::computer::Because;
use brevet_api::rest::hold::{Covers, Hold, NewHold};
use brevet_core::id::RequestId;
use brevet_core::time::Timestamp;
use serde::Deserialize;

use super::redact::{Chosen, Sent, shown};
use crate::access::Action;
use crate::console::{Made, Place, Shell, Visitor, filters, page, part, zone};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

/// The form as it was filled in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filled {
    pub name: String,
    pub reason: String,
    pub computer: String,
    pub user: String,
    pub policy: String,
    pub person: String,
    pub request: String,
    pub from: String,
    pub to: String,
    /// Said apart, so that no empty form keeps everything.
    pub everything: bool,
}

impl Filled {
    fn body(&self, zone: &str) -> Outcome<NewHold> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let moment = |field: &str, said: &str| -> Outcome<Option<Timestamp>> {
            let wrong = || Failure::field(format!("covers.{field}"), "write a day and a time of day, or a day alone");
            text(said).map(|said| brevet_core::zone::moment(&said, zone).ok_or_else(wrong)).transpose()
        };
        let request = text(&self.request).map(|id| RequestId::parse(&id)).transpose();
        let covers = Covers {
            computer: text(&self.computer),
            user: text(&self.user),
            policy: text(&self.policy),
            person: text(&self.person),
            request: request.map_err(|why| Failure::field("covers.request", why.to_string()))?,
            from: moment("from", &self.from)?,
            to: moment("to", &self.to)?,
        };
        if (covers == Covers::default()) != self.everything {
            return Err(Failure::field("everything", "say what it covers, or tick that it covers everything, and not both"));
        }
        Ok(NewHold { name: self.name.trim().to_owned(), reason: self.reason.clone(), covers })
    }
}

pub(super) async fn create(visitor: Visitor, headers: HeaderMap, Form(filled): Form<Filled>) -> Outcome<Response> {
    let made = match filled.body(&zone::of(&headers)) {
        Ok(body) => visitor.change::<_, Hold>(Method::POST, "/holds", None, &body).await,
        Err(why) => Err(why),
    };
    match made {
        Ok(Made::Now(hold)) => Ok(Redirect::to(&format!("/settings/holds/{}?said=created", part(hold.id.as_str()))).into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/settings/retention?said=proposed").into_response()),
        Err(why) => {
            let sent = Sent { hold: filled, form: "hold", why: Some(why.at_form()?), ..Sent::default() };
            shown(&visitor, Chosen::default(), sent).await
        }
    }
}

#[derive(Template)]
#[template(path = "retention/hold.html")]
struct Show {
    shell: Shell,
    tabs: Vec<Tab>,
    it: Hold,
    everything: bool,
    may_release: bool,
    comment: String,
    why: Option<Failure>,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    one(&visitor, &id, String::new(), None).await
}

async fn one(visitor: &Visitor, id: &str, comment: String, why: Option<Failure>) -> Outcome<Response> {
    let it: Hold = visitor.read(&format!("/holds/{}", part(id))).await?;
    let failed = why.is_some();
    let response = page(&Show {
        shell: visitor.shell(Place::Settings, format!("Legal hold {}", it.name)),
        tabs: tabs(visitor, Section::Retention),
        everything: it.covers == Covers::default(),
        may_release: visitor.may(Action::ChangeHolds) && it.released.is_none(),
        comment,
        why,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Deserialize)]
pub(super) struct Release {
    #[serde(default)]
    comment: String,
}

pub(super) async fn release(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Release>) -> Outcome<Response> {
    let body = Because { comment: fields.comment.clone() };
    match visitor.change::<_, Hold>(Method::POST, &format!("/holds/{}/release", part(&id)), None, &body).await {
        Ok(made) => {
            let said = if matches!(made, Made::Proposed(_)) { "proposed" } else { "ended" };
            Ok(Redirect::to(&format!("/settings/holds/{}?said={said}", part(&id))).into_response())
        }
        Err(why) => one(&visitor, &id, fields.comment, Some(why.at_form()?)).await,
    }
}
