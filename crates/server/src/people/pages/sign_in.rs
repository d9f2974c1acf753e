//! What a person signs in with, and where they are signed in: an owner takes either away, and records who they are at the single sign-on.

use axum::Form;
use axum::http::Method;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::sign_in::{Credentials, NewIdentity, SignedIn};
use serde::Deserialize;

use super::act::{after, done};
use super::show::{Sent, shown};
use crate::access::Action;
use crate::console::{Visitor, part};
use crate::http::extract::Path;
use crate::http::failure::Outcome;

/// So many of the browsers are shown.
const SHOWN: usize = 50;

/// What the page shows of it.
pub(super) struct Signing {
    pub has: Credentials,
    pub sign_ins: Vec<SignedIn>,
    pub more: bool,
    /// Whether the server has a provider of single sign-on.
    pub single: bool,
}

/// `None` for who may not read it.
pub(super) async fn of(visitor: &Visitor, id: &str) -> Outcome<Option<Signing>> {
    if !visitor.may(Action::ReadPersons) {
        return Ok(None);
    }
    let path = format!("/persons/{}", part(id));
    let (credentials, sign_ins) = (format!("{path}/credentials"), format!("{path}/sign-ins?limit={SHOWN}"));
    let (has, sign_ins): (Credentials, Page<SignedIn>) = tokio::try_join!(visitor.read(&credentials), visitor.read(&sign_ins))?;
    let single = visitor.app.config.openid.is_some();
    Ok(Some(Signing { has, more: sign_ins.next.is_some(), sign_ins: sign_ins.items, single }))
}

pub(super) async fn end(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let made = visitor.act::<()>(Method::DELETE, &format!("/persons/{}/sign-ins", part(&id)), None).await;
    done(&visitor, &id, "end", made).await
}

pub(super) async fn end_one(visitor: Visitor, Path((id, one)): Path<(String, String)>) -> Outcome<Response> {
    let path = format!("/persons/{}/sign-ins/{}", part(&id), part(&one));
    let made = visitor.act::<()>(Method::DELETE, &path, None).await;
    done(&visitor, &id, "end", made).await
}

pub(super) async fn remove(visitor: Visitor, Path((id, which)): Path<(String, String)>) -> Outcome<Response> {
    let path = format!("/persons/{}/credentials/{}", part(&id), part(&which));
    let made = visitor.act::<()>(Method::DELETE, &path, None).await;
    done(&visitor, &id, "remove-credential", made).await
}

#[derive(Deserialize)]
pub(super) struct Subject {
    #[serde(default)]
    subject: String,
}

pub(super) async fn identity(visitor: Visitor, Path(id): Path<String>, Form(fields): Form<Subject>) -> Outcome<Response> {
    let body = NewIdentity { subject: fields.subject.trim().to_owned() };
    match visitor.change::<_, Credentials>(Method::PUT, &format!("/persons/{}/identity", part(&id)), None, &body).await {
        Ok(made) => Ok(after(&made, &id, "changed")),
        Err(why) => {
            let sent = Sent { form: "identity", subject: fields.subject, why: Some(why.at_form()?), ..Sent::default() };
            shown(&visitor, &id, sent).await
        }
    }
}

pub(super) async fn no_identity(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let made = visitor.act::<()>(Method::DELETE, &format!("/persons/{}/identity", part(&id)), None).await;
    done(&visitor, &id, "no-identity", made).await
}
