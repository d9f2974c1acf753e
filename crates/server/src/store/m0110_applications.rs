//! Applications that were seen, counted, and those of the events that are there.

use brevet_core::record::Body;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

use super::entities::event;
use crate::applications::seen;

/// Adds the tables and fills them.
pub struct Applications;

impl MigrationName for Applications {
    fn name(&self) -> &'static str {
        "m0110_applications"
    }
}

const PIECE: u64 = 500;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Applications {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(Alias::new("application"));
        table.col(string("id").primary_key()).col(text("words")).col(text("facts"));
        manager.create_table(table).await?;
        let mut table = Table::create();
        table.table(Alias::new("application_use"));
        for column in ["application", "computer", "user"] {
            table.col(string(column));
        }
        for column in ["requests", "sessions", "refused", "first", "last"] {
            table.col(big_integer(column));
        }
        let key = ["application", "computer", "user"];
        let mut index = Index::create();
        key.into_iter().for_each(|column| {
            index.col(Alias::new(column));
        });
        table.primary_key(&mut index);
        manager.create_table(table).await?;
        for column in ["computer", "user", "last"] {
            let index = Index::create()
                .name(format!("application_use_{column}"))
                .table(Alias::new("application_use"))
                .col(Alias::new(column))
                .to_owned();
            manager.create_index(index).await?;
        }
        fill(manager).await
    }
}

async fn fill(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use event::Column as C;
    let connection = manager.get_connection();
    let mut after = 0;
    loop {
        let rows: Vec<(i64, i64, String, String, String)> = event::Entity::find()
            .select_only()
            .columns([C::Seq, C::Recorded, C::Kind, C::Computer, C::Body])
            .filter(C::Seq.gt(after))
            .filter(C::Kind.is_in(["launch.refused", "request.created", "session.started"]))
            .filter(C::Computer.is_not_null())
            .filter(C::Redacted.is_null())
            .order_by_asc(C::Seq)
            .limit(PIECE)
            .into_tuple()
            .all(connection)
            .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.0;
        for (_, recorded, kind, computer, body) in rows {
            if let Ok(Some(body)) = Body::parse(&kind, &body)
                && let Some(sight) = seen::sight(&body)
            {
                seen::note(connection, &computer, &sight, recorded).await?;
            }
        }
    }
}
