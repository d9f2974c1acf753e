//! The routes: where persons are signed in and what they sign in with. Everybody sees and ends their own; owners everybody's.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::sign_in::{Credentials, NewIdentity, SignInRules, SignedIn};
use brevet_api::rest::{Code, Page};
use brevet_core::id::PersonId;

use super::credentials::{self, Which};
use super::{identity, rules, where_signed_in};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::http::extract::{Json, Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::http::page::Slice;
use crate::http::routes::{Routes, doc};
use crate::people::store as people;
use crate::store::Change;
use crate::store::entities::person;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let (own, act, read) = (Action::OwnSignIn, Action::ChangePersons, Action::ReadPersons);
    let list = |words| doc(words).answer::<SignedIn>(200).page(&[]).filters::<PageQuery>();
    routes
        .on(
            Method::GET,
            "/settings/sign-in",
            read,
            doc("How people sign in here, as the server's configuration has it; never a secret").answer::<SignInRules>(200),
            rules::show,
        )
        .on(Method::GET, "/me/sign-ins", own, list("Where you are signed in to the console; newest first"), own_sign_ins)
        .on(Method::DELETE, "/me/sign-ins", own, doc("Sign yourself out everywhere"), end_own)
        .on(Method::DELETE, "/me/sign-ins/{id}", own, doc("Sign yourself out in one browser"), end_own_one)
        .on(Method::GET, "/me/credentials", own, doc("What you sign in with").answer::<Credentials>(200), own_credentials)
        .on(Method::GET, "/persons/{reference}/sign-ins", read, list("Where somebody is signed in to the console; newest first"), sign_ins)
        .on(Method::DELETE, "/persons/{reference}/sign-ins", act, doc("Sign somebody out everywhere"), end)
        .on(Method::DELETE, "/persons/{reference}/sign-ins/{id}", act, doc("Sign somebody out in one browser"), end_one)
        .on(
            Method::GET,
            "/persons/{reference}/credentials",
            read,
            doc("What somebody signs in with; never the secret").answer::<Credentials>(200),
            of_person,
        )
        .on(
            Method::DELETE,
            "/persons/{reference}/credentials/{which}",
            act,
            doc("Take away somebody's password, app or a passkey, by its id: they are signed out everywhere").fails(&[Code::WrongState]),
            remove,
        )
        .on(
            Method::PUT,
            "/persons/{reference}/identity",
            act,
            doc("Record who somebody is at the single sign-on").body::<NewIdentity>().answer::<Credentials>(200).fails(&[Code::WrongState]),
            identity::set,
        )
        .on(
            Method::DELETE,
            "/persons/{reference}/identity",
            act,
            doc("Take that back: they are signed out everywhere").fails(&[Code::WrongState]),
            identity::unset,
        )
}

fn page(all: Vec<SignedIn>, query: &PageQuery) -> Outcome<Json<Page<SignedIn>>> {
    let slice = Slice::new(query.limit, query.cursor.as_deref())?;
    let after = slice.after.clone();
    let rest = all.into_iter().filter(|one| after.as_deref().is_none_or(|after| one.id.as_str() < after)).collect();
    Ok(Json(slice.page(rest, |one| one.id.to_string())))
}

async fn own_sign_ins(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Outcome<Json<Page<SignedIn>>> {
    page(where_signed_in::of(&app, actor.person.as_str()).await?, &query)
}

async fn sign_ins(
    State(app): State<App>,
    _actor: Actor,
    Path(reference): Path<String>,
    Query(query): Query<PageQuery>,
) -> Outcome<Json<Page<SignedIn>>> {
    let person = people::find(&app.store.pool, &reference).await?;
    page(where_signed_in::of(&app, &person.id).await?, &query)
}

async fn own_credentials(State(app): State<App>, actor: Actor) -> Outcome<Json<Credentials>> {
    Ok(Json(credentials::of(&app.store.pool, actor.person.as_str()).await?))
}

async fn of_person(State(app): State<App>, _actor: Actor, Path(reference): Path<String>) -> Outcome<Json<Credentials>> {
    let person = people::find(&app.store.pool, &reference).await?;
    Ok(Json(credentials::of(&app.store.pool, &person.id).await?))
}

async fn end_own(State(app): State<App>, actor: Actor) -> Outcome<StatusCode> {
    let id = actor.person.to_string();
    everywhere(app, actor, &id).await
}

async fn end(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<StatusCode> {
    everywhere(app, actor, &reference).await
}

async fn everywhere(app: App, actor: Actor, reference: &str) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = people::find(change.tx(), reference).await?;
    let ended = where_signed_in::end_all(&change, &row.id, None).await?;
    if ended > 0 {
        let words = format!("{:?} was signed out everywhere", row.name);
        said(&change, &actor, ("person.signed_out", words), &serde_json::json!({ "ended": ended }), &row).await?;
        change.commit().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn end_own_one(State(app): State<App>, actor: Actor, Path(id): Path<String>) -> Outcome<StatusCode> {
    let own = actor.person.to_string();
    one(app, actor, &own, &id).await
}

async fn end_one(State(app): State<App>, actor: Actor, Path((reference, id)): Path<(String, String)>) -> Outcome<StatusCode> {
    one(app, actor, &reference, &id).await
}

async fn one(app: App, actor: Actor, reference: &str, id: &str) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = people::find(change.tx(), reference).await?;
    if !where_signed_in::end_one(&change, &row.id, id).await? {
        return Err(Failure::not_found("sign-in of this person", id));
    }
    let words = format!("{:?} was signed out in one browser", row.name);
    said(&change, &actor, ("person.signed_out", words), &serde_json::json!({ "sign_in": id }), &row).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(app): State<App>, actor: Actor, Path((reference, which)): Path<(String, String)>) -> Outcome<StatusCode> {
    let named = Which::named(&which).ok_or_else(|| Failure::not_found("credential", &which).hint("password, app, or a passkey's id"))?;
    let change = Change::begin(&app).await?;
    let row = people::find(change.tx(), &reference).await?;
    let Some((kind, what, mut body)) = credentials::remove(&change, &row.id, &named).await? else {
        return Err(Failure::not_found("credential of this person", &which));
    };
    let ended = where_signed_in::end_all(&change, &row.id, None).await?;
    body.as_object_mut().map(|fields| fields.insert("ended".into(), ended.into()));
    said(&change, &actor, (kind, format!("{what} of {:?} was removed", row.name)), &body, &row).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes the event about a person.
pub(super) async fn said(
    change: &Change,
    actor: &Actor,
    (kind, words): (&str, String),
    body: &serde_json::Value,
    about: &person::Model,
) -> Outcome<()> {
    let mut event = NewEvent::new(kind, words, body)?;
    event.person = Some(PersonId::parse(&about.id)?);
    record(change, By::Person(actor), event).await
}
