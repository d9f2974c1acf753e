//! Who somebody is here, whom the provider of single sign-on has vouched for; and which roles its groups give.
//!
//! INVARIANT: nobody comes in who is not a person here and enabled. Once found by a name, a person is known by the provider's own name for
//! them: whoever gets that name later at the provider is not them.

use std::collections::BTreeSet;

use brevet_api::rest::Code;
use brevet_api::rest::person::Role;
use brevet_api::rest::sign_in::{Credentials, MatchedBy, NewIdentity};
use brevet_core::digest::Fields;
use brevet_core::id::PersonId;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Map, Value};

use axum::extract::State;
use axum::http::StatusCode;

use super::routes::said;
use super::{credentials, where_signed_in};
use crate::access::{Actor, roles_from_text, roles_to_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::config::OpenId;
use crate::http::extract::{Body, Json, Path};
use crate::http::failure::{Failure, Outcome};
use crate::people::{refuse_last_owner, store as people};
use crate::store::Change;
use crate::store::entities::{person, person_identity};

/// Longer than any provider's name for somebody (OpenID Connect has 255).
const LONGEST_SUBJECT: usize = 255;

fn key(issuer: &str, subject: &str) -> String {
    Fields::new("brevet identity 1").text(issuer).text(subject).finish().to_string()
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The person, found or refused in words for whoever stands at the door.
pub(super) async fn found(change: &Change, config: &OpenId, claims: &Map<String, Value>) -> Outcome<person::Model> {
    let subject = text(claims, "sub").ok_or_else(|| Failure::internal("a token without a subject"))?;
    let known = person_identity::Entity::find().filter(person_identity::Column::Key.eq(key(&config.issuer, subject)));
    if let Some(identity) = known.one(change.tx()).await? {
        let person = person::Entity::find_by_id(&identity.person).one(change.tx()).await?;
        return person.filter(|person| person.enabled).ok_or_else(|| nobody(config, subject));
    }
    let name = match config.matched_by {
        MatchedBy::Subject => None,
        MatchedBy::Email => text(claims, "email").filter(|_| claims.get("email_verified") == Some(&Value::Bool(true))),
        MatchedBy::PreferredUsername => text(claims, "preferred_username"),
    };
    let name = name.filter(|name| !name.contains('\0')).ok_or_else(|| nobody(config, subject))?;
    let person = person::Entity::find().filter(person::Column::Name.eq(name)).filter(person::Column::Enabled.eq(true));
    let person = person.one(change.tx()).await?.ok_or_else(|| nobody(config, subject))?;
    // Somebody else there was this person before.
    if person_identity::Entity::find_by_id(&person.id).one(change.tx()).await?.is_some() {
        return Err(nobody(config, subject));
    }
    keep(change, config, &person.id, subject).await?;
    let words = format!("{:?} is {subject:?} at {}, found by name", person.name, config.issuer);
    server_said(change, ("person.identity_linked", words), &serde_json::json!({ "issuer": config.issuer, "subject": subject }), &person)
        .await?;
    Ok(person)
}

fn nobody(config: &OpenId, subject: &str) -> Failure {
    Failure::new(Code::Forbidden)
        .because(format!("{} knows you as {subject:?}, and nobody who may sign in here is that", config.name))
        .hint("an owner records it: brevetctl person identity NAME SUBJECT")
}

async fn keep(change: &Change, config: &OpenId, person: &str, subject: &str) -> Outcome<()> {
    person_identity::Entity::delete_by_id(person).exec(change.tx()).await?;
    let row = person_identity::ActiveModel {
        person: Set(person.into()),
        issuer: Set(config.issuer.clone()),
        subject: Set(subject.into()),
        key: Set(key(&config.issuer, subject)),
        since: Set(change.now.millis()),
    };
    person_identity::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(())
}

async fn server_said(change: &Change, (kind, words): (&str, String), body: &Value, about: &person::Model) -> Outcome<()> {
    let mut event = NewEvent::new(kind, words, body)?;
    event.person = Some(PersonId::parse(&about.id)?);
    record(change, By::Server, event).await
}

/// What the groups give, where the configuration says that they give roles: the person with them.
pub(super) async fn with_roles(
    change: &Change,
    config: &OpenId,
    claims: &Map<String, Value>,
    person: person::Model,
) -> Outcome<person::Model> {
    if config.groups.is_empty() {
        return Ok(person);
    }
    let groups: BTreeSet<&str> = match claims.get(&config.groups_claim) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        _ => BTreeSet::new(),
    };
    let roles: BTreeSet<Role> =
        config.groups.iter().filter(|(group, _)| groups.contains(group.as_str())).flat_map(|(_, roles)| roles).copied().collect();
    if roles.is_empty() {
        return Err(Failure::new(Code::Forbidden).because(format!("none of your groups at {} gives you a role here", config.name)));
    }
    let roles: Vec<Role> = roles.into_iter().collect();
    let (before, after) = (roles_from_text(&person.roles), roles_to_text(&roles));
    if person.roles == after {
        return Ok(person);
    }
    if before.contains(&Role::Owner) && !roles.contains(&Role::Owner) {
        refuse_last_owner(change, &person).await?;
    }
    // What a role is narrowed to stays with the person, also while they do not have the role.
    person::Entity::update_many()
        .col_expr(person::Column::Roles, Expr::value(after.clone()))
        .filter(person::Column::Id.eq(&person.id))
        .exec(change.tx())
        .await?;
    let words = format!("person {:?} now has the roles {after}, by their groups at {}", person.name, config.issuer);
    let body = serde_json::json!({ "roles": roles, "before": before, "issuer": config.issuer });
    server_said(change, ("person.roles_changed", words), &body, &person).await?;
    Ok(person::Model { roles: after, ..person })
}

/// `PUT persons/{ref}/identity`.
pub(super) async fn set(
    State(app): State<App>,
    actor: Actor,
    Path(reference): Path<String>,
    Body(body): Body<NewIdentity>,
) -> Outcome<Json<Credentials>> {
    let config = app.config.openid.as_ref().ok_or_else(none)?;
    if body.subject.is_empty() || body.subject.len() > LONGEST_SUBJECT {
        return Err(Failure::field("subject", "from 1 to 255 bytes, as the provider has it"));
    }
    let change = Change::begin(&app).await?;
    let row = people::find(change.tx(), &reference).await?;
    if row.removed {
        return Err(Failure::new(Code::WrongState).because("the person was removed"));
    }
    let taken = person_identity::Entity::find().filter(person_identity::Column::Key.eq(key(&config.issuer, &body.subject)));
    if taken.one(change.tx()).await?.is_some_and(|taken| taken.person != row.id) {
        return Err(Failure::field("subject", "another person is that"));
    }
    keep(&change, config, &row.id, &body.subject).await?;
    let words = format!("{:?} is {:?} at {}", row.name, body.subject, config.issuer);
    let said_of = serde_json::json!({ "issuer": config.issuer, "subject": body.subject });
    said(&change, &actor, ("person.identity_linked", words), &said_of, &row).await?;
    let shown = credentials::of(change.tx(), &row.id).await?;
    change.commit().await?;
    Ok(Json(shown))
}

fn none() -> Failure {
    Failure::new(Code::WrongState).because("the server's configuration names no provider of single sign-on")
}

/// `DELETE persons/{ref}/identity`.
pub(super) async fn unset(State(app): State<App>, actor: Actor, Path(reference): Path<String>) -> Outcome<StatusCode> {
    let change = Change::begin(&app).await?;
    let row = people::find(change.tx(), &reference).await?;
    let Some(was) = person_identity::Entity::find_by_id(&row.id).one(change.tx()).await? else {
        return Err(Failure::not_found("identity of this person", &reference));
    };
    person_identity::Entity::delete_by_id(&row.id).exec(change.tx()).await?;
    let ended = where_signed_in::end_all(&change, &row.id, None).await?;
    let words = format!("{:?} is no longer {:?} at {}", row.name, was.subject, was.issuer);
    let body = serde_json::json!({ "issuer": was.issuer, "subject": was.subject, "ended": ended });
    said(&change, &actor, ("person.identity_unlinked", words), &body, &row).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
