//! The log as a tree that only grows (`core::audit_log`): each event becomes a leaf in the change that writes it, and the tree's growing
//! end stands in a row of its own.
//!
//! INVARIANT: leaves have the order of the events and no gaps, since there is one writer at a time and a change writes all or nothing.
//! The end is signed, so that who writes past the server cannot add anything either: what was written by another is seen, said, and from
//! then on nothing is signed.
//!
//! Nodes are kept on every eighth level; what lies between is computed from those below. Nothing computed is kept of an event but the hash
//! of its text, so that a row that somebody changed is another leaf.

mod checkpoint;
mod nodes;
mod routes;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::rest::Code;
use brevet_core::audit_log::{Header, leaf, text};
use brevet_core::digest::{Digest, Fields};
use brevet_core::document::Key;
use brevet_core::journal::Record;
use brevet_core::merkle::{Place, Tree};
use brevet_core::time::Timestamp;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _};
use tokio::sync::Mutex;

pub use checkpoint::{Kept, hourly};
pub use routes::routes;

use crate::http::failure::{Failure, Outcome};
use crate::store::entities::{event, event_log, event_log_node};
use crate::store::{Tx, without_nul};

/// The row that has the tree's growing end, from the first event on.
const ONLY: i64 = 1;

/// Of nodes of these levels the hash is kept.
#[must_use]
pub const fn is_kept(level: u32) -> bool {
    level > 0 && level.is_multiple_of(STRIDE)
}

/// So many levels lie between those that are kept.
const STRIDE: u32 = 8;

/// The record of an event before it is sealed: its header and its text, as the database gives them back.
///
/// # Errors
/// When they have no JSON form.
pub fn sealed(row: &event::Model, salt: &[u8; 32]) -> Result<Record, serde_json::Error> {
    Ok(Record::of(header(row)?, salt, content(row)?))
}

/// The record of an event that stands in the log; of one that was redacted without its text.
///
/// # Errors
/// `log_broken` where it was written in no way that is ours.
pub fn record_of(row: &event::Model) -> Outcome<Record> {
    let wrong = |_| Failure::new(Code::LogBroken).because(format!("event {} has no hash of its text", row.id));
    let body_hash = Digest::parse(&row.content_hash).map_err(wrong)?;
    let body = if row.redacted.is_none() { Some(content(row)?) } else { None };
    Ok(Record { header: header(row)?, salt: row.salt.clone(), body, body_hash })
}

fn content(row: &event::Model) -> Result<String, serde_json::Error> {
    text(&without_nul(row.summary.clone()), &row.body)
}

fn header(row: &event::Model) -> Result<String, serde_json::Error> {
    let some = |text: &Option<String>| text.clone().map(without_nul);
    serde_json::to_string(&Header {
        id: row.id.clone(),
        time: Timestamp::from_millis(row.time),
        recorded: Timestamp::from_millis(row.recorded),
        kind: row.kind.clone(),
        schema: row.schema,
        actor_kind: row.actor_kind.clone(),
        actor_id: some(&row.actor_id),
        actor_name: without_nul(row.actor_name.clone()),
        token: row.token.clone(),
        computer: row.computer.clone(),
        computer_name: some(&row.computer_name),
        user: some(&row.user),
        policy: row.policy.clone(),
        policy_name: some(&row.policy_name),
        request: row.request.clone(),
        grant: row.grant.clone(),
        session: row.session.clone(),
        person: row.person.clone(),
        outcome: some(&row.outcome),
        incarnation: row.incarnation.clone(),
        journal_seq: row.journal_seq,
    })
}

/// The log's growing end in a change: read once, written once.
#[derive(Default)]
pub struct Growing(Mutex<Option<Grown>>);

struct Grown {
    before: u64,
    tree: Tree,
    nodes: Vec<(Place, Digest)>,
    /// Whether the end was the server's own; what grows from another one is not signed either.
    sealed: bool,
}

