//! The events as leaves of a tree: those that are there get their places in the order in which they were written. What was redacted before
//! has an empty text.

use sea_orm::{ColumnTrait as _, EntityTrait as _, FromQueryResult, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, text};

use super::entities::event;
use crate::audit::log::{self, is_kept};
use brevet_core::audit_log::leaf;
use brevet_core::merkle::Tree;

/// Adds columns and tables, and fills them.
pub struct Log;

impl MigrationName for Log {
    fn name(&self) -> &'static str {
        "m0130_log"
    }
}

const PIECE: u64 = 500;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Log {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut hash = string("content_hash");
        hash.default("");
        for mut column in [big_integer_null("leaf"), string_null("salt"), hash] {
            manager.alter_table(Table::alter().table(Alias::new("event")).add_column(&mut column).to_owned()).await?;
        }
        let mut end = Table::create();
        end.table(Alias::new("event_log")).primary_key(Index::create().col(Alias::new("id")));
        for column in [big_integer("id"), big_integer("size"), text("wholes"), string_null("seal")] {
            end.col(column);
        }
        manager.create_table(end).await?;
        let mut nodes = Table::create();
        let mut key = Index::create();
        nodes.table(Alias::new("event_log_node")).primary_key(key.col(Alias::new("level")).col(Alias::new("index")));
        for column in [big_integer("level"), big_integer("index"), string("hash")] {
            nodes.col(column);
        }
        manager.create_table(nodes).await?;
        fill(manager).await?;
        let mut once = Index::create();
        manager.create_index(once.name("event_leaf").table(Alias::new("event")).col(Alias::new("leaf")).unique().to_owned()).await
    }
}

/// The columns of that time.
#[derive(FromQueryResult)]
struct Old {
    seq: i64,
    id: String,
    time: i64,
    recorded: i64,
    kind: String,
    schema: i64,
    actor_kind: String,
    actor_id: Option<String>,
    actor_name: String,
    token: Option<String>,
    computer: Option<String>,
    computer_name: Option<String>,
    user: Option<String>,
    policy: Option<String>,
    policy_name: Option<String>,
    request: Option<String>,
    grant: Option<String>,
    session: Option<String>,
    person: Option<String>,
    summary: String,
    body: String,
    incarnation: Option<String>,
    journal_seq: Option<i64>,
    outcome: Option<String>,
    redacted: Option<i64>,
}

impl From<Old> for event::Model {
    fn from(old: Old) -> Self {
        Self {
            seq: old.seq,
            id: old.id,
            time: old.time,
            recorded: old.recorded,
            kind: old.kind,
            schema: old.schema,
            actor_kind: old.actor_kind,
            actor_id: old.actor_id,
            actor_name: old.actor_name,
            token: old.token,
            computer: old.computer,
            computer_name: old.computer_name,
            user: old.user,
            policy: old.policy,
            policy_name: old.policy_name,
            request: old.request,
            grant: old.grant,
            session: old.session,
            person: old.person,
            summary: old.summary,
            body: old.body,
            incarnation: old.incarnation,
            journal_seq: old.journal_seq,
            outcome: old.outcome,
            words: String::new(),
            redacted: old.redacted,
            leaf: None,
            salt: None,
            content_hash: String::new(),
        }
    }
}

async fn fill(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use event::Column as C;
    let connection = manager.get_connection();
    let failed = |error: String| DbErr::Custom(error);
    let (mut tree, mut after) = (Tree::default(), i64::MIN);
    loop {
        let columns = [
            [C::Seq, C::Id, C::Time, C::Recorded, C::Kind],
            [C::Schema, C::ActorKind, C::ActorId, C::ActorName, C::Token],
            [C::Computer, C::ComputerName, C::User, C::Policy, C::PolicyName],
            [C::Request, C::Grant, C::Session, C::Person, C::Summary],
            [C::Body, C::Incarnation, C::JournalSeq, C::Outcome, C::Redacted],
        ];
        let rows: Vec<Old> = event::Entity::find()
            .select_only()
            .columns(columns.into_iter().flatten())
            .filter(C::Seq.gt(after))
            .order_by_asc(C::Seq)
            .limit(PIECE)
            .into_model()
            .all(connection)
            .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        let (before, mut nodes) = (tree.size(), Vec::new());
        for row in rows {
            let row = event::Model::from(row);
            let salt = crate::clock::random().map_err(|error| failed(error.to_string()))?;
            let record = log::sealed(&row, &salt).map_err(|error| failed(error.to_string()))?;
            let place = <i64 as TryFrom<u64>>::try_from(tree.size()).map_err(|error| failed(error.to_string()))?;
            nodes.extend(tree.push(leaf(&record)).into_iter().filter(|(place, _)| is_kept(place.level)));
            event::Entity::update_many()
                .col_expr(C::Leaf, Expr::value(place))
                .col_expr(C::Salt, Expr::value(record.salt.filter(|_| row.redacted.is_none())))
                .col_expr(C::ContentHash, Expr::value(record.body_hash.to_string()))
                .filter(C::Seq.eq(row.seq))
                .exec(connection)
                .await?;
        }
        // The first that the server signs is after this: see `log::adopt`.
        log::write(connection, before, &tree, &nodes, None).await?;
    }
}
