//! One's own account: what one signs in with, where one is signed in, and taking either away.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::sign_in::{Credentials, SignedIn};
use brevet_core::id::PersonId;
use brevet_core::time::Length;
use sea_orm::EntityTrait as _;

use crate::console::{Made, Place, Shell, Visitor, filters, page, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::credentials::Which;
use crate::sign_in::routes::said;
use crate::sign_in::{credentials, passkey, where_signed_in};
use crate::store::Change;
use crate::store::entities::person;

/// So long after a sign-in, it may change how one signs in: a browser that somebody left open may not.
const FRESH: Length = Length::from_minutes(15);

#[derive(Template)]
#[template(path = "sign_in/account.html")]
struct Account {
    shell: Shell,
    has: Credentials,
    suffices: bool,
    fresh: bool,
    passkeys: bool,
    here: String,
    sign_ins: Vec<SignedIn>,
    form: Form,
}

/// What was wrong with what somebody filled in; a password is never shown again.
#[derive(Default)]
pub(super) struct Form {
    pub password: Option<Failure>,
    pub passkey: Option<Failure>,
    pub passkey_name: String,
}

pub(super) async fn show(visitor: Visitor) -> Outcome<Response> {
    shown(&visitor, Form::default()).await
}

pub(super) async fn shown(visitor: &Visitor, form: Form) -> Outcome<Response> {
    let (has, sign_ins): (Credentials, Page<SignedIn>) =
        tokio::try_join!(visitor.read("/me/credentials"), visitor.read("/me/sign-ins?limit=50"))?;
    let failed = form.password.is_some() || form.passkey.is_some();
    let response = page(&Account {
        shell: visitor.shell(Place::Nowhere, "Your account"),
        suffices: has.suffice(),
        fresh: is_fresh(visitor, &has),
        passkeys: passkey::possible(&visitor.app),
        here: visitor.signed.id.clone(),
        has,
        sign_ins: sign_ins.items,
        form,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// Whoever has nothing else to sign in with cannot be asked to do it again.
fn is_fresh(visitor: &Visitor, has: &Credentials) -> bool {
    let since = visitor.signed.created;
    !has.suffice() || visitor.app.clock.now().minus(FRESH).millis() <= since
}

/// Before any change: not more often than a call, and whoever signed in too long ago is led to the door and back; `None` where they may go on.
pub(super) async fn too_late(visitor: &Visitor) -> Outcome<Option<Response>> {
    visitor.admit()?;
    let has = credentials::of(&visitor.app.store.pool, visitor.actor.person.as_str()).await?;
    let again = || Redirect::to("/sign-in?why=again&next=%2Faccount").into_response();
    Ok((!is_fresh(visitor, &has)).then(again))
}

/// The row of whoever is signed in, in a change.
pub(super) async fn own_row(change: &Change, own: &PersonId) -> Outcome<person::Model> {
    let row = person::Entity::find_by_id(own.as_str()).one(change.tx()).await?;
    row.ok_or_else(|| Failure::internal("whoever is signed in is gone"))
}

pub(super) fn done(word: &str) -> Outcome<Response> {
    Ok(Redirect::to(&format!("/account?said={word}")).into_response())
}

pub(super) async fn remove(visitor: Visitor, Path(which): Path<String>) -> Outcome<Response> {
    if let Some(response) = too_late(&visitor).await? {
        return Ok(response);
    }
    let which = Which::named(&which).ok_or_else(|| Failure::not_found("credential", &which))?;
    let change = Change::begin(&visitor.app).await?;
    let row = own_row(&change, &visitor.actor.person).await?;
    if let Some((kind, what, body)) = credentials::remove(&change, &row.id, &which).await? {
        where_signed_in::end_all(&change, &row.id, Some(&visitor.signed.id)).await?;
        said(&change, &visitor.actor, (kind, format!("{:?} removed {what} of their own", row.name)), &body, &row).await?;
        change.commit().await?;
    }
    done("credential-removed")
}

pub(super) async fn end_one(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let _: Made<()> = visitor.act(Method::DELETE, &format!("/me/sign-ins/{}", part(&id)), None).await?;
    done("ended")
}

pub(super) async fn end_all(visitor: Visitor) -> Outcome<Response> {
    let _: Made<()> = visitor.act(Method::DELETE, "/me/sign-ins", None).await?;
    Ok(Redirect::to("/sign-in?why=out").into_response())
}
