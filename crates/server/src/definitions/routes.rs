//! Reading and writing one kind: the handlers that policies, lists, groups and autonomous rules share.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::check::Finding;
use brevet_api::rest::page::NamedQuery;
use brevet_api::rest::policy::{Change as HistoryItem, Use};
use brevet_api::rest::{Code, Page};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::Value;

use super::check::references;
use super::content::{Content, Definition, Kind, Snapshot, kind_name};
use super::current::{current, within};
use super::findings::Findings;
use super::sight::Sight;
use super::write::{self, Reason};
use crate::access::{Action, Actor};
use crate::app::App;
use crate::audit::By;
use crate::documents::publish;
use crate::http::extract::Versioned;
use crate::http::failure::{Failure, Outcome};
use crate::http::filter;
use crate::http::page::{Shown, Slice};
use crate::http::sort::{self, At, Names};
use crate::store::Change;
use crate::store::entities::{definition, definition_change};

/// What a list of definitions can be ordered by.
pub const SORTED: Names = &["name", "created", "changed", "version"];

/// A page of one kind.
///
/// # Errors
/// `malformed`, or when the database does not answer.
pub async fn list(
    app: &App,
    actor: &Actor,
    kind: Kind,
    query: &NamedQuery,
    keep: impl Fn(&Content) -> bool,
) -> Outcome<Page<Shown<Value>>> {
    let chosen = sort::chosen(SORTED, query.sort.as_deref(), "name")?;
    let part = query.name.as_deref().map(filter::wanted).transpose()?;
    let keep = |content: &Content| part.as_ref().is_none_or(|part| content.name().to_lowercase().contains(part)) && keep(content);
    let all = current(app).await?;
    let sight = Sight::new(actor, Action::ReadPolicy, &all);
    let seen = all.0.iter().filter(|d| d.content.kind() == kind && keep(&d.content) && sight.sees(d, &all));
    let at = |d: &&Definition| {
        let at = match chosen.name {
            "created" => At::Number(d.created.millis()),
            "changed" => At::Number(d.changed.millis()),
            "version" => At::Number(i64::try_from(d.version).unwrap_or(i64::MAX)),
            _ => At::name(d.content.name()),
        };
        (at, d.id.clone())
    };
    sort::in_memory((query.limit, query.cursor.as_deref()), chosen, seen, at, Definition::shown)
}

/// One, by id or name.
///
/// # Errors
/// `not_found`.
pub async fn show(app: &App, actor: &Actor, kind: Kind, reference: &str) -> Outcome<Versioned<Value>> {
    let all = current(app).await?;
    let found = find(&all, actor, kind, reference)?;
    Ok(Versioned(found.version, found.shown()?))
}

fn find<'a>(all: &'a Snapshot, actor: &Actor, kind: Kind, reference: &str) -> Outcome<&'a Definition> {
    Sight::new(actor, Action::ReadPolicy, all).find(all, kind, reference).ok_or_else(|| Failure::not_found(kind_name(kind), reference))
}

/// Adds one.
///
/// # Errors
/// `name_taken`, `invalid`.
pub async fn create(app: &App, actor: &Actor, content: Content) -> Outcome<Response> {
    let mut change = Change::begin(app).await?;
    let all = within(&change).await?;
    Sight::new(actor, Action::ChangePolicy, &all).refuse_change(&content)?;
    write::refuse_if_wrong(&content, &all, "")?;
    let found = said(actor, &all, &content);
    let id = write::create(&change, actor, content).await?;
    publish::publish(&mut change).await?;
    let shown = after(&change, &id, found).await?;
    change.commit().await?;
    Ok((StatusCode::CREATED, shown).into_response())
}

/// What a definition gives beyond what its author may mean, told to whoever stores it.
fn said(actor: &Actor, all: &Snapshot, content: &Content) -> Vec<Finding> {
    let sight = Sight::new(actor, Action::ReadPolicy, all);
    Findings::new(all, &sight).of_stored(content)
}

