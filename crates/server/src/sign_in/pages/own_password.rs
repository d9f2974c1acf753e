//! Setting one's own password: every other sign-in of the person ends with it.

use axum::Form as Posted;
use axum::response::Response;
use sea_orm::{ActiveValue::Set, EntityTrait as _};
use serde::Deserialize;

use super::account::{Form, done, own_row, shown, too_late};
use crate::console::Visitor;
use crate::http::failure::{Failure, Outcome};
use crate::sign_in::credentials;
use crate::sign_in::routes::said;
use crate::sign_in::{password, where_signed_in};
use crate::store::Change;
use crate::store::entities::person_password;

#[derive(Deserialize)]
pub(super) struct Fields {
    password: String,
    again: String,
}

pub(super) async fn set(visitor: Visitor, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    if let Some(response) = too_late(&visitor).await? {
        return Ok(response);
    }
    if let Err(why) = check(&visitor, &fields).await {
        return shown(&visitor, Form { password: Some(why), ..Form::default() }).await;
    }
    let hash = password::keep(&visitor.app, &fields.password).await?;
    let change = Change::begin(&visitor.app).await?;
    let row = own_row(&change, &visitor.actor.person).await?;
    person_password::Entity::delete_by_id(&row.id).exec(change.tx()).await?;
    let known_by = credentials::knower(change.tx(), &visitor).await?;
    let new = person_password::ActiveModel {
        person: Set(row.id.clone()),
        hash: Set(hash),
        since: Set(change.now.millis()),
        // Whoever else could have signed in here could have set it.
        known_by: Set(known_by.clone()),
    };
    person_password::Entity::insert(new).exec_without_returning(change.tx()).await?;
    let ended = where_signed_in::end_all(&change, &row.id, Some(&visitor.signed.id)).await?;
    let body = serde_json::json!({ "ended": ended, "known_by": known_by });
    said(&change, &visitor.actor, ("person.password_set", format!("{:?} set a password", row.name)), &body, &row).await?;
    change.commit().await?;
    done("password-set")
}

async fn check(visitor: &Visitor, fields: &Fields) -> Outcome<()> {
    if fields.password != fields.again {
        return Err(Failure::field("again", "the two are not the same"));
    }
    password::refuse_weak(&visitor.app, &visitor.actor.name, &fields.password).await
}
