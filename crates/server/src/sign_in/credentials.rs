//! What a person can sign in with: as it is shown, and taking it away.

use brevet_api::rest::sign_in::{Credential, Credentials, Identity, Passkey, Way};
use brevet_core::id::{PasskeyId, PersonId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use crate::console::Visitor;
use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::{passkey, person_app, person_identity, person_password, recovery_code};

/// As the API shows it.
pub(super) async fn of<C: ConnectionTrait>(connection: &C, person: &str) -> Outcome<Credentials> {
    let set_up = |since: i64, known_by: Option<String>| -> Outcome<Credential> {
        Ok(Credential { since: Timestamp::from_millis(since), known_by: known_by.as_deref().map(PersonId::parse).transpose()? })
    };
    let password = person_password::Entity::find_by_id(person).one(connection).await?;
    let app = person_app::Entity::find_by_id(person).one(connection).await?;
    let identity = person_identity::Entity::find_by_id(person).one(connection).await?;
    let codes = recovery_code::Entity::find().filter(recovery_code::Column::Person.eq(person)).count(connection).await?;
    let keys = passkey::Entity::find().filter(passkey::Column::Person.eq(person)).order_by_asc(passkey::Column::Id).all(connection).await?;
    Ok(Credentials {
        password: password.map(|row| set_up(row.since, row.known_by)).transpose()?,
        app: app.map(|row| set_up(row.since, row.known_by)).transpose()?,
        recovery_codes: codes,
        passkeys: keys.into_iter().map(shown).collect::<Outcome<_>>()?,
        identity: identity.map(|row| Identity { issuer: row.issuer, subject: row.subject, since: Timestamp::from_millis(row.since) }),
    })
}

fn shown(row: passkey::Model) -> Outcome<Passkey> {
    Ok(Passkey {
        id: PasskeyId::parse(&row.id)?,
        name: row.name,
        since: Timestamp::from_millis(row.since),
        last_used: row.last_used.map(Timestamp::from_millis),
        known_by: row.known_by.as_deref().map(PersonId::parse).transpose()?,
    })
}

/// Something that can be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    Password,
    /// The authenticator app, and with it the recovery codes.
    App,
    Passkey(PasskeyId),
}

impl Which {
    /// As an address names it.
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "password" => Some(Self::Password),
            "app" => Some(Self::App),
            id => PasskeyId::parse(id).ok().map(Self::Passkey),
        }
    }
}

/// Takes it away: the kind of the event and what it says; nothing where there was none.
pub(super) async fn remove(change: &Change, person: &str, which: &Which) -> Outcome<Option<(&'static str, &'static str, Value)>> {
    let tx = change.tx();
    let gone = match which {
        Which::Password => {
            let gone = person_password::Entity::delete_by_id(person).exec(tx).await?.rows_affected;
            (gone > 0).then(|| ("person.password_removed", "the password", json!({})))
        }
        Which::App => {
            recovery_code::Entity::delete_many().filter(recovery_code::Column::Person.eq(person)).exec(tx).await?;
            let gone = person_app::Entity::delete_by_id(person).exec(tx).await?.rows_affected;
            (gone > 0).then(|| ("person.app_removed", "the authenticator app", json!({})))
        }
        Which::Passkey(id) => {
            let row = passkey::Entity::find_by_id(id.as_str()).one(tx).await?.filter(|row| row.person == person);
            let Some(row) = row else { return Ok(None) };
            passkey::Entity::delete_by_id(&row.id).exec(tx).await?;
            Some(("person.passkey_removed", "a passkey", json!({ "id": row.id, "name": row.name })))
        }
    };
    Ok(gone)
}

/// Everything that a person could sign in with, for somebody who is removed.
///
/// # Errors
/// When the database does not take it.
pub async fn remove_all(change: &Change, person: &str) -> Outcome<()> {
    let tx = change.tx();
    person_password::Entity::delete_by_id(person).exec(tx).await?;
    person_app::Entity::delete_by_id(person).exec(tx).await?;
    person_identity::Entity::delete_by_id(person).exec(tx).await?;
    recovery_code::Entity::delete_many().filter(recovery_code::Column::Person.eq(person)).exec(tx).await?;
    passkey::Entity::delete_many().filter(passkey::Column::Person.eq(person)).exec(tx).await?;
    Ok(())
}

/// One thing of this that four eyes guards: whose it is, its key and kind, and what is shown of it.
pub struct Guarded {
    /// Whose.
    pub person: String,
    /// Finds the same thing at another moment.
    pub key: String,
    /// Its kind.
    pub kind: &'static str,
    /// What is shown of it.
    pub content: Value,
}

/// All of it, as it stands.
///
/// # Errors
/// When the database does not answer.
pub async fn guarded<C: ConnectionTrait>(connection: &C) -> Outcome<Vec<Guarded>> {
    let mut all = Vec::new();
    for row in person_password::Entity::find().all(connection).await? {
        let key = format!("password {} {}", row.person, row.since);
        all.push(Guarded { person: row.person, key, kind: "password", content: json!({ "since": row.since }) });
    }
    for row in person_app::Entity::find().all(connection).await? {
        let key = format!("app {} {}", row.person, row.since);
        all.push(Guarded { person: row.person, key, kind: "authenticator_app", content: json!({ "since": row.since }) });
    }
    for row in passkey::Entity::find().all(connection).await? {
        all.push(Guarded { person: row.person, key: row.id, kind: "passkey", content: json!({ "name": row.name, "since": row.since }) });
    }
    for row in person_identity::Entity::find().all(connection).await? {
        let content = json!({ "issuer": row.issuer, "subject": row.subject });
        all.push(Guarded { key: format!("identity {}", row.person), person: row.person, kind: "identity", content });
    }
    Ok(all)
}

/// Who else knows what somebody sets up in this sign-in. By a link that one other person made while one alone could make it, the person
/// whose link it is comes to be there at all: what they set up is their own. The link itself stays the other's for as long as that sign-in
/// lasts, with every token made in it.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn knower<C: ConnectionTrait>(connection: &C, visitor: &Visitor) -> Outcome<Option<String>> {
    let invited = visitor.signed.way == Way::Link.name() && !crate::settings::four_eyes(connection).await?;
    Ok(visitor.actor.known_by.as_ref().filter(|_| !invited).map(ToString::to_string))
}
