//! The forms of a computer: quarantine, release, remove.

use axum::Form as Posted;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::computer::{Because, Computer};
use serde::Deserialize;

use super::list::place;
use super::show::{Form, shown};
use crate::console::{Made, Visitor};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    comment: String,
    /// The version that the page showed.
    #[serde(default)]
    seen: String,
    /// The computer's name, to be sure that it is this one that is removed.
    #[serde(default)]
    name: String,
}

pub(super) async fn quarantine(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    because(&visitor, &id, fields, ("quarantine", "quarantined")).await
}

pub(super) async fn release(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    because(&visitor, &id, fields, ("release", "released")).await
}

async fn because(visitor: &Visitor, id: &str, fields: Fields, (act, said): (&'static str, &str)) -> Outcome<Response> {
    let body = Because { comment: fields.comment.clone() };
    let made = visitor.change::<_, Computer>(Method::POST, &format!("{}/{act}", place(id)), Some(&fields.seen), &body).await;
    after(visitor, id, Form { act, comment: fields.comment, why: None }, made.map(drop_it), &format!("{}?said={said}", place(id))).await
}

fn drop_it<T>(made: Made<T>) -> Made<()> {
    match made {
        Made::Now(_) => Made::Now(()),
        Made::Proposed(it) => Made::Proposed(it),
    }
}

pub(super) async fn remove(visitor: Visitor, Path(id): Path<String>, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    let made = gone(&visitor, &id, &fields).await;
    after(&visitor, &id, Form { act: "remove", comment: fields.name, why: None }, made, "/computers?said=removed").await
}

async fn gone(visitor: &Visitor, id: &str, fields: &Fields) -> Outcome<Made<()>> {
    let it: Computer = visitor.read(&place(id)).await?;
    if fields.name.trim() != it.name {
        return Err(Failure::field("name", format!("is not the name of this computer, {}", it.name)));
    }
    visitor.act(Method::DELETE, &place(id), Some(&fields.seen)).await
}

async fn after(visitor: &Visitor, id: &str, form: Form, made: Outcome<Made<()>>, to: &str) -> Outcome<Response> {
    match made {
        Ok(Made::Now(())) => Ok(Redirect::to(to).into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to(&format!("{}?said=proposed", place(id))).into_response()),
        Err(why) => shown(visitor, id, Form { why: Some(why.at_form()?), ..form }).await,
    }
}
