//! Adding a passkey of one's own, and naming it.

use axum::Form as Posted;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Code;
use brevet_core::id::PasskeyId;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde::Deserialize;

use super::account::{Form, done, own_row, shown, too_late};
use super::app::own_key;
use crate::clock;
use crate::console::Visitor;
use crate::http::extract::{Json, Path};
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::credentials;
use crate::sign_in::passkey;
use crate::sign_in::routes::said;
use crate::sign_in::steps::{self, Kind, Step};
use crate::store::Change;
use crate::store::entities::passkey as row;

pub(super) async fn ask(visitor: Visitor) -> Outcome<Response> {
    if too_late(&visitor).await?.is_some() {
        return Err(Failure::new(Code::WrongState).because("you signed in too long ago to change how you sign in: sign in once more"));
    }
    let challenge = passkey::ask_new(&visitor.app, visitor.actor.person.as_str(), &visitor.actor.name).await?;
    let change = Change::begin(&visitor.app).await?;
    let person = visitor.actor.person.to_string();
    let step = Step { kind: Kind::NewPasskey, person: Some(person), state: challenge.state, known_by: None, next: String::new() };
    steps::put(&change, own_key(&visitor, "passkey"), step).await?;
    change.commit().await?;
    Ok(Json(challenge.options).into_response())
}

#[derive(Deserialize)]
pub(super) struct New {
    name: String,
    credential: String,
}

fn check_name(name: &str) -> Outcome<&str> {
    let name = name.trim();
    crate::definitions::check::check_name(name).map_err(|reason| Failure::field("name", reason))?;
    Ok(name)
}

pub(super) async fn add(visitor: Visitor, Posted(new): Posted<New>) -> Outcome<Response> {
    match added(&visitor, &new).await {
        Ok(response) => Ok(response),
        Err(why) if why.is_internal() => Err(why),
        Err(why) => shown(&visitor, Form { passkey: Some(why), passkey_name: new.name, ..Form::default() }).await,
    }
}

async fn added(visitor: &Visitor, new: &New) -> Outcome<Response> {
    let (app, now) = (&visitor.app, visitor.app.clock.now());
    let Some(step) = steps::read(&app.store.pool, Some(own_key(visitor, "passkey")), Kind::NewPasskey, now).await? else {
        return done("too-late");
    };
    let name = check_name(&new.name)?;
    // Whatever the answer is worth, it was the one to this challenge.
    let change = Change::begin(app).await?;
    if !steps::take(&change, &step).await? {
        return done("too-late");
    }
    change.commit().await?;
    let (credential, content) = passkey::answer_new(app, &step.state, &new.credential)?;
    let change = Change::begin(app).await?;
    let person = own_row(&change, &visitor.actor.person).await?;
    let theirs = row::Entity::find().filter(row::Column::Person.eq(&person.id)).count(change.tx()).await?;
    if usize::try_from(theirs).unwrap_or(usize::MAX) >= passkey::MOST {
        return Err(Failure::new(Code::TooMany).because("you have as many passkeys as anybody may: remove one first"));
    }
    if row::Entity::find().filter(row::Column::Credential.eq(&credential)).one(change.tx()).await?.is_some() {
        return Err(Failure::new(Code::Invalid).because("this passkey is known already"));
    }
    let id = clock::id(PasskeyId::new, change.now)?;
    let known_by = credentials::knower(change.tx(), visitor).await?;
    let kept = row::ActiveModel {
        id: Set(id.to_string()),
        credential: Set(credential),
        person: Set(person.id.clone()),
        name: Set(name.into()),
        since: Set(change.now.millis()),
        last_used: Set(None),
        content: Set(content),
        // Whoever else could have signed in here could have added it.
        known_by: Set(known_by.clone()),
    };
    row::Entity::insert(kept).exec_without_returning(change.tx()).await?;
    let body = serde_json::json!({ "id": id, "name": name, "known_by": known_by });
    said(&change, &visitor.actor, ("person.passkey_added", format!("{:?} added the passkey {name:?}", person.name)), &body, &person)
        .await?;
    change.commit().await?;
    done("passkey-added")
}

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn rename(visitor: Visitor, Path(id): Path<String>, Posted(named): Posted<Named>) -> Outcome<Response> {
    let name = match check_name(&named.name) {
        Ok(name) => name,
        Err(why) => return shown(&visitor, Form { passkey: Some(why), ..Form::default() }).await,
    };
    let change = Change::begin(&visitor.app).await?;
    let person = own_row(&change, &visitor.actor.person).await?;
    let renamed = row::Entity::update_many()
        .col_expr(row::Column::Name, Expr::value(name))
        .filter(row::Column::Id.eq(&id))
        .filter(row::Column::Person.eq(&person.id))
        .exec(change.tx())
        .await?;
    if renamed.rows_affected != 1 {
        return Err(Failure::not_found("passkey of yours", &id));
    }
    let body = serde_json::json!({ "id": id, "name": name });
    let words = format!("{:?} named a passkey {name:?}", person.name);
    said(&change, &visitor.actor, ("person.passkey_renamed", words), &body, &person).await?;
    change.commit().await?;
    done("changed")
}
