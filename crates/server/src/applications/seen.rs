//! Counting what was seen: in the same transaction as the event that says so.

use brevet_core::application::Facts;
use brevet_core::digest::Fields;
use brevet_core::record::Body;
use brevet_core::time::Timestamp;
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, QueryFilter as _};

use crate::store::entities::{application, application_use};

/// Somebody and an application.
pub struct Sight<'a> {
    user: &'a str,
    facts: &'a Facts,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Asked,
    Ran,
    Refused,
}

/// What of a record is counted.
#[must_use]
pub fn sight(body: &Body) -> Option<Sight<'_>> {
    Some(match body {
        Body::RequestCreated(it) => Sight { user: &it.user.name, facts: &it.command.application, how: How::Asked },
        Body::SessionStarted(it) => Sight { user: &it.user.name, facts: &it.command.application, how: How::Ran },
        Body::LaunchRefused(it) => Sight { user: &it.user.name, facts: it.application.as_deref()?, how: How::Refused },
        _ => return None,
    })
}

/// The id of an application: the same wherever path, content, package and version are.
///
/// # Errors
/// When a fact has no JSON form.
pub fn id(facts: &Facts) -> Result<String, serde_json::Error> {
    let package = facts.package.known().and_then(Option::as_ref).map(|package| (&package.name, &package.version));
    let fields = Fields::new("brevet application 1").bytes(facts.path.as_bytes()).bytes(facts.sha256.as_bytes()).json(&package)?;
    Ok(fields.finish().as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn words(facts: &Facts) -> String {
    let package = facts.package.known().and_then(Option::as_ref);
    let parts =
        [Some(facts.path.to_string()), package.map(|package| package.name.clone()), package.and_then(|package| package.vendor.clone())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Counts it.
///
/// # Errors
/// When the database does not take it.
pub async fn note<C: ConnectionTrait>(connection: &C, computer: &str, sight: &Sight<'_>, now: i64) -> Result<(), DbErr> {
    let json = |error: serde_json::Error| DbErr::Custom(error.to_string());
    let id = id(sight.facts).map_err(json)?;
    let row = application::ActiveModel {
        id: Set(id.clone()),
        words: Set(words(sight.facts)),
        facts: Set(serde_json::to_string(sight.facts).map_err(json)?),
    };
    let known = OnConflict::column(application::Column::Id).do_nothing().to_owned();
    application::Entity::insert(row).on_conflict(known).exec_without_returning(connection).await?;
    let once = |how: How| i64::from(sight.how == how);
    let row = application_use::ActiveModel {
        application: Set(id),
        computer: Set(computer.to_owned()),
        user: Set(sight.user.to_owned()),
        requests: Set(once(How::Asked)),
        sessions: Set(once(How::Ran)),
        refused: Set(once(How::Refused)),
        first: Set(now),
        last: Set(now),
    };
    use application_use::Column as U;
    let more = |column: U, by: i64| Expr::col((application_use::Entity, column)).add(by);
    let again = OnConflict::columns([U::Application, U::Computer, U::User])
        .value(U::Requests, more(U::Requests, once(How::Asked)))
        .value(U::Sessions, more(U::Sessions, once(How::Ran)))
        .value(U::Refused, more(U::Refused, once(How::Refused)))
        .value(U::Last, Expr::val(now))
        .to_owned();
    application_use::Entity::insert(row).on_conflict(again).exec_without_returning(connection).await?;
    Ok(())
}

/// Retention: what nobody used since then is forgotten.
///
/// # Errors
/// When the database does not take it.
pub async fn forget<C: ConnectionTrait>(connection: &C, before: Timestamp) -> Result<(), DbErr> {
    let old = application_use::Column::Last.lt(before.millis());
    let gone = application_use::Entity::delete_many().filter(old).exec(connection).await?;
    if gone.rows_affected > 0 {
        let used = Query::select().column(application_use::Column::Application).from(application_use::Entity).to_owned();
        application::Entity::delete_many().filter(application::Column::Id.not_in_subquery(used)).exec(connection).await?;
    }
    Ok(())
}
