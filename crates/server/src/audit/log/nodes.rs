//! Hashes of the tree as the database has it now: of events as they stand there, and of the nodes that are kept.

use brevet_api::rest::Code;
use brevet_core::audit_log::leaf;
use brevet_core::digest::Digest;
use brevet_core::merkle::{Place, Tree, fold, wholes};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IdenStatic as _, Iterable as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use super::{STRIDE, record_of};
use crate::audit::query::LARGE;
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::{event, event_log_node};

/// The root that the log had when it had so many events.
///
/// # Errors
/// When the database does not answer; `log_broken` where it lacks some.
pub async fn root_at<C: ConnectionTrait>(connection: &C, size: u64) -> Outcome<Digest> {
    range(connection, 0, size).await
}

/// The hashes that prove that a leaf is in the tree of a size.
///
/// # Errors
/// When the database does not answer; `log_broken` where it lacks some.
pub async fn path<C: ConnectionTrait>(connection: &C, at: u64, size: u64) -> Outcome<Vec<Digest>> {
    let mut hashes = Vec::new();
    for (from, to) in brevet_core::merkle::path(at, size) {
        hashes.push(range(connection, from, to).await?);
    }
    Ok(hashes)
}

async fn range<C: ConnectionTrait>(connection: &C, from: u64, to: u64) -> Outcome<Digest> {
    let mut nodes = Vec::new();
    for place in wholes(from, to) {
        nodes.push(whole(connection, place).await?);
    }
    Ok(fold(&nodes))
}

/// A whole node, from the nearest level below that is kept.
async fn whole<C: ConnectionTrait>(connection: &C, place: Place) -> Outcome<Digest> {
    let above = place.level % STRIDE;
    let (level, count) = (place.level.saturating_sub(above), 1u64 << above);
    let first = place.index << above;
    let found = if level == 0 { leaves(connection, first, count).await? } else { kept(connection, level, first, count).await? };
    if u64::try_from(found.len()).ok() != Some(count) {
        let lacks = format!("the log lacks some of the {count} nodes of level {level} from {first} on");
        return Err(Failure::new(Code::LogBroken).because(lacks));
    }
    let mut tree = Tree::default();
    found.into_iter().for_each(|node| drop(tree.push(node)));
    Ok(tree.root())
}

async fn leaves<C: ConnectionTrait>(connection: &C, first: u64, count: u64) -> Outcome<Vec<Digest>> {
    use event::Column as C;
    let (from, to) = ends(first, count)?;
    // Its text's hash is enough: the texts are large.
    let mut select =
        event::Entity::find().select_only().columns(C::iter().filter(|column| LARGE.iter().all(|large| large.as_str() != column.as_str())));
    for large in LARGE {
        select = select.expr_as(Expr::val(""), large.as_str());
    }
    let select = select.filter(C::Leaf.gte(from)).filter(C::Leaf.lt(to)).order_by_asc(C::Leaf);
    let rows: Vec<event::Model> = select.into_model().all(connection).await?;
    rows.iter().map(|row| Ok(leaf(&record_of(row)?))).collect()
}

async fn kept<C: ConnectionTrait>(connection: &C, level: u32, first: u64, count: u64) -> Outcome<Vec<Digest>> {
    use event_log_node::Column as C;
    let (from, to) = ends(first, count)?;
    let rows = event_log_node::Entity::find()
        .filter(C::Level.eq(i64::from(level)))
        .filter(C::Index.gte(from))
        .filter(C::Index.lt(to))
        .order_by_asc(C::Index)
        .select_only()
        .column(C::Hash)
        .into_tuple::<String>()
        .all(connection)
        .await?;
    rows.iter().map(|hash| Digest::parse(hash).map_err(Failure::internal)).collect()
}

fn ends(first: u64, count: u64) -> Outcome<(i64, i64)> {
    let number = |number: u64| i64::try_from(number).map_err(Failure::internal);
    Ok((number(first)?, number(first.saturating_add(count))?))
}
