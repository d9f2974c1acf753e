//! Computers: what is known of each, and taking rights away from one.

pub mod enrolment;
pub mod facts;
mod journal;
pub(crate) mod pages;
pub mod policies;
pub mod presence;
pub mod quarantine;
mod routes;
mod show;

pub use routes::routes;
pub use show::shown;

use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::http::failure::{Failure, Outcome};
use crate::store::entities::computer;

/// A computer by id or name, the id first.
///
/// # Errors
/// `not_found`.
pub async fn find<C: ConnectionTrait>(connection: &C, reference: &str) -> Outcome<computer::Model> {
    if let Some(row) = computer::Entity::find_by_id(reference).one(connection).await? {
        return Ok(row);
    }
    let named = computer::Entity::find().filter(computer::Column::NameKey.eq(reference)).one(connection).await?;
    named.ok_or_else(|| Failure::not_found("computer", reference))
}
