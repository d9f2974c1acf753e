//! Who else knows what somebody signs in or acts by, where two persons are needed.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;

/// Adds the columns.
pub struct Knowers;

impl MigrationName for Knowers {
    fn name(&self) -> &'static str {
        "m0080_knowers"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Knowers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [("sign_in", "made_by"), ("console_session", "made_by"), ("break_glass", "known_by")] {
            let mut column = string_null(column).take();
            manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).to_owned()).await?;
        }
        Ok(())
    }
}
