//! What an owner does about a person: each a form of their page.

use askama::Template;
use axum::Form;
use axum::extract::RawForm;
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::person::{Enabled, NoOsUser, OsUser, Person, Roles, SignIn};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::list::{Filled, field};
use super::show::{Sent, shown};
use crate::console::{Made, Place, Shell, Visitor, filters, page, part, query};
use crate::http::extract::Path;
use crate::http::failure::Outcome;
use crate::settings::pages::{Section, Tab, tabs};

/// Where to after a change: back to the person, with what was said.
pub(super) fn after<T>(made: &Made<T>, id: &str, said: &str) -> Response {
    let said = if matches!(made, Made::Proposed(_)) { "proposed" } else { said };
    Redirect::to(&format!("/settings/people/{}?said={said}", part(id))).into_response()
}

/// A change by a form without anything to lose.
pub(super) async fn done<T: DeserializeOwned>(
    visitor: &Visitor,
    id: &str,
    form: &'static str,
    made: Outcome<Made<T>>,
) -> Outcome<Response> {
    match made {
        Ok(made) => Ok(after(&made, id, "changed")),
        Err(why) => shown(visitor, id, Sent { form, why: Some(why.at_form()?), ..Sent::default() }).await,
    }
}

pub(super) async fn roles(visitor: Visitor, Path(id): Path<String>, RawForm(form): RawForm) -> Outcome<Response> {
    let filled = Filled::read(&form);
    let body = Roles { roles: filled.roles.clone(), scopes: filled.scopes.clone() };
    let path = format!("/persons/{}/roles", part(&id));
    match visitor.change::<_, Person>(Method::PUT, &path, Some(&field(&form, "tag")), &body).await {
        Ok(made) => Ok(after(&made, &id, "changed")),
        Err(why) => shown(&visitor, &id, Sent { form: "roles", roles: Some(filled), why: Some(why.at_form()?), ..Sent::default() }).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    user: String,
    #[serde(default)]
    computer: String,
}

impl Link {
    fn computer(&self) -> Option<String> {
        Some(self.computer.trim().to_owned()).filter(|computer| !computer.is_empty())
    }
}

pub(super) async fn link(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Link>) -> Outcome<Response> {
    let body = OsUser { user: fields.user.trim().to_owned(), computer: fields.computer() };
    match visitor.change::<_, Person>(Method::POST, &format!("/persons/{}/os-users", part(&id)), None, &body).await {
        Ok(made) => Ok(after(&made, &id, "changed")),
        Err(why) => {
            let sent = Sent { form: "link", user: fields.user, computer: fields.computer, why: Some(why.at_form()?), ..Sent::default() };
            shown(&visitor, &id, sent).await
        }
    }
}

pub(super) async fn unlink(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Link>) -> Outcome<Response> {
    let computer = fields.computer().unwrap_or_default();
    let path = format!("/persons/{}/os-users/{}{}", part(&id), part(&fields.user), query([("computer", computer.as_str())]));
    let made = visitor.act::<Person>(Method::DELETE, &path, None).await;
    done(&visitor, &id, "unlink", made).await
}

#[derive(Deserialize)]
pub(super) struct Switch {
    value: bool,
}

pub(super) async fn no_os_user(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Switch>) -> Outcome<Response> {
    let body = NoOsUser { no_os_user: fields.value };
    let made = visitor.change::<_, Person>(Method::PUT, &format!("/persons/{}/no-os-user", part(&id)), None, &body).await;
    done(&visitor, &id, "no-os-user", made).await
}

pub(super) async fn enabled(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Switch>) -> Outcome<Response> {
    let body = Enabled { enabled: fields.value };
    let made = visitor.change::<_, Person>(Method::PUT, &format!("/persons/{}/enabled", part(&id)), None, &body).await;
    done(&visitor, &id, "enabled", made).await
}

pub(super) async fn remove(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    match visitor.act::<()>(Method::DELETE, &format!("/persons/{}", part(&id)), None).await {
        Ok(Made::Now(())) => Ok(Redirect::to("/settings/people?said=deleted").into_response()),
        made => done(&visitor, &id, "remove", made).await,
    }
}

#[derive(Template)]
#[template(path = "people/link.html")]
struct LinkMade {
    shell: Shell,
    tabs: Vec<Tab>,
    it: SignIn,
    name: String,
}

/// The link is shown this once, and kept by no browser.
pub(super) async fn sign_in_link(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let made = visitor.act::<SignIn>(Method::POST, &format!("/persons/{}/sign-in", part(&id)), None).await;
    let it = match made {
        Ok(Made::Now(it)) => it,
        made => return done(&visitor, &id, "sign-in-link", made).await,
    };
    let person: Person = visitor.read(&format!("/persons/{}", part(&id))).await?;
    let shell = visitor.shell(Place::Settings, format!("A sign-in link for {}", person.name));
    let mut response = page(&LinkMade { shell, tabs: tabs(&visitor, Section::People), it, name: person.name })?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
