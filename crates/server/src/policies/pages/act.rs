//! What can be done to a policy with one button, each of which says what it does.

use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::grant::{RevokeAll, RevokedAll};
use brevet_api::rest::policy::StoredPolicy;

use crate::console::{Made, Visitor, part};
use crate::definitions::pages::Posted;
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

pub(super) async fn enable(visitor: Visitor, Path(id): Path<String>, posted: Posted) -> Outcome<Response> {
    act(&visitor, &id, posted, ("enable", "enabled")).await
}

pub(super) async fn disable(visitor: Visitor, Path(id): Path<String>, posted: Posted) -> Outcome<Response> {
    act(&visitor, &id, posted, ("disable", "disabled")).await
}

pub(super) async fn renew(visitor: Visitor, Path(id): Path<String>, posted: Posted) -> Outcome<Response> {
    act(&visitor, &id, posted, ("renew", "renewed")).await
}

async fn act(visitor: &Visitor, id: &str, Posted(entered): Posted, (what, said): (&str, &str)) -> Outcome<Response> {
    let path = format!("/policies/{}/{what}", part(id));
    let said = match visitor.act::<StoredPolicy>(Method::POST, &path, Some(entered.text("seen"))).await? {
        Made::Now(_) => said,
        Made::Proposed(_) => "proposed",
    };
    Ok(Redirect::to(&format!("/policies/{}?said={said}", part(id))).into_response())
}

/// So many at once, and so often: more than a policy ever has open.
const AT_ONCE: u32 = 500;
const MOST_TIMES: usize = 100;

pub(super) async fn revoke(visitor: Visitor, Path(id): Path<String>, Posted(entered): Posted) -> Outcome<Response> {
    let body = RevokeAll {
        user: None,
        computer: None,
        policy: Some(id.clone()),
        comment: entered.text("comment").to_owned(),
        now: entered.is("now"),
        dry_run: false,
        limit: Some(AT_ONCE),
    };
    for _ in 0..MOST_TIMES {
        let Made::Now(done) = visitor.change::<_, RevokedAll>(Method::POST, "/grants/revoke", None, &body).await? else {
            return Err(Failure::internal("a revocation became a proposal"));
        };
        let failed = done.items.iter().any(|one| one.because.is_some());
        if done.left == 0 || done.items.is_empty() || failed {
            let said = if failed { "revoked-some" } else { "revoked" };
            return Ok(Redirect::to(&format!("/policies/{}?said={said}", part(&id))).into_response());
        }
    }
    Ok(Redirect::to(&format!("/policies/{}?said=revoked-some", part(&id))).into_response())
}
