//! What computers say of themselves: whole, and the parts that lists choose by.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, string_null, text_null};

/// Adds the columns.
pub struct Facts;

impl MigrationName for Facts {
    fn name(&self) -> &'static str {
        "m0070_facts"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Facts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            text_null("facts"),
            big_integer_null("facts_at"),
            string_null("os"),
            string_null("kernel"),
            string_null("broker_version"),
            big_integer_null("clock_ahead"),
        ];
        // SQLite takes one column at a time.
        for mut column in columns {
            manager.alter_table(Table::alter().table(Alias::new("computer")).add_column(&mut column).to_owned()).await?;
        }
        Ok(())
    }
}
