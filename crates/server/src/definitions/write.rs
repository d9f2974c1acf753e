//! Changing definitions: one row, its history and its event in the same transaction.

use brevet_api::rest::Code;
use brevet_core::id::PolicyId;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, SqlErr};

use super::check;
use super::content::{Content, Definition, Kind, Snapshot, kind_name, new_id};
use super::near::Advice;
use crate::access::Actor;
use crate::audit::{By, NewEvent, record};
use crate::http::failure::{Failure, Outcome};
use crate::store::Change;
use crate::store::entities::{computer_group, definition, definition_change};

/// Why a new version is made: the word in history and event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Reason {
    Created,
    Changed,
    Enabled,
    Disabled,
    Renewed,
    Deleted,
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Renewed => "renewed",
            Self::Deleted => "deleted",
        }
    }

    /// The event's kind ends with created, changed or deleted; the body has the exact word.
    const fn event(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Deleted => "deleted",
            Self::Changed | Self::Enabled | Self::Disabled | Self::Renewed => "changed",
        }
    }
}

fn name_key(content: &Content) -> String {
    format!("{}/{}", kind_name(content.kind()), content.name())
}

/// Adds a definition. The caller checks the whole set and publishes.
///
/// # Errors
/// When the name is taken.
pub async fn create(change: &Change, actor: &Actor, content: Content) -> Outcome<String> {
    let id = new_id(content.kind(), change.now)?;
    let row = definition::ActiveModel {
        id: Set(id.clone()),
        kind: Set(kind_name(content.kind()).into()),
        name: Set(content.name().into()),
        name_key: Set(name_key(&content)),
        version: Set(1),
        renewal: Set(0),
        created: Set(change.now.millis()),
        changed: Set(change.now.millis()),
        deleted: Set(false),
        document: Set(None),
        content: Set(content.to_json()?.to_string()),
    };
    // The index knows whether the name is taken, also of what another replica wrote meanwhile.
    let written = definition::Entity::insert(row).exec_without_returning(change.tx()).await;
    written.map_err(|error| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => taken_name(&content),
        Some(_) | None => Failure::from(error),
    })?;
    note(change, By::Person(actor), &id, 1, Reason::Created, &content, None).await?;
    Ok(id)
}

fn taken_name(content: &Content) -> Failure {
    Failure::new(Code::NameTaken).because(format!("there is a {} {:?} already", kind_name(content.kind()), content.name()))
}

/// Replaces a definition by its next version, if it is still the version that was seen.
///
/// # Errors
/// `version_mismatch` when it is not; `name_taken`.
pub async fn replace(change: &Change, by: By<'_>, old: &Definition, content: Content, reason: Reason) -> Outcome<u64> {
    if content.name() != old.content.name() {
        let taken = definition::Entity::find().filter(definition::Column::NameKey.eq(name_key(&content))).one(change.tx()).await?;
        if taken.is_some() {
            return Err(taken_name(&content));
        }
    }
    let version = old.version.saturating_add(1);
    let renewal = old.renewal.saturating_add(u64::from(reason == Reason::Renewed));
    let changed = definition::Entity::update_many()
        .col_expr(definition::Column::Version, Expr::value(signed(version)))
        .col_expr(definition::Column::Renewal, Expr::value(signed(renewal)))
        .col_expr(definition::Column::Name, Expr::value(content.name()))
        .col_expr(definition::Column::NameKey, Expr::value(name_key(&content)))
        .col_expr(definition::Column::Changed, Expr::value(change.now.millis()))
        .col_expr(definition::Column::Content, Expr::value(content.to_json()?.to_string()))
        .filter(definition::Column::Id.eq(&old.id))
        .filter(definition::Column::Version.eq(signed(old.version)))
        .filter(definition::Column::Deleted.eq(false))
        .exec(change.tx())
        .await?;
    exactly_one(changed.rows_affected)?;
    note(change, by, &old.id, version, reason, &content, None).await?;
    Ok(version)
}

