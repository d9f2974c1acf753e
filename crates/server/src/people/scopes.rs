//! Roles narrowed to computer groups: as the API has them (by name), as they are kept (by id).

use std::collections::{BTreeMap, BTreeSet};

use brevet_api::rest::Code;
use brevet_api::rest::person::{Role, Scopes as Written};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _};

use crate::access::{Scopes, role_name};
use crate::definitions::{Content, Kind, Snapshot};
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::{definition, person, token};

/// What was written, with every group looked up.
///
/// # Errors
/// `invalid`: for a role that is not given, no group at all, or a name that is no computer group's.
pub async fn resolve<C: ConnectionTrait>(connection: &C, written: &Written, roles: &[Role]) -> Outcome<Scopes> {
    let mut out = BTreeMap::new();
    if written.is_empty() {
        return Ok(Scopes(out));
    }
    let all = Snapshot::load(connection).await?;
    for (role, names) in written.each() {
        let field = format!("scopes.{}", role_name(role));
        if !roles.contains(&role) {
            return Err(Failure::field(field, "this role is not among the roles"));
        }
        if names.is_empty() {
            return Err(Failure::field(field, "names no group: leave it out for every computer, or take the role away"));
        }
        let mut ids = BTreeSet::new();
        for (i, name) in names.iter().enumerate() {
            let group = all.find(Kind::Group, name).filter(|group| matches!(&group.content, Content::Group(g) if g.computers.is_some()));
            let group = group.ok_or_else(|| Failure::field(format!("{field}[{i}]"), format!("there is no group of computers {name:?}")))?;
            ids.insert(group.id.clone());
        }
        out.insert(role, ids);
    }
    Ok(Scopes(out))
}

/// Names of the groups; a group that is gone by its id.
///
/// # Errors
/// When the database does not answer.
pub async fn shown<C: ConnectionTrait>(connection: &C, scopes: &Scopes) -> Outcome<Written> {
    let ids: BTreeSet<&String> = scopes.0.values().flatten().collect();
    let mut written = Written::default();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    if !ids.is_empty() {
        let found = definition::Entity::find().filter(definition::Column::Id.is_in(ids.into_iter().cloned()));
        let live = found.filter(definition::Column::Deleted.eq(false)).all(connection).await?;
        names.extend(live.into_iter().map(|row| (row.id, row.name)));
    }
    for (role, groups) in &scopes.0 {
        let mut groups: Vec<String> = groups.iter().map(|id| names.get(id).unwrap_or(id).clone()).collect();
        groups.sort_unstable();
        written.set(*role, groups);
    }
    Ok(written)
}

/// Refuses to let a group go that somebody's role is narrowed to.
///
/// # Errors
/// `in_use`.
pub async fn refuse_in_use<C: ConnectionTrait>(connection: &C, group: &str) -> Outcome<()> {
    let quoted = format!("\"{group}\"");
    let persons = person::Entity::find().filter(person::Column::Scopes.contains(&quoted)).all(connection).await?;
    let tokens = token::Entity::find().filter(token::Column::Scopes.contains(&quoted)).filter(token::Column::Revoked.eq(false));
    let tokens = tokens.all(connection).await?;
    let names =
        persons.iter().map(|person| format!("person {:?}", person.name)).chain(tokens.iter().map(|t| format!("token {:?}", t.name)));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Code::InUse).because(format!("roles are narrowed to it: {}", names.join(", "))))
}