/// The definition as this change leaves it, with what there is to say of it.
async fn after(change: &Change, id: &str, found: Vec<Finding>) -> Outcome<Versioned<Value>> {
    let row = definition::Entity::find_by_id(id).one(change.tx()).await?;
    let stored = Definition::from_row(row.ok_or_else(|| Failure::internal("a definition is gone"))?)?;
    Ok(Versioned(stored.version, stored.shown_with(found)?))
}

/// Replaces one.
///
/// # Errors
/// `not_found`, `version_mismatch`, `name_taken`, `in_use` (renaming what others name), `invalid`.
pub async fn replace(app: &App, actor: &Actor, reference: &str, expected: Option<u64>, content: Content) -> Outcome<Versioned<Value>> {
    modify(app, actor, content.kind(), reference, expected, |_| Ok((content, Reason::Changed))).await
}

/// Makes the next version from the one that is there; nothing happens when it would be the same.
///
/// # Errors
/// As `replace`.
pub async fn modify(
    app: &App,
    actor: &Actor,
    kind: Kind,
    reference: &str,
    expected: Option<u64>,
    next: impl FnOnce(&Content) -> Outcome<(Content, Reason)>,
) -> Outcome<Versioned<Value>> {
    let mut change = Change::begin(app).await?;
    let all = within(&change).await?;
    let old = find(&all, actor, kind, reference)?;
    let sight = Sight::new(actor, Action::ChangePolicy, &all);
    sight.refuse_change(&old.content)?;
    refuse_break_glass(old)?;
    refuse_other_version(old, expected)?;
    let (content, reason) = next(&old.content)?;
    sight.refuse_change(&content)?;
    if content == old.content && reason != Reason::Renewed {
        return Ok(Versioned(old.version, old.shown_with(said(actor, &all, &content))?));
    }
    write::refuse_if_wrong(&content, &all, "")?;
    let shape_changes = match (&old.content, &content) {
        (Content::Group(before), Content::Group(after)) => before.users.is_some() != after.users.is_some(),
        _ => false,
    };
    if content.name() != old.content.name() || shape_changes {
        refuse_in_use(old, &all)?;
    }
    let found = said(actor, &all, &content);
    write::replace(&change, By::Person(actor), old, content, reason).await?;
    publish::publish(&mut change).await?;
    let shown = after(&change, &old.id, found).await?;
    change.commit().await?;
    Ok(shown)
}

/// What break-glass made, nothing else changes.
fn refuse_break_glass(old: &Definition) -> Outcome<()> {
    if !old.content.is_break_glass() {
        return Ok(());
    }
    let id = old.content.name().trim_start_matches("Break-glass ");
    Err(Failure::new(Code::InUse).because("it belongs to a break-glass").hint(format!("end that: brevetctl break-glass end {id}")))
}

fn refuse_other_version(old: &Definition, expected: Option<u64>) -> Outcome<()> {
    match expected {
        Some(expected) if expected != old.version => {
            Err(Failure::new(Code::VersionMismatch).because(format!("it has version {}, you saw {expected}", old.version)))
        }
        _ => Ok(()),
    }
}