/// Deletes a definition; its history stays.
///
/// # Errors
/// `version_mismatch` when it changed meanwhile.
pub async fn remove(change: &Change, by: By<'_>, old: &Definition) -> Outcome<()> {
    if old.content.kind() == Kind::Group {
        crate::people::scopes::refuse_in_use(change.tx(), &old.id).await?;
    }
    let version = old.version.saturating_add(1);
    let changed = definition::Entity::update_many()
        .col_expr(definition::Column::Version, Expr::value(signed(version)))
        .col_expr(definition::Column::NameKey, Expr::value(old.id.clone()))
        .col_expr(definition::Column::Deleted, Expr::value(true))
        .col_expr(definition::Column::Changed, Expr::value(change.now.millis()))
        .filter(definition::Column::Id.eq(&old.id))
        .filter(definition::Column::Version.eq(signed(old.version)))
        .filter(definition::Column::Deleted.eq(false))
        .exec(change.tx())
        .await?;
    exactly_one(changed.rows_affected)?;
    note(change, by, &old.id, version, Reason::Deleted, &old.content, None).await
}

fn exactly_one(rows: u64) -> Outcome<()> {
    if rows == 1 { Ok(()) } else { Err(Failure::new(Code::VersionMismatch).hint("read it again and repeat the change")) }
}

/// A new version because something that the definition names has changed; its own text stays.
///
/// # Errors
/// When it changed meanwhile.
pub async fn follow(change: &Change, old: &Definition) -> Outcome<u64> {
    let version = old.version.saturating_add(1);
    let changed = definition::Entity::update_many()
        .col_expr(definition::Column::Version, Expr::value(signed(version)))
        .col_expr(definition::Column::Changed, Expr::value(change.now.millis()))
        .filter(definition::Column::Id.eq(&old.id))
        .filter(definition::Column::Version.eq(signed(old.version)))
        .exec(change.tx())
        .await?;
    exactly_one(changed.rows_affected)?;
    note(change, By::Server, &old.id, version, Reason::Changed, &old.content, Some("something that it names changed")).await?;
    Ok(version)
}

async fn note(
    change: &Change,
    by: By<'_>,
    id: &str,
    version: u64,
    reason: Reason,
    content: &Content,
    because: Option<&str>,
) -> Outcome<()> {
    if let Content::Group(group) = content {
        let members = group.computers.as_deref().filter(|_| reason != Reason::Deleted).unwrap_or_default();
        members_are(change, id, members).await?;
    }
    let who = match by {
        By::Person(actor) => actor.name.clone(),
        By::Computer(_, name) | By::ComputerItself(_, name) => name.to_owned(),
        By::Server => "server".into(),
    };
    let json = content.to_json()?;
    let kept = (reason != Reason::Deleted).then(|| json.to_string());
    let row = definition_change::ActiveModel {
        id: Set(id.into()),
        version: Set(signed(version)),
        time: Set(change.now.millis()),
        by: Set(who),
        change: Set(reason.word().into()),
        content: Set(kept),
    };
    definition_change::Entity::insert(row).exec_without_returning(change.tx()).await?;
    let kind = kind_name(content.kind());
    let body = serde_json::json!({
        "id": id, "name": content.name(), "version": version, "change": reason.word(), "because": because,
        kind: if reason == Reason::Deleted { serde_json::Value::Null } else { json },
    });
    let summary = format!("{kind} {:?} was {}", content.name(), because.map_or(reason.word(), |_| "given a new version"));
    let mut event = NewEvent::new(&format!("{kind}.{}", reason.event()), summary, &body)?;
    if content.kind() == Kind::Policy {
        event.policy = Some((PolicyId::parse(id)?.to_string(), content.name().to_owned()));
    }
    record(change, by, event).await
}

/// Who is in a group, in the form that queries use.
async fn members_are(change: &Change, group: &str, names: &[String]) -> Outcome<()> {
    computer_group::Entity::delete_many().filter(computer_group::Column::Grp.eq(group)).exec(change.tx()).await?;
    // A statement takes only so many values.
    for some in names.chunks(1000) {
        let rows = some.iter().map(|name| computer_group::ActiveModel { grp: Set(group.to_owned()), name: Set(name.clone()) });
        computer_group::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}

/// Refuses a definition that is wrong by itself, or that breaks the set.
///
/// # Errors
/// `invalid` with every wrong field.
pub fn refuse_if_wrong(content: &Content, all: &Snapshot, prefix: &str) -> Outcome<()> {
    let mut errors = check::alone(content, prefix);
    errors.extend(check::dangling(content, all, prefix, &Advice::default()));
    errors_or_ok(errors)
}

/// `invalid`, where there is an error.
///
/// # Errors
/// As said.
pub fn errors_or_ok(errors: Vec<brevet_api::rest::error::FieldError>) -> Outcome<()> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.into_iter().fold(Failure::new(Code::Invalid), |failure, e| failure.and(e.field, e.reason)))
}

/// Numbers are unsigned for people and signed in the database.
#[must_use]
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
