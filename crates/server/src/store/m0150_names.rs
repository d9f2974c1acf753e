//! An index for the order of computers by name, in any case: it is the usual one of the largest list.

use sea_orm_migration::prelude::*;

/// The migration.
pub struct Names;

impl MigrationName for Names {
    fn name(&self) -> &'static str {
        "m0150_names"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Names {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "CREATE INDEX computer_by_name ON computer (lower(name_key), id)";
        manager.get_connection().execute_unprepared(index).await.map(|_| ())
    }
}
