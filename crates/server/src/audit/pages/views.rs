//! Saving what is shown as a view of one's own, and deleting one.

use axum::Form;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::view::{EventView, MOST_VIEWS};
use serde::Deserialize;

use super::chosen::Chosen;
use super::list::listed;
use crate::console::{Made, Visitor, part, zone};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    chosen: String,
    #[serde(default)]
    name: String,
}

pub(super) async fn save(visitor: Visitor, headers: HeaderMap, Form(fields): Form<Fields>) -> Outcome<Response> {
    let chosen = Chosen::read(fields.chosen.trim_start_matches('?'), &zone::of(&headers));
    match saved(&visitor, &chosen, &fields.name).await {
        Ok(Some(view)) => {
            let said = if view.created == view.changed { "created" } else { "changed" };
            Ok(Redirect::to(&format!("/events?view={}&said={said}", part(view.id.as_str()))).into_response())
        }
        Ok(None) => Ok(Redirect::to("/events?said=proposed").into_response()),
        Err(why) => listed(&visitor, chosen, Some((fields.name, why.words()))).await,
    }
}

/// A view of the same name is replaced, as the form says.
async fn saved(visitor: &Visitor, chosen: &Chosen, name: &str) -> Outcome<Option<EventView>> {
    let body = chosen.to_view(name)?;
    if body.name.is_empty() {
        return Err(Failure::field("name", "give it a name"));
    }
    let all: Page<EventView> = visitor.read(&format!("/event-views?limit={MOST_VIEWS}")).await?;
    let made = match all.items.iter().find(|view| view.name == body.name) {
        Some(view) => visitor.change(Method::PUT, &format!("/event-views/{}", part(view.id.as_str())), None, &body).await?,
        None => visitor.change(Method::POST, "/event-views", None, &body).await?,
    };
    Ok(match made {
        Made::Now(view) => Some(view),
        Made::Proposed(_) => None,
    })
}

pub(super) async fn delete(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    visitor.act::<()>(Method::DELETE, &format!("/event-views/{}", part(&id)), None).await?;
    Ok(Redirect::to("/events?said=deleted").into_response())
}
