//! What a legal hold covers, as conditions on each table that text is taken from.
//!
//! INVARIANT: where it is in doubt, a hold covers. A condition is never unknown (NULL) for a row that lacks what it asks for: a row
//! without a computer would else be neither covered nor free, and never be redacted.

use brevet_api::rest::hold::Covers;
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait as _, ExprTrait as _, QueryFilter as _};

use crate::http::failure::Outcome;
use crate::store::entities::{decision, event, grant, hold, request, session};

/// Every hold that is not released.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds(Vec<Covers>);

impl Holds {
    pub async fn load<C: ConnectionTrait>(connection: &C) -> Outcome<Self> {
        let rows = hold::Entity::find().filter(hold::Column::Released.is_null()).all(connection).await?;
        let covers = rows.iter().map(|row| Ok(serde_json::from_str(&row.covers)?)).collect::<Outcome<_>>()?;
        Ok(Self(covers))
    }

    /// The condition that no hold covers a row, by what one hold covers; nothing where there is no hold.
    pub fn free(&self, covered: fn(&Covers) -> Condition) -> Option<Condition> {
        let mut any = Condition::any();
        for hold in &self.0 {
            // Never empty: an empty condition would be left out, and a hold on everything would hold nothing.
            any = any.add(Condition::all().add(Expr::val(1).eq(1)).add(covered(hold)));
        }
        (!self.0.is_empty()).then(|| any.not())
    }
}

pub(super) fn events(hold: &Covers) -> Condition {
    use event::Column as C;
    let window = |column: C| during(hold, column, column);
    all([
        hold.computer.as_ref().map(|id| is(C::Computer, id)),
        hold.user.as_ref().map(|name| Condition::any().add(is(C::User, name)).add(C::ActorName.eq(name))),
        hold.policy.as_ref().map(|id| is(C::Policy, id)),
        hold.person.as_ref().map(|id| {
            let own = Condition::any().add(is(C::Person, id)).add(is(C::ActorId, id));
            // The start of a session names its grant alone.
            own.add(among(C::Request, decided_by(id))).add(among(C::Grant, grants_decided_by(id)))
        }),
        hold.request.as_ref().map(|id| {
            let id = id.to_string();
            Condition::any().add(is(C::Request, &id)).add(among(C::Grant, grants_of(&id)))
        }),
        Some(Condition::any().add(window(C::Time)).add(window(C::Recorded))),
    ])
}

pub(super) fn requests(hold: &Covers) -> Condition {
    use request::Column as C;
    all([
        hold.computer.as_ref().map(|id| is(C::Computer, id)),
        hold.user.as_ref().map(|name| is(C::User, name)),
        hold.policy.as_ref().map(|id| is(C::Policy, id)),
        hold.person.as_ref().map(|id| among(C::Id, decided_by(id))),
        hold.request.as_ref().map(|id| is(C::Id, id.as_str())),
        Some(during(hold, C::Created, C::Closed)),
    ])
}

pub(super) fn grants(hold: &Covers) -> Condition {
    use grant::Column as C;
    all([
        hold.computer.as_ref().map(|id| is(C::Computer, id)),
        hold.user.as_ref().map(|name| is(C::User, name)),
        hold.policy.as_ref().map(|id| is(C::Policy, id)),
        hold.person.as_ref().map(|id| among(C::Request, decided_by(id))),
        hold.request.as_ref().map(|id| is(C::Request, id.as_str())),
        Some(during(hold, C::Created, C::Ended)),
    ])
}

pub(super) fn sessions(hold: &Covers) -> Condition {
    use session::Column as C;
    all([
        hold.computer.as_ref().map(|id| is(C::Computer, id)),
        hold.user.as_ref().map(|name| is(C::User, name)),
        hold.policy.as_ref().map(|id| is(C::Policy, id)),
        hold.person.as_ref().map(|id| among(C::Grant, grants_decided_by(id))),
        hold.request.as_ref().map(|id| among(C::Grant, grants_of(id.as_str()))),
        Some(during(hold, C::Started, C::Ended)),
    ])
}

fn grants_decided_by(id: &str) -> SelectStatement {
    let of = Expr::col(grant::Column::Request).in_subquery(decided_by(id));
    Query::select().column(grant::Column::Id).from(grant::Entity).and_where(of).to_owned()
}

fn all<const N: usize>(conditions: [Option<Condition>; N]) -> Condition {
    conditions.into_iter().flatten().filter(|condition| !condition.is_empty()).fold(Condition::all(), Condition::add)
}

fn is<C: ColumnTrait>(column: C, value: &str) -> Condition {
    Condition::all().add(column.is_not_null()).add(column.eq(value))
}

fn among<C: ColumnTrait>(column: C, ids: SelectStatement) -> Condition {
    Condition::all().add(column.is_not_null()).add(column.in_subquery(ids))
}

/// What began before the hold's time ends, and ended, if it did, after that begins.
fn during<C: ColumnTrait>(hold: &Covers, begun: C, ended: C) -> Condition {
    let from = hold.from.map(|from| Condition::any().add(ended.is_null()).add(ended.gte(from.millis())));
    let to = hold.to.map(|to| begun.lt(to.millis()));
    Condition::all().add_option(from).add_option(to)
}

fn decided_by(person: &str) -> SelectStatement {
    let of_person = Expr::col(decision::Column::Person).eq(person);
    Query::select().column(decision::Column::Request).from(decision::Entity).and_where(of_person).to_owned()
}

fn grants_of(request: &str) -> SelectStatement {
    let of_request = Expr::col(grant::Column::Request).eq(request);
    Query::select().column(grant::Column::Id).from(grant::Entity).and_where(of_request).to_owned()
}
