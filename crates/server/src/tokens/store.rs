//! Making tokens.

use brevet_api::rest::TOKEN_PREFIX;
use brevet_api::rest::person::Role;
use brevet_core::id::{PersonId, TokenId};
use brevet_core::time::Length;
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use crate::access::{Scopes, roles_to_text};
use crate::clock;
use crate::http::failure::Outcome;
use crate::http::signed_in::hash;
use crate::store::Change;
use crate::store::entities::token;

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

/// Makes a token: its id and its whole text. The caller writes the event.
///
/// # Errors
/// When the database does not take it.
pub async fn create(change: &Change, new: &New) -> Outcome<(TokenId, String)> {
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
