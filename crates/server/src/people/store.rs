//! Persons in the database.

use brevet_api::rest::Code;
use brevet_api::rest::person::{OsUser, Person, Role, SignIn};
use brevet_core::id::PersonId;
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::access::{Scopes, roles_from_text, roles_to_text};
use crate::app::App;
use crate::audit::{By, NewEvent, record};
use crate::clock;
use crate::documents::sequence::unsigned;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::hash;
use crate::store::Change;
use crate::store::entities::{computer, event_view, person, person_os_user, sign_in, token};

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
        removed: row.removed,
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
    if let Some(taken) = person::Entity::find().filter(person::Column::Name.eq(name)).one(change.tx()).await? {
        let failure = Failure::new(Code::NameTaken);
        return Err(if taken.removed {
            failure.because(format!("{name:?} was a person who was removed: events go on meaning them")).hint("take another name")
        } else {
            failure.because(format!("there is a person {name:?} already"))
        });
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
        removed: Set(false),
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

/// What ended with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Ended {
    /// Tokens that still worked.
    pub tokens: u64,
    /// Places where they were signed in.
    pub sessions: u64,
    /// Links to OS users.
    pub os_users: u64,
}

/// Removes a person for good: they come in nowhere any more. WHY the row stays, with its name: what they did and decided goes on
/// saying who it was, and nobody else ever is that name.
///
/// # Errors
/// When the database does not take it.
pub async fn remove(change: &Change, person: &person::Model) -> Outcome<Ended> {
    let id = person.id.as_str();
    person::Entity::update_many()
        .col_expr(person::Column::Enabled, Expr::value(false))
        .col_expr(person::Column::Removed, Expr::value(true))
        .filter(person::Column::Id.eq(id))
        .exec(change.tx())
        .await?;
    let tokens = token::Entity::update_many()
        .col_expr(token::Column::Revoked, Expr::value(true))
        .filter(token::Column::Person.eq(id))
        .filter(token::Column::Revoked.eq(false))
        .exec(change.tx())
        .await?;
    sign_in::Entity::delete_many().filter(sign_in::Column::Person.eq(id)).exec(change.tx()).await?;
    event_view::Entity::delete_many().filter(event_view::Column::Person.eq(id)).exec(change.tx()).await?;
    let sessions = crate::sign_in::end_all(change, id, None).await?;
    crate::sign_in::remove_all(change, id).await?;
    let os_users = person_os_user::Entity::delete_many().filter(person_os_user::Column::Person.eq(id)).exec(change.tx()).await?;
    Ok(Ended { tokens: tokens.rows_affected, sessions, os_users: os_users.rows_affected })
}

/// Whether two persons are the same OS user somewhere.
///
/// # Errors
/// When the database does not answer.
pub async fn same_os_user<C: ConnectionTrait>(connection: &C, one: &str, other: &str) -> Outcome<bool> {
    let links = |person: &str| person_os_user::Entity::find().filter(person_os_user::Column::Person.eq(person)).all(connection);
    let (one, other) = (links(one).await?, links(other).await?);
    let same = |a: &person_os_user::Model, b: &person_os_user::Model| {
        a.user == b.user && (a.computer.is_empty() || b.computer.is_empty() || a.computer == b.computer)
    };
    Ok(one.iter().any(|a| other.iter().any(|b| same(a, b))))
}

/// A link that signs in once: its secret. `shown_to` sees it, and so could use it; under four eyes that is whoever confirms.
///
/// # Errors
/// When the database does not take it.
pub async fn sign_in_link(change: &Change, person: &PersonId, shown_to: Option<&PersonId>) -> Outcome<(String, Timestamp)> {
    let secret = clock::secret()?;
    let expires = change.now.plus(LINK_LIVES);
    sign_in::Entity::delete_many().filter(sign_in::Column::Expires.lt(change.now.millis())).exec(change.tx()).await?;
    let row = sign_in::ActiveModel {
        hash: Set(hash(&secret).to_string()),
        person: Set(person.to_string()),
        expires: Set(expires.millis()),
        used: Set(false),
        // Whoever confirmed it as a second person was shown it.
        made_by: Set(crate::proposals::confirming().as_ref().or(shown_to).filter(|who| *who != person).map(ToString::to_string)),
    };
    sign_in::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok((secret, expires))
}

/// A link for somebody who cannot sign in any more, made on the server's own machine: nobody else of the installation has seen it.
///
/// # Errors
/// `not_found`; `wrong_state` where they may not sign in.
pub async fn recovery_link(app: &App, base: &str, reference: &str) -> Outcome<SignIn> {
    let change = Change::begin(app).await?;
    let row = find(change.tx(), reference).await?;
    if !row.enabled {
        let words = if row.removed { "the person was removed" } else { "the person is disabled" };
        return Err(Failure::new(Code::WrongState).because(words).hint("choose an owner who is enabled: brevetctl person list"));
    }
    let person = PersonId::parse(&row.id)?;
    let (secret, expires) = sign_in_link(&change, &person, None).await?;
    let said = serde_json::json!({ "expires": expires });
    let words = format!("a sign-in link for {:?} was made on the server", row.name);
    let mut event = NewEvent::new("person.recovery_link_made", words, &said)?;
    event.person = Some(person.clone());
    record(&change, By::Server, event).await?;
    change.commit().await?;
    Ok(SignIn { person, sign_in: format!("{base}/sign-in/{secret}"), expires })
}
