//! Deleting one. Who names it stands in the answer where that holds it.

use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::Posted;
use crate::console::{Made, Visitor, part};
use crate::definitions::formed::Formed;
use crate::http::extract::Path;
use crate::http::failure::Outcome;

pub(super) async fn remove<T: Formed>(visitor: Visitor, Path(id): Path<String>, Posted(entered): Posted) -> Outcome<Response> {
    let place = format!("{}/{}", T::PLACES.0, part(&id));
    let said = match visitor.act::<()>(Method::DELETE, &place, Some(entered.text("seen"))).await? {
        Made::Now(()) => format!("{}?said=deleted", T::BASE),
        Made::Proposed(_) => format!("{}/{}?said=proposed", T::BASE, part(&id)),
    };
    Ok(Redirect::to(&said).into_response())
}
