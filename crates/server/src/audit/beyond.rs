//! What was said of a policy while it was about no computer of theirs: whose role is narrowed sees nothing of it, also when the policy
//! is about one of theirs now.

use std::collections::{BTreeMap, HashSet};

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::definitions::content::kind_name;
use crate::definitions::{Content, Kind, Sight, Snapshot};
use crate::http::failure::Outcome;
use crate::http::page::bounded;
use crate::store::entities::event::Column as C;
use crate::store::entities::{definition_change, event};

/// A statement takes only so many values.
const AT_ONCE: usize = 500;
/// A condition of more than so many is put together from some.
const SIDE_BY_SIDE: usize = 50;
/// One of these for each version, in its transaction.
const CHANGES: [&str; 3] = ["policy.created", "policy.changed", "policy.deleted"];

/// Whether somebody sees each version of a policy, oldest first.
type Versions = BTreeMap<String, Vec<bool>>;

/// The events of these policies between a version that lies beyond and the next one that does not.
pub(super) async fn beyond<D: ConnectionTrait>(
    connection: &D,
    sight: &Sight,
    all: &Snapshot,
    policies: &[String],
) -> Outcome<Option<Condition>> {
    // Most never had another version than the one that is seen.
    let unchanged: HashSet<&str> = all.0.iter().filter(|d| d.version == 1).map(|d| d.id.as_str()).collect();
    let changed: Vec<String> = policies.iter().filter(|id| !unchanged.contains(id.as_str())).cloned().collect();
    let mut hidden = Vec::new();
    for some in changed.chunks(AT_ONCE) {
        let mut versions = versions(connection, sight, all, some).await?;
        versions.retain(|_, seen| seen.contains(&false));
        for (policy, places) in places(connection, versions.keys()).await? {
            let seen = versions.get(&policy).map(Vec::as_slice).unwrap_or_default();
            let ranges = ranges(seen, &places).into_iter().map(|range| Condition::all().add(within(range))).collect();
            hidden.extend(any(ranges).map(|ranges| Condition::all().add(C::Policy.eq(policy)).add(ranges)));
        }
    }
    Ok(any(hidden))
}

/// WHY with the numbers in it: a statement takes only so many values, and of versions there may be more.
fn within((from, until): (i64, Option<i64>)) -> SimpleExpr {
    let until = until.map(|until| format!(" AND \"event\".\"seq\" < {until}")).unwrap_or_default();
    Expr::cust(format!("(\"event\".\"seq\" >= {from}{until})"))
}

/// Whether any holds. Nested: a database takes a condition only so deep, and a flat one is as deep as it is long.
fn any(mut all: Vec<Condition>) -> Option<Condition> {
    while all.len() > 1 {
        all = all.chunks(SIDE_BY_SIDE).map(|some| some.iter().cloned().fold(Condition::any(), Condition::add)).collect();
    }
    all.pop()
}

async fn versions<D: ConnectionTrait>(connection: &D, sight: &Sight, all: &Snapshot, policies: &[String]) -> Outcome<Versions> {
    use definition_change::Column as V;
    let mut versions = Versions::new();
    let mut after: Option<(String, i64)> = None;
    loop {
        let mut select = definition_change::Entity::find().filter(V::Id.is_in(policies)).order_by_asc(V::Id).order_by_asc(V::Version);
        if let Some((id, version)) = after.take() {
            let later = Condition::all().add(V::Id.eq(&id)).add(V::Version.gt(version));
            select = select.filter(Condition::any().add(V::Id.gt(id)).add(later));
        }
        let found = bounded(connection, select, AT_ONCE as u64, &[V::Content]).await?;
        after = found.rows.last().filter(|_| found.more).map(|row| (row.id.clone(), row.version));
        for row in found.rows {
            let of_policy = versions.entry(row.id.clone()).or_default();
            let seen = match &row.content {
                Some(content) => sight.sees_content(&row.id, &Content::from_json(kind_name(Kind::Policy), content)?, all),
                // A deletion goes with what was deleted.
                None => of_policy.last().copied().unwrap_or(false),
            };
            of_policy.push(seen);
        }
        if after.is_none() {
            return Ok(versions);
        }
    }
}

/// Where each version of these policies stands in the log, oldest first.
async fn places<D: ConnectionTrait>(connection: &D, policies: impl Iterator<Item = &String>) -> Outcome<BTreeMap<String, Vec<i64>>> {
    let changes = event::Entity::find().filter(C::Policy.is_in(policies)).filter(C::Kind.is_in(CHANGES)).order_by_asc(C::Seq);
    let rows: Vec<(Option<String>, i64)> = changes.select_only().column(C::Policy).column(C::Seq).into_tuple().all(connection).await?;
    let mut places: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (policy, seq) in rows {
        places.entry(policy.unwrap_or_default()).or_default().push(seq);
    }
    Ok(places)
}

/// From the place of each version that is not seen after one that is, up to that of the next that is seen.
fn ranges(seen: &[bool], places: &[i64]) -> Vec<(i64, Option<i64>)> {
    let mut ranges: Vec<(i64, Option<i64>)> = Vec::new();
    // The newest belong together, should the oldest events be gone.
    let mut open = false;
    let both: Vec<(&bool, &i64)> = seen.iter().rev().zip(places.iter().rev()).collect();
    for (seen, place) in both.into_iter().rev() {
        match (seen, open) {
            (false, false) => ranges.push((*place, None)),
            (true, true) => {
                if let Some(last) = ranges.last_mut() {
                    last.1 = Some(*place);
                }
            }
            (false, true) | (true, false) => {}
        }
        open = !seen;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn what_is_hidden_begins_with_a_version_beyond_and_ends_with_the_next_that_is_not() {
        assert_eq!(ranges(&[false, false, true, false, true], &[1, 2, 7, 9, 12]), [(1, Some(7)), (9, Some(12))]);
        assert_eq!(ranges(&[true, false], &[1, 2]), [(2, None)]);
        assert_eq!(ranges(&[false, true], &[5]), [], "the event of the first version is gone");
        assert_eq!(ranges(&[true, true], &[1, 2]), []);
    }
}
