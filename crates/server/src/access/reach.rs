//! Which computers somebody's roles reach: every one, or those of computer groups.
//!
//! INVARIANT: what a reach does not hold is not there for whoever has it. Groups are meant by their id, so that another group of the
//! same name gives nothing, and their members are looked up at each call.

use std::collections::{BTreeMap, BTreeSet};

use brevet_api::rest::person::Role;
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait as _, ExprTrait as _, PaginatorTrait as _, QueryFilter as _};

use super::Action;
use crate::access::Actor;
use crate::computers::find;
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::{computer, computer_group};

/// Ids of the computer groups that each role is narrowed to; a role that is not here holds for every computer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(pub BTreeMap<Role, BTreeSet<String>>);

impl Scopes {
    /// As a column holds them.
    ///
    /// # Errors
    /// When they have no JSON form.
    pub fn to_text(&self) -> Outcome<String> {
        Ok(serde_json::to_string(&self.0)?)
    }

    /// And back. What cannot be read gives no right at all: the call fails.
    ///
    /// # Errors
    /// When it is not what `to_text` wrote.
    pub fn from_text(text: &str) -> Outcome<Self> {
        Ok(Self(serde_json::from_str(text)?))
    }

    /// The groups of a role; `None` for every computer.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<&BTreeSet<String>> {
        self.0.get(&role)
    }

    /// What both allow, and no more.
    #[must_use]
    pub fn narrowed(&self, by: &Self) -> Self {
        let mut out = self.0.clone();
        for (role, groups) in &by.0 {
            out.entry(*role).and_modify(|own| own.retain(|group| groups.contains(group))).or_insert_with(|| groups.clone());
        }
        Self(out)
    }
}

/// Which computers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Every one.
    All,
    /// The members of these groups, by id.
    Groups(BTreeSet<String>),
}

impl Reach {
    /// The condition that a column with a computer's id is one of them.
    #[must_use]
    pub fn within<C: ColumnTrait>(&self, column: C) -> Condition {
        match self {
            Self::All => Condition::all(),
            Self::Groups(groups) => Condition::all().add(column.in_subquery(members(groups))),
        }
    }

    /// Whether one of these groups is among them.
    #[must_use]
    pub fn includes(&self, of_computer: &BTreeSet<String>) -> bool {
        match self {
            Self::All => true,
            Self::Groups(groups) => groups.intersection(of_computer).next().is_some(),
        }
    }

    /// Whether a computer is one of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn covers<C: ConnectionTrait>(&self, connection: &C, computer: &str) -> Outcome<bool> {
        if *self == Self::All {
            return Ok(true);
        }
        let found = computer::Entity::find().filter(computer::Column::Id.eq(computer)).filter(self.within(computer::Column::Id));
        Ok(found.count(connection).await? > 0)
    }

    /// A computer by id or name, if it is one of them.
    ///
    /// # Errors
    /// `not_found`, whether there is none or it is not one of them.
    pub async fn computer<C: ConnectionTrait>(&self, connection: &C, reference: &str) -> Outcome<computer::Model> {
        let row = find(connection, reference).await?;
        if self.covers(connection, &row.id).await? { Ok(row) } else { Err(Failure::not_found("computer", reference)) }
    }
}

fn members(groups: &BTreeSet<String>) -> SelectStatement {
    let same_name = Expr::col((computer_group::Entity, computer_group::Column::Name)).equals((computer::Entity, computer::Column::Name));
    Query::select()
        .column((computer::Entity, computer::Column::Id))
        .from(computer::Entity)
        .inner_join(computer_group::Entity, same_name)
        .and_where(Expr::col((computer_group::Entity, computer_group::Column::Grp)).is_in(groups.iter().cloned()))
        .to_owned()
}

/// The groups that a computer is in, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn groups_of<C: ConnectionTrait>(connection: &C, name: &str) -> Outcome<BTreeSet<String>> {
    let rows = computer_group::Entity::find().filter(computer_group::Column::Name.eq(name)).all(connection).await?;
    Ok(rows.into_iter().map(|row| row.grp).collect())
}

impl Actor {
    /// Which computers their roles reach for this.
    #[must_use]
    pub fn reach(&self, action: Action) -> Reach {
        let mut all = BTreeSet::new();
        for role in self.roles.iter().filter(|role| action.allowed_to(**role)) {
            match self.scopes.of(*role) {
                None => return Reach::All,
                Some(groups) => all.extend(groups.iter().cloned()),
            }
        }
        Reach::Groups(all)
    }

    /// Whether they have a role that holds for a computer in these groups.
    #[must_use]
    pub fn is_for(&self, role: Role, of_computer: &BTreeSet<String>) -> bool {
        self.is(role) && self.scopes.of(role).is_none_or(|groups| groups.intersection(of_computer).next().is_some())
    }

    /// Refuses what is about a computer that they cannot see (as if it were not there), or may not do this to.
    ///
    /// # Errors
    /// `not_found`, `forbidden`.
    pub async fn refuse_beyond<C: ConnectionTrait>(
        &self,
        connection: &C,
        (see, act): (Action, Action),
        computer: &str,
        unseen: impl FnOnce() -> Failure,
    ) -> Outcome<()> {
        if !self.reach(see).covers(connection, computer).await? {
            return Err(unseen());
        }
        if self.reach(act).covers(connection, computer).await? { Ok(()) } else { Err(beyond()) }
    }
}

/// The refusal of an action on a computer that one may see.
#[must_use]
pub fn beyond() -> Failure {
    Failure::new(brevet_api::rest::Code::Forbidden).because("your role for this is narrowed to other computer groups")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(pairs: &[(Role, &[&str])]) -> Scopes {
        Scopes(pairs.iter().map(|(role, groups)| (*role, groups.iter().map(|g| (*g).to_owned()).collect())).collect())
    }

    #[test]
    fn narrowing_never_widens() {
        let own = scopes(&[(Role::Approver, &["a", "b"])]);
        assert_eq!(own.narrowed(&Scopes::default()), own);
        assert_eq!(Scopes::default().narrowed(&own), own);
        let both = own.narrowed(&scopes(&[(Role::Approver, &["b", "c"]), (Role::Auditor, &["c"])]));
        assert_eq!(both, scopes(&[(Role::Approver, &["b"]), (Role::Auditor, &["c"])]));
        let none = own.narrowed(&scopes(&[(Role::Approver, &["c"])]));
        assert_eq!(none.of(Role::Approver).map(BTreeSet::len), Some(0), "nothing in common reaches nothing, not everything");
    }

    #[test]
    fn scopes_read_back_and_rubbish_is_an_error() {
        let own = scopes(&[(Role::Approver, &["grp_a"]), (Role::Auditor, &[])]);
        assert_eq!(Scopes::from_text(&own.to_text().unwrap()).unwrap(), own);
        for wrong in ["", "[]", "{\"king\":[]}", "{\"approver\":\"a\"}"] {
            assert!(Scopes::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
