//! The forms of a request: approve and decline. What is wrong is said at the form, with everything that was filled in.

use axum::Form as Posted;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::request::{Approve, Decline, RequestItem};
use brevet_core::request::RequestState;
use brevet_core::time::Length;
use serde::Deserialize;

use super::show::{Form, shown};
use crate::console::{Made, Visitor, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default, rename = "for")]
    duration: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    command_only: bool,
    /// What the page showed: another request is not decided by mistake.
    code: String,
}

pub(super) async fn approve(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    let asked = fields.duration.trim();
    let duration = if asked.is_empty() { Ok(None) } else { asked.parse::<Length>().map(Some) };
    let made = match duration {
        Ok(duration) => {
            let body =
                Approve { duration, comment: fields.comment.clone(), command_only: fields.command_only, code: Some(fields.code.clone()) };
            visitor.change(Method::POST, &format!("/requests/{}/approve", part(&id)), None, &body).await
        }
        Err(why) => Err(Failure::field("for", why.to_string())),
    };
    after(&visitor, &id, fields, made, "approved").await
}

pub(super) async fn decline(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    let body = Decline { comment: fields.comment.clone() };
    let made = visitor.change(Method::POST, &format!("/requests/{}/decline", part(&id)), None, &body).await;
    after(&visitor, &id, fields, made, "declined").await
}

async fn after(visitor: &Visitor, id: &str, fields: Fields, made: Outcome<Made<RequestItem>>, said: &str) -> Outcome<Response> {
    match made {
        Ok(Made::Now(it)) => {
            let said = if it.state == RequestState::Pending { "approval-recorded" } else { said };
            Ok(Redirect::to(&format!("/requests/{}?said={said}", part(id))).into_response())
        }
        Ok(Made::Proposed(_)) => Err(Failure::internal("a decision became a proposal")),
        Err(why) => {
            let why = Some(why.at_form()?);
            let form = Form { duration: fields.duration, comment: fields.comment, command_only: fields.command_only, why };
            shown(visitor, id, form).await
        }
    }
}
