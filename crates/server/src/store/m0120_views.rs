//! Saved views of the audit log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text};

/// Adds the table.
pub struct Views;

impl MigrationName for Views {
    fn name(&self) -> &'static str {
        "m0120_views"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Views {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [string("id"), string("person"), string("name"), text("content"), big_integer("created"), big_integer("changed")];
        let mut table = Table::create();
        table.table(Alias::new("event_view")).primary_key(Index::create().col(Alias::new("id")));
        for column in columns {
            table.col(column);
        }
        manager.create_table(table).await?;
        let mut name = Index::create();
        name.name("event_view_name").table(Alias::new("event_view")).col(Alias::new("person")).col(Alias::new("name")).unique();
        manager.create_index(name.to_owned()).await
    }
}
