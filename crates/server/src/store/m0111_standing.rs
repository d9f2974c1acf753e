//! An index by which it is counted where policies stand: a row is found by its computer first.

use sea_orm_migration::prelude::*;

/// Adds the index.
pub struct Standing;

impl MigrationName for Standing {
    fn name(&self) -> &'static str {
        "m0111_standing"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Standing {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::create();
        index.name("policy_state_standing").table(Alias::new("policy_state"));
        for column in ["policy", "version", "state", "computer"] {
            index.col(Alias::new(column));
        }
        manager.create_index(index).await
    }
}
