//! How many processes a session has, and when that was counted.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer_null;

/// Adds the columns.
pub struct Processes;

impl MigrationName for Processes {
    fn name(&self) -> &'static str {
        "m0160_processes"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Processes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite takes one column at a time.
        for mut column in [big_integer_null("processes"), big_integer_null("processes_at")] {
            manager.alter_table(Table::alter().table(Alias::new("session")).add_column(&mut column).to_owned()).await?;
        }
        Ok(())
    }
}
