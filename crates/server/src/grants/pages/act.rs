//! The forms of a grant: more time, or its end.

use axum::Form as Posted;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Code;
use brevet_api::rest::grant::{Extend, GrantItem, Revoke};
use brevet_core::time::Length;
use serde::Deserialize;

use super::show::{Form, shown};
use crate::console::{Made, Visitor, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

#[derive(Deserialize)]
pub(super) struct More {
    #[serde(default)]
    by: String,
    #[serde(default)]
    comment: String,
    /// What the page showed: sent twice, it does not extend twice.
    version: u64,
}

pub(super) async fn extend(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<More>) -> Outcome<Response> {
    let made = longer(&visitor, &id, &fields).await;
    let form = Form { extends: true, by: fields.by, comment: fields.comment, ..Form::default() };
    after(&visitor, &id, form, made, "extended").await
}

async fn longer(visitor: &Visitor, id: &str, fields: &More) -> Outcome<Made<GrantItem>> {
    let by: Length = fields.by.trim().parse().map_err(|why| Failure::field("by", format!("{why}")))?;
    let now: GrantItem = visitor.read(&format!("/grants/{}", part(id))).await?;
    if now.version != fields.version {
        let why = Failure::new(Code::WrongState).because(format!("somebody extended it meanwhile, to {} in all", now.duration));
        return Err(why.hint("look at it, and extend it again if that is still what you want"));
    }
    let body = Extend { by, comment: fields.comment.clone() };
    visitor.change(Method::POST, &format!("/grants/{}/extend", part(id)), None, &body).await
}

#[derive(Deserialize)]
pub(super) struct End {
    #[serde(default)]
    comment: String,
    #[serde(default)]
    now: bool,
}

pub(super) async fn revoke(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<End>) -> Outcome<Response> {
    let body = Revoke { comment: fields.comment.clone(), now: fields.now };
    let made = visitor.change(Method::POST, &format!("/grants/{}/revoke", part(&id)), None, &body).await;
    let form = Form { comment: fields.comment, now: fields.now, ..Form::default() };
    after(&visitor, &id, form, made, "revoked").await
}

async fn after(visitor: &Visitor, id: &str, form: Form, made: Outcome<Made<GrantItem>>, said: &str) -> Outcome<Response> {
    match made {
        Ok(Made::Now(_)) => Ok(Redirect::to(&format!("/grants/{}?said={said}", part(id))).into_response()),
        Ok(Made::Proposed(_)) => Err(Failure::internal("what ends or extends a grant became a proposal")),
        Err(why) => shown(visitor, id, Form { why: Some(why.at_form()?), ..form }).await,
    }
}
