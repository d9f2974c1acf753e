//! Persons who were removed: the row stays, since events and decisions name it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::boolean;

/// Adds the column.
pub struct Removed;

impl MigrationName for Removed {
    fn name(&self) -> &'static str {
        "m0071_removed"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Removed {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = boolean("removed").default(false).take();
        manager.alter_table(Table::alter().table(Alias::new("person")).add_column(&mut column).to_owned()).await
    }
}
