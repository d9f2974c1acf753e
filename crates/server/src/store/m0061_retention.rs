//! What was redacted and when, legal holds, and indexes of what is not redacted yet.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, text, text_null};

/// Adds columns, table and indexes.
pub struct Retention;

impl MigrationName for Retention {
    fn name(&self) -> &'static str {
        "m0061_retention"
    }
}

/// Each table, and the column by which its rows grow old.
const AGED: [(&str, &str); 4] = [("event", "recorded"), ("request", "closed"), ("grant", "ended"), ("session", "ended")];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Retention {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in AGED {
            let mut redacted = big_integer_null("redacted");
            manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut redacted).to_owned()).await?;
            let index = format!("CREATE INDEX {table}_kept ON \"{table}\" (\"{column}\") WHERE \"redacted\" IS NULL");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        let columns = [
            string("id"),
            string("name"),
            string("name_key"),
            text("reason"),
            text("covers"),
            big_integer("created"),
            string("created_by"),
            string("created_by_name"),
            big_integer_null("released"),
            string_null("released_by"),
            string_null("released_by_name"),
            text_null("release_comment"),
        ];
        let mut table = Table::create();
        table.table(Alias::new("hold")).primary_key(Index::create().col(Alias::new("id")));
        for column in columns {
            table.col(column);
        }
        manager.create_table(table).await?;
        let name = Index::create().name("hold_name_key").table(Alias::new("hold")).col(Alias::new("name_key")).unique().to_owned();
        manager.create_index(name).await
    }
}
