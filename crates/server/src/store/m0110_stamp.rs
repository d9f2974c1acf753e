//! A stamp on all definitions together: another one after each change of any, whoever makes it, so that a server that keeps them in
//! memory knows by one small read whether they are still the same (`definitions::current`).
//!
//! WHY triggers: no writer can forget it, nor an older server on the same database. WHY random and no counter: a stamp that was rolled
//! back, or that a restored database lacks, never comes to mean something else.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// Adds the column and what changes it.
pub struct Stamp;

impl MigrationName for Stamp {
    fn name(&self) -> &'static str {
        "m0110_stamp"
    }
}

const COLUMN: &str = "ALTER TABLE instance ADD COLUMN definitions varchar NOT NULL DEFAULT ''";

const SQLITE: [&str; 4] = [
    "UPDATE instance SET definitions = lower(hex(randomblob(16)))",
    "CREATE TRIGGER definition_made AFTER INSERT ON definition \
     BEGIN UPDATE instance SET definitions = lower(hex(randomblob(16))); END",
    "CREATE TRIGGER definition_changed AFTER UPDATE ON definition \
     BEGIN UPDATE instance SET definitions = lower(hex(randomblob(16))); END",
    "CREATE TRIGGER definition_gone AFTER DELETE ON definition \
     BEGIN UPDATE instance SET definitions = lower(hex(randomblob(16))); END",
];

/// WHY the transaction's number: of a row that one transaction changes ten thousand times it must step over as many versions each time.
/// So a transaction replaces the stamp once.
const POSTGRES: [&str; 3] = [
    "UPDATE instance SET definitions = gen_random_uuid()::text",
    "CREATE OR REPLACE FUNCTION brevet_definition_changed() RETURNS trigger LANGUAGE plpgsql AS $$ \
     DECLARE mine text := pg_current_xact_id()::text || ' '; \
     BEGIN UPDATE instance SET definitions = mine || gen_random_uuid()::text WHERE NOT starts_with(definitions, mine); RETURN NULL; END $$",
    "CREATE TRIGGER definition_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON definition \
     FOR EACH STATEMENT EXECUTE FUNCTION brevet_definition_changed()",
];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Stamp {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection.execute_unprepared(COLUMN).await?;
        let statements: &[&str] = if manager.get_database_backend() == DbBackend::Postgres { &POSTGRES } else { &SQLITE };
        for statement in statements {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
