//! Events with their outcome and the text that is searched, and indexes for who acted and for the policy's name.

use sea_orm::{ColumnTrait as _, EntityTrait as _, FromQueryResult, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;

use super::entities::event;
use crate::audit::words;

/// Adds the columns and fills them.
pub struct Events;

impl MigrationName for Events {
    fn name(&self) -> &'static str {
        "m0060_events"
    }
}

const PIECE: u64 = 500;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Events {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut words = ColumnDef::new(Alias::new("words"));
        words.text().not_null().default("");
        for mut column in [string_null("outcome"), words] {
            manager.alter_table(Table::alter().table(Alias::new("event")).add_column(&mut column).to_owned()).await?;
        }
        for column in ["actor_id", "actor_name", "policy_name", "outcome"] {
            let index = Index::create().name(format!("event_{column}")).table(Alias::new("event")).col(Alias::new(column)).to_owned();
            manager.create_index(index).await?;
        }
        fill(manager).await
    }
}

/// Those columns of that time that the new ones come from.
#[derive(FromQueryResult)]
struct Old {
    seq: i64,
    kind: String,
    actor_name: String,
    computer_name: Option<String>,
    user: Option<String>,
    policy_name: Option<String>,
    summary: String,
    body: String,
}

async fn fill(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use event::Column as C;
    let connection = manager.get_connection();
    let mut after = 0;
    loop {
        let rows: Vec<Old> = event::Entity::find()
            .select_only()
            .columns([C::Seq, C::Kind, C::ActorName, C::ComputerName, C::User, C::PolicyName, C::Summary, C::Body])
            .filter(C::Seq.gt(after))
            .order_by_asc(C::Seq)
            .limit(PIECE)
            .into_model()
            .all(connection)
            .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        for row in rows {
            let names = [Some(&row.actor_name), row.computer_name.as_ref(), row.user.as_ref(), row.policy_name.as_ref()];
            let words = words::of(&row.kind, &row.summary, names.into_iter().flatten().map(String::as_str), &row.body);
            event::Entity::update_many()
                .col_expr(C::Words, Expr::value(words))
                .col_expr(C::Outcome, Expr::value(outcome(&row.kind, &row.body)))
                .filter(C::Seq.eq(row.seq))
                .exec(connection)
                .await?;
        }
    }
}

/// As `agents::apply` gives it to new ones.
fn outcome(kind: &str, body: &str) -> Option<String> {
    let place = match kind {
        "session.ended" => "/outcome/kind",
        "launch.refused" | "document.refused" => "/code",
        _ => return None,
    };
    serde_json::from_str::<serde_json::Value>(body).ok()?.pointer(place)?.as_str().map(str::to_owned)
}
