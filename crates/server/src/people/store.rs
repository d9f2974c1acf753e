//! Persons in the database.

use brevet_api::rest::Code;
use brevet_api::rest::person::{OsUser, Person, Role};
use brevet_core::id::PersonId;
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::access::{Scopes, roles_from_text, roles_to_text};
use crate::clock;
use crate::documents::sequence::unsigned;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::hash;
use crate::store::Change;
use crate::store::entities::{computer, person, person_os_user, sign_in};

/// How long a sign-in link works.
pub const LINK_LIVES: Length = Length::from_hours(1);

/// A person by id or name, the id first.
///
/// # Errors
/// `not_found`.
pub async fn find<C: ConnectionTrait>(connection: &C, reference: &str) -> Outcome<person::Model> {
    if let Some(row) = person::Entity::find_by_id(reference).one(connection).await? {
        return Ok(row);
    }
    let named = person::Entity::find().filter(person::Column::Name.eq(reference)).one(connection).await?;
    named.ok_or_else(|| Failure::not_found("person", reference))
}

/// As the API shows it.
///
/// # Errors
/// When the database does not answer.
pub async fn shown<C: ConnectionTrait>(connection: &C, row: person::Model) -> Outcome<Person> {
    let links = person_os_user::Entity::find().filter(person_os_user::Column::Person.eq(&row.id)).all(connection).await?;
    let mut os_users = Vec::with_capacity(links.len());
    for link in links {
        let computer = match link.computer.as_str() {
            "" => None,
            id => Some(computer::Entity::find_by_id(id).one(connection).await?.map_or_else(|| id.to_owned(), |row| row.name)),
        };
        os_users.push(OsUser { user: link.user, computer });
    }
    Ok(Person {
        id: PersonId::parse(&row.id)?,
        name: row.name,
        roles: roles_from_text(&row.roles),
        scopes: super::scopes::shown(connection, &Scopes::from_text(&row.scopes)?).await?,
        enabled: row.enabled,
        os_users,
        no_os_user: row.no_os_user,
        created: Timestamp::from_millis(unsigned(row.created).try_into().unwrap_or(0)),
    })
}

/// Adds a person.
///
/// # Errors
/// `name_taken`, `invalid`.
pub async fn create(change: &Change, name: &str, (roles, scopes): (&[Role], &Scopes), no_os_user: bool) -> Outcome<PersonId> {
    crate::definitions::check::check_name(name).map_err(|reason| Failure::field("name", reason))?;
    if roles.is_empty() {
        return Err(Failure::field("roles", "a person needs at least one role"));
    }
    if person::Entity::find().filter(person::Column::Name.eq(name)).one(change.tx()).await?.is_some() {
        return Err(Failure::new(Code::NameTaken).because(format!("there is a person {name:?} already")));
    }
    let id = clock::id(PersonId::new, change.now)?;
    let row = person::ActiveModel {
        id: Set(id.to_string()),
        name: Set(name.into()),
        roles: Set(roles_to_text(roles)),
        enabled: Set(true),
        no_os_user: Set(no_os_user),
        created: Set(change.now.millis()),
        scopes: Set(scopes.to_text()?),
    };
    person::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(id)
}

/// Links an OS user; linking twice is no error.
///
/// # Errors
/// `invalid`, or `not_found` for the computer.
pub async fn link(change: &Change, person: &person::Model, os_user: &OsUser) -> Outcome<()> {
    let plain = !os_user.user.is_empty() && os_user.user.len() <= 256 && !os_user.user.contains([':', '/', '\n', '\0']);
    if !plain {
        return Err(Failure::field("user", "is not a login name"));
    }
    let computer = match &os_user.computer {
        Some(reference) => crate::computers::find(change.tx(), reference).await?.id,
        None => String::new(),
    };
    let key = (person.id.clone(), os_user.user.clone(), computer.clone());
    if person_os_user::Entity::find_by_id(key).one(change.tx()).await?.is_some() {
        return Ok(());
    }
    let row = person_os_user::ActiveModel { person: Set(person.id.clone()), user: Set(os_user.user.clone()), computer: Set(computer) };
    person_os_user::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok(())
}

/// A link that signs in once: its secret.
///
/// # Errors
/// When the database does not take it.
pub async fn sign_in_link(change: &Change, person: &PersonId) -> Outcome<(String, Timestamp)> {
    let secret = clock::secret()?;
    let expires = change.now.plus(LINK_LIVES);
    sign_in::Entity::delete_many().filter(sign_in::Column::Expires.lt(change.now.millis())).exec(change.tx()).await?;
    let row = sign_in::ActiveModel {
        hash: Set(hash(&secret).to_string()),
        person: Set(person.to_string()),
        expires: Set(expires.millis()),
        used: Set(false),
    };
    sign_in::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok((secret, expires))
}
