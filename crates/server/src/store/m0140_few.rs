//! Indexes of what is few among many, which is what lists ask for: grants that are open, ways of grants among the manifests, events of
//! one kind from the newest back, events of a token, and those that are redacted. And when an application was seen last, to find the few
//! that are counted.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// Makes the indexes; those that say nothing beside them go.
pub struct Few;

impl MigrationName for Few {
    fn name(&self) -> &'static str {
        "m0140_few"
    }
}

/// WHY without `sequence_subject`: each manifest has the same empty subject, by which SQLite takes the whole column for one that tells
/// nothing apart, and reads every document of every computer instead.
const BOTH: [&str; 6] = [
    "CREATE INDEX grant_open ON \"grant\" (\"id\") WHERE \"state\" IN ('issued', 'active')",
    "CREATE INDEX sequence_about ON \"sequence\" (\"subject\") WHERE \"subject\" <> ''",
    "DROP INDEX sequence_subject",
    "CREATE INDEX application_use_seen ON \"application_use\" (\"application\", \"last\")",
    "CREATE INDEX event_token ON \"event\" (\"token\") WHERE \"token\" IS NOT NULL",
    "CREATE INDEX event_redacted ON \"event\" (\"seq\") WHERE \"redacted\" IS NOT NULL",
];

/// An index of SQLite ends with the place of the row, and so is in the order of the log.
const SQLITE: [&str; 1] = ["CREATE INDEX event_kind ON \"event\" (\"kind\")"];

const POSTGRES: [&str; 9] = [
    "CREATE INDEX event_kind ON \"event\" (\"kind\", \"seq\")",
    "CREATE INDEX event_computer_newest ON \"event\" (\"computer\", \"seq\")",
    "DROP INDEX event_computer",
    "CREATE INDEX event_user_newest ON \"event\" (\"user\", \"seq\")",
    "DROP INDEX event_user",
    "CREATE INDEX event_policy_newest ON \"event\" (\"policy\", \"seq\")",
    "DROP INDEX event_policy",
    "CREATE INDEX event_time_place ON \"event\" (\"time\", \"seq\")",
    "DROP INDEX event_time",
];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Few {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let own: &[&str] = if manager.get_database_backend() == DbBackend::Postgres { &POSTGRES } else { &SQLITE };
        for statement in BOTH.iter().chain(own) {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
