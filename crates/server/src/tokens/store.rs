//! Making tokens.

use brevet_api::rest::person::Role;
use brevet_api::rest::{Code, TOKEN_PREFIX};
use brevet_core::id::{PersonId, TokenId};
use brevet_core::time::Length;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};

use crate::access::{Scopes, roles_to_text};
use crate::clock;
use crate::http::failure::{Failure, Outcome};
use crate::http::signed_in::hash;
use crate::store::Change;
use crate::store::entities::{person, token};

/// What a token is to be.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `token::NewToken`")]
pub struct New {
    pub name: String,
    pub person: PersonId,
    pub roles: Vec<Role>,
    pub scopes: Scopes,
    pub decides: bool,
    pub lives: Length,
    /// Who makes it, where that is somebody else.
    pub made_by: Option<PersonId>,
}

/// A person has at most so many that have not ended: more than anybody looks after, and a bound for what a stolen one can leave behind.
const MOST: u64 = 50;

async fn refuse_too_many(change: &Change, person: &PersonId) -> Outcome<()> {
    let open = token::Entity::find()
        .filter(token::Column::Person.eq(person.as_str()))
        .filter(token::Column::Revoked.eq(false))
        .filter(token::Column::Expires.gt(change.now.millis()))
        .count(change.tx())
        .await?;
    if open < MOST {
        return Ok(());
    }
    let whose = person::Entity::find_by_id(person.as_str()).one(change.tx()).await?.map(|person| person.name).unwrap_or_default();
    let said = format!("{whose:?} has {open} tokens that have not ended, and nobody may have more than {MOST}");
    Err(Failure::new(Code::TooMany).because(said).hint("revoke those that are not needed any more"))
}

/// Makes a token: its id and its whole text. The caller writes the event.
///
/// # Errors
/// `too_many`, or when the database does not take it.
pub async fn create(change: &Change, new: &New) -> Outcome<(TokenId, String)> {
    refuse_too_many(change, &new.person).await?;
    let id = clock::id(TokenId::new, change.now)?;
    let text = format!("{TOKEN_PREFIX}{}", clock::secret()?);
    let row = token::ActiveModel {
        id: Set(id.to_string()),
        hash: Set(hash(&text).to_string()),
        name: Set(new.name.clone()),
        person: Set(new.person.to_string()),
        roles: Set(roles_to_text(&new.roles)),
        scopes: Set(new.scopes.to_text()?),
        decides: Set(new.decides),
        created: Set(change.now.millis()),
        expires: Set(change.now.plus(new.lives).millis()),
        last_used: Set(None),
        revoked: Set(false),
        made_by: Set(new.made_by.as_ref().map(ToString::to_string)),
    };
    token::Entity::insert(row).exec_without_returning(change.tx()).await?;
    Ok((id, text))
}