impl Growing {
    /// Seals an event and gives it the next place: fills its `leaf`, `salt` and `content_hash`.
    ///
    /// # Errors
    /// When the database does not answer, or there is no randomness.
    pub async fn append(&self, tx: &Tx, key: &Key, row: &mut event::Model) -> Outcome<()> {
        let record = sealed(row, &crate::clock::random()?)?;
        let mut grown = self.0.lock().await;
        let grown = match &mut *grown {
            Some(grown) => grown,
            none => {
                let End { tree, sealed } = end(tx, key).await?;
                none.insert(Grown { before: tree.size(), tree, nodes: Vec::new(), sealed })
            }
        };
        row.leaf = Some(i64::try_from(grown.tree.size()).map_err(Failure::internal)?);
        row.content_hash = record.body_hash.to_string();
        let made = grown.tree.push(leaf(&record));
        grown.nodes.extend(made.into_iter().filter(|(place, _)| is_kept(place.level)));
        row.salt = record.salt;
        Ok(())
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// When the database does not take it, or another writer was there meanwhile.
    pub async fn write(&self, tx: &Tx, key: &Key) -> Result<(), DbErr> {
        match &*self.0.lock().await {
            Some(grown) => write(tx, grown.before, &grown.tree, &grown.nodes, Some(key).filter(|_| grown.sealed)).await,
            None => Ok(()),
        }
    }
}

/// The growing end as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The tree.
    pub tree: Tree,
    /// Whether the server itself wrote it, by its signature.
    pub sealed: bool,
}

/// Reads the growing end.
///
/// # Errors
/// When the database does not answer, or what it has is no end.
pub async fn end<C: ConnectionTrait>(connection: &C, key: &Key) -> Outcome<End> {
    let Some(row) = event_log::Entity::find_by_id(ONLY).one(connection).await? else {
        return Ok(End { tree: Tree::default(), sealed: true });
    };
    let wholes: Vec<Digest> = serde_json::from_str(&row.wholes)?;
    let size = u64::try_from(row.size).map_err(Failure::internal)?;
    let tree = Tree::kept(size, wholes).ok_or_else(|| Failure::internal("the end of the log is damaged"))?;
    let signature = row.seal.and_then(|seal| STANDARD.decode(seal).ok());
    let sealed = signature.is_some_and(|signature| key.public().verifies(&message(&tree), &signature));
    Ok(End { tree, sealed })
}

/// What is signed of the end.
fn message(tree: &Tree) -> [u8; 32] {
    let fields = Fields::new("brevet event log end 1").number(tree.size());
    *tree.wholes().iter().fold(fields, |fields, whole| fields.bytes(whole.as_bytes())).finish().as_bytes()
}

fn seal(tree: &Tree, key: &Key) -> String {
    STANDARD.encode(key.sign(&message(tree)))
}

/// Signs an end that the migration made, once: where nothing was ever signed beside this database.
///
/// # Errors
/// When the database does not answer.
pub async fn adopt<C: ConnectionTrait>(connection: &C, key: &Key) -> Outcome<()> {
    let End { tree, sealed } = end(connection, key).await?;
    if !sealed {
        event_log::Entity::update_many()
            .col_expr(event_log::Column::Seal, Expr::value(seal(&tree, key)))
            .filter(event_log::Column::Seal.is_null())
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Replaces the growing end and adds nodes.
///
/// # Errors
/// When the database does not take it, or the end is not where it was.
pub async fn write<C: ConnectionTrait>(
    connection: &C,
    before: u64,
    tree: &Tree,
    nodes: &[(Place, Digest)],
    key: Option<&Key>,
) -> Result<(), DbErr> {
    let sealed = key.map(|key| seal(tree, key));
    let number = |number: u64| i64::try_from(number).map_err(|_| DbErr::Custom("the log has too many events".into()));
    let wholes = serde_json::to_string(tree.wholes()).map_err(|error| DbErr::Custom(error.to_string()))?;
    if before == 0 {
        let first = event_log::ActiveModel { id: Set(ONLY), size: Set(number(tree.size())?), wholes: Set(wholes), seal: Set(sealed) };
        event_log::Entity::insert(first).exec_without_returning(connection).await?;
    } else {
        let done = event_log::Entity::update_many()
            .col_expr(event_log::Column::Size, Expr::value(number(tree.size())?))
            .col_expr(event_log::Column::Wholes, Expr::value(wholes))
            .col_expr(event_log::Column::Seal, Expr::value(sealed))
            .filter(event_log::Column::Id.eq(ONLY))
            .filter(event_log::Column::Size.eq(number(before)?))
            .exec(connection)
            .await?;
        if done.rows_affected != 1 {
            return Err(DbErr::Custom("the end of the log is not where it was: another writer was there".into()));
        }
    }
    for (place, hash) in nodes {
        let row = event_log_node::ActiveModel {
            level: Set(i64::from(place.level)),
            index: Set(number(place.index)?),
            hash: Set(hash.to_string()),
        };
        event_log_node::Entity::insert(row).exec_without_returning(connection).await?;
    }
    Ok(())
}
