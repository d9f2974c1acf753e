//! Indexes for what the console shows first: events of a kind by day, and computers that somebody should look at, by name.

use sea_orm_migration::prelude::*;

/// Adds them. The one of kind and time does what that of the kind alone did.
pub struct Counted;

impl MigrationName for Counted {
    fn name(&self) -> &'static str {
        "m0100_counted"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Counted {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in [
            "CREATE INDEX event_kind_time ON \"event\" (\"kind\", \"time\")",
            "DROP INDEX event_kind",
            "CREATE INDEX computer_lost ON \"computer\" (\"name_key\") WHERE \"lost\"",
            "CREATE INDEX computer_state ON \"computer\" (\"state\", \"name_key\")",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
