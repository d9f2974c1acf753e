//! Ending all access of a user, a computer or a policy: first what exactly would end, then the end, with a result for each.

use askama::Template;
use axum::Form as Posted;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::grant::{RevokeAll, RevokeResult, RevokedAll};
use serde::Deserialize;

use crate::console::{Made, Place, Shell, Visitor, filters, page};
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};

/// As many as one call takes.
const MOST: u32 = 500;

/// Whose, and how.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    user: String,
    computer: String,
    policy: String,
    comment: String,
    now: bool,
}

impl Fields {
    fn call(&self, dry_run: bool) -> RevokeAll {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        RevokeAll {
            user: said(&self.user),
            computer: said(&self.computer),
            policy: said(&self.policy),
            comment: self.comment.clone(),
            now: self.now,
            dry_run,
            limit: Some(MOST),
        }
    }
}

#[derive(Template)]
#[template(path = "grants/revoke_all.html")]
struct Shown {
    shell: Shell,
    fields: Fields,
    /// What would end or was ended; nothing when it could not be looked for.
    all: Option<RevokedAll>,
    why: Option<Failure>,
}

impl Shown {
    fn whose(&self) -> String {
        let parts = [("the user", &self.fields.user), ("the computer", &self.fields.computer), ("the policy", &self.fields.policy)];
        let named: Vec<String> =
            parts.into_iter().filter(|(_, name)| !name.is_empty()).map(|(what, name)| format!("{what} {name}")).collect();
        named.join(" and of ")
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.why.as_ref()?.at(field)
    }
}

/// What happened to one, in words.
pub(crate) const fn result_words(result: RevokeResult) -> &'static str {
    match result {
        RevokeResult::WouldRevoke => "would end",
        RevokeResult::Revoked => "revoked: its revocation is on its way",
        RevokeResult::Over => "was over already",
        RevokeResult::Failed => "FAILED: it is as it was",
    }
}

/// What would end.
pub(super) async fn preview(visitor: Visitor, Query(fields): Query<Fields>) -> Outcome<Response> {
    let found = call(&visitor, &fields, true).await;
    shown(&visitor, fields, found)
}

/// Ends it.
pub(super) async fn revoke(visitor: Visitor, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    let done = call(&visitor, &fields, false).await;
    shown(&visitor, fields, done)
}

async fn call(visitor: &Visitor, fields: &Fields, dry_run: bool) -> Outcome<RevokedAll> {
    match visitor.change(Method::POST, "/grants/revoke", None, &fields.call(dry_run)).await? {
        Made::Now(all) => Ok(all),
        Made::Proposed(_) => Err(Failure::internal("what ends grants became a proposal")),
    }
}

fn shown(visitor: &Visitor, fields: Fields, found: Outcome<RevokedAll>) -> Outcome<Response> {
    let (all, why) = match found {
        Ok(all) => (Some(all), None),
        Err(why) => (None, Some(why.at_form()?)),
    };
    let status = why.as_ref().map(|why| StatusCode::from_u16(why.code.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY));
    let response = page(&Shown { shell: visitor.shell(Place::Access, "End access"), fields, all, why })?;
    Ok(match status {
        Some(status) => (status, response).into_response(),
        None => response,
    })
}
