//! Pages that policies, autonomous rules, application lists and groups share: one form for new and old, history, deleting.

mod edit;
mod history;
mod remove;

use axum::Router;
use axum::extract::{FromRequest, Request};
use axum::routing::{get, post};
use brevet_api::rest::check::{Check, Checked};
use brevet_api::rest::policy::Stored;
use serde_json::Value;

use super::form::Entered;
use super::formed::Formed;
use crate::app::App;
use crate::console::{By, Made, Visitor};
use crate::http::extract::read_body;
use crate::http::failure::{Failure, Outcome};

/// Any of them, as the API shows it.
pub(crate) type Any = Stored<String, Value>;

/// What a list of policies, rules, groups or application lists can be ordered by.
pub(crate) const ORDERS: &[By] =
    &[By::text("name", "Name"), By::moment("changed", "Changed"), By::moment("created", "Made"), By::number("version", "Version")];

/// The pages that each kind has.
pub(crate) fn of<T: Formed>(router: Router<App>) -> Router<App> {
    let at = |rest: &str| format!("{}{rest}", T::BASE);
    router
        .route(&at("/new"), get(edit::new::<T>).post(edit::create::<T>))
        .route(&at("/preview"), post(edit::preview::<T>))
        .route(&at("/{id}/edit"), get(edit::edit::<T>).post(edit::replace::<T>))
        .route(&at("/{id}/history"), get(history::history::<T>))
        .route(&at("/{id}/delete"), post(remove::remove::<T>))
}

/// A form that was sent.
pub(crate) struct Posted(pub Entered);

impl FromRequest<App> for Posted {
    type Rejection = Failure;
    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        Ok(Self(Entered::parse(&read_body(app, request.into_body()).await?)))
    }
}

/// What the API says of it before it is stored.
pub(crate) async fn checked<T: Formed>(visitor: &Visitor, it: T, replaces: Option<&str>) -> Outcome<Checked> {
    let body = Check { definition: it.definition(), replaces: replaces.map(str::to_owned) };
    match visitor.change(axum::http::Method::POST, "/check", None, &body).await? {
        Made::Now(checked) => Ok(checked),
        Made::Proposed(_) => Err(Failure::internal("a check became a proposal")),
    }
}