/// Deletes one.
///
/// # Errors
/// `not_found`, `version_mismatch`, `in_use`.
pub async fn delete(app: &App, actor: &Actor, kind: Kind, reference: &str, expected: Option<u64>) -> Outcome<StatusCode> {
    let mut change = Change::begin(app).await?;
    let all = within(&change).await?;
    let old = find(&all, actor, kind, reference)?;
    Sight::new(actor, Action::ChangePolicy, &all).refuse_change(&old.content)?;
    refuse_break_glass(old)?;
    refuse_other_version(old, expected)?;
    refuse_in_use(old, &all)?;
    write::remove(&change, By::Person(actor), old).await?;
    publish::publish(&mut change).await?;
    change.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who names this list or group.
#[must_use]
pub fn users_of<'a>(old: &'a Definition, all: &'a Snapshot) -> Vec<&'a str> {
    naming(old, all).map(|definition| definition.content.name()).collect()
}

fn naming<'a>(old: &'a Definition, all: &'a Snapshot) -> impl Iterator<Item = &'a Definition> {
    let names = |content: &Content| {
        let found = references(content);
        match &old.content {
            Content::List(list) => found.lists.iter().any(|(_, name)| *name == list.name),
            Content::Group(group) => found.user_groups.iter().chain(&found.computer_groups).any(|(_, name)| *name == group.name),
            Content::Policy(_) | Content::Autonomous(_) => false,
        }
    };
    all.0.iter().filter(move |definition| definition.id != old.id && names(&definition.content))
}

/// What of all that the caller sees names this list or group.
///
/// # Errors
/// `not_found`.
pub async fn uses(app: &App, actor: &Actor, kind: Kind, reference: &str, slice: &Slice) -> Outcome<Page<Use>> {
    let all = current(app).await?;
    let found = find(&all, actor, kind, reference)?;
    let sight = Sight::new(actor, Action::ReadPolicy, &all);
    let named = naming(found, &all).filter(|definition| sight.sees(definition, &all));
    let uses: Vec<Use> = named
        .map(|definition| Use { kind: definition.content.kind(), id: definition.id.clone(), name: definition.content.name().to_owned() })
        .collect();
    Ok(slice.page_of(uses, |one| format!("{}/{}", kind_name(one.kind), one.name)))
}

fn refuse_in_use(old: &Definition, all: &Snapshot) -> Outcome<()> {
    let users = users_of(old, all);
    if users.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = users.iter().map(|name| format!("{name:?}")).collect();
    Err(Failure::new(Code::InUse).because(format!("it is named by {}", names.join(", "))))
}

/// Every version of one, newest first; of a deleted one by its id.
///
/// # Errors
/// `not_found`.
pub async fn history(app: &App, actor: &Actor, kind: Kind, reference: &str, slice: &Slice) -> Outcome<Page<Shown<HistoryItem>>> {
    let all = current(app).await?;
    let sight = Sight::new(actor, Action::ReadPolicy, &all);
    // Of what is deleted it is not known any more which computers it was for.
    if !sight.is_whole() {
        find(&all, actor, kind, reference)?;
    }
    let id = all.find(kind, reference).map_or_else(|| reference.to_owned(), |d| d.id.clone());
    let rows = definition_change::Entity::find()
        .filter(definition_change::Column::Id.eq(id))
        .order_by_desc(definition_change::Column::Version)
        .all(&app.store.pool)
        .await?;
    if rows.is_empty() {
        return Err(Failure::not_found(kind_name(kind), reference));
    }
    let rows = if sight.is_whole() { rows } else { seen_then(rows, kind, &sight, &all)? };
    let shown = |row: definition_change::Model| -> Outcome<HistoryItem> {
        Ok(HistoryItem {
            version: u64::try_from(row.version).unwrap_or(0),
            time: Timestamp::from_millis(row.time),
            by: row.by,
            change: row.change,
            content: row.content.as_deref().map(serde_json::from_str).transpose()?,
        })
    };
    slice.page_shown(rows, |row| format!("{:020}", i64::MAX.saturating_sub(row.version)), shown)
}

/// Of versions, newest first, those that were about a computer of theirs; a deletion goes with what was deleted.
fn seen_then(mut rows: Vec<definition_change::Model>, kind: Kind, sight: &Sight, all: &Snapshot) -> Outcome<Vec<definition_change::Model>> {
    let (mut seen, mut seen_before) = (Vec::new(), false);
    while let Some(row) = rows.pop() {
        if let Some(content) = &row.content {
            seen_before = sight.sees_content(&row.id, &Content::from_json(kind_name(kind), content)?, all);
        }
        if seen_before {
            seen.push(row);
        }
    }
    Ok(seen)
}
