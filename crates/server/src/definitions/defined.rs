//! The routes that every kind of definition has, and their handlers: a kind says what it is called, `routes` does the work.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use brevet_api::rest::page::{NamedQuery, PageQuery};
use brevet_api::rest::policy::{Change as HistoryItem, Use};
use brevet_api::rest::{Code, Page};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::content::{Content, Kind};
use super::routes;
use crate::access::{Action, Actor};
use crate::app::App;
use crate::http::extract::{Body, Expected, Json, Path, Query, Versioned};
use crate::http::failure::Outcome;
use crate::http::page::{Shown, Slice};
use crate::http::routes::{Routes, doc};

/// A kind of definition, as the API has it.
pub trait Defined: DeserializeOwned + Send + Sync + 'static {
    /// Which.
    const KIND: Kind;
    /// The schema of what is written, and of what is read.
    const SCHEMAS: (&'static str, &'static str);
    /// Where all of them are, and one of them.
    const PLACES: (&'static str, &'static str);
    /// Where the versions of one are.
    const HISTORY: &'static str;

    /// As it is stored.
    fn content(self) -> Content;
}

/// Reading all of a kind, by name.
pub fn listed<T: Defined>(table: Routes) -> Routes {
    let listed = doc("All of them").answer_named(200, T::SCHEMAS.1).page(&[]).sorted_by(routes::SORTED, "name").filters::<NamedQuery>();
    table.on(Method::GET, T::PLACES.0, Action::ReadPolicy, listed, list::<T>)
}

/// Adding one; reading, replacing and deleting one.
pub fn kept<T: Defined>(table: Routes) -> Routes {
    let (body, stored) = T::SCHEMAS;
    let (all, one) = T::PLACES;
    let added = doc("Add one").body_named(body).answer_named(201, stored).creates().tagged().fails(&[Code::NameTaken]);
    let replaced = doc("Replace it").body_named(body).answer_named(200, stored).tagged().needs_match();
    table
        .on(Method::POST, all, Action::ChangePolicy, added, create::<T>)
        .on(Method::GET, one, Action::ReadPolicy, doc("One, by id or name").answer_named(200, stored).tagged(), show::<T>)
        .on(Method::PUT, one, Action::ChangePolicy, replaced.fails(&[Code::NameTaken, Code::InUse]), replace::<T>)
        .on(Method::DELETE, one, Action::ChangePolicy, doc("Delete it").needs_match().fails(&[Code::InUse]), delete::<T>)
}

/// Reading the versions of one.
pub fn remembered<T: Defined>(table: Routes) -> Routes {
    let versions = doc("Every version, newest first").answer::<HistoryItem>(200).page(&[]).filters::<PageQuery>();
    table.on(Method::GET, T::HISTORY, Action::ReadPolicy, versions, history::<T>)
}

/// Reading what names one: only lists and groups are named.
pub fn named<T: Defined>(table: Routes, place: &'static str) -> Routes {
    let uses = doc("What names it").answer::<Use>(200).page(&[]).filters::<PageQuery>();
    table.on(Method::GET, place, Action::ReadPolicy, uses, uses_of::<T>)
}

async fn uses_of<T: Defined>(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<PageQuery>,
) -> Outcome<Json<Page<Use>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    Ok(Json(routes::uses(&app, &actor, T::KIND, &reference, &slice).await?))
}

async fn list<T: Defined>(State(app): State<App>, actor: Actor, Query(query): Query<NamedQuery>) -> Outcome<Json<Page<Shown<Value>>>> {
    Ok(Json(routes::list(&app, &actor, T::KIND, &query, |_| true).await?))
}

async fn create<T: Defined>(State(app): State<App>, actor: Actor, Body(body): Body<T>) -> Outcome<Response> {
    routes::create(&app, &actor, body.content()).await
}

async fn show<T: Defined>(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<Versioned<Value>> {
    routes::show(&app, &actor, T::KIND, &reference).await
}

async fn replace<T: Defined>(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Expected(version): Expected,
    Body(body): Body<T>,
) -> Outcome<Versioned<Value>> {
    routes::replace(&app, &actor, &reference, version, body.content()).await
}

async fn delete<T: Defined>(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Expected(version): Expected,
) -> Outcome<StatusCode> {
    routes::delete(&app, &actor, T::KIND, &reference, version).await
}

async fn history<T: Defined>(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<PageQuery>,
) -> Outcome<Json<Page<Shown<HistoryItem>>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    Ok(Json(routes::history(&app, &actor, T::KIND, &reference, &slice).await?))
}
