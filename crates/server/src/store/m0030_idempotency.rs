//! Whose reservation an idempotency key is.

use sea_orm_migration::prelude::*;

/// Adds the owner of a key.
pub struct IdempotencyOwner;

impl MigrationName for IdempotencyOwner {
    fn name(&self) -> &'static str {
        "m0030_idempotency"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for IdempotencyOwner {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut owner = ColumnDef::new(Alias::new("owner"));
        owner.string().not_null().default("");
        manager.alter_table(Table::alter().table(Alias::new("idempotency")).add_column(&mut owner).to_owned()).await
    }
}
