//! Requests with a revision, a reminder and an escalation; tokens with who made them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string_null};

/// Adds the columns.
pub struct Decisions;

impl MigrationName for Decisions {
    fn name(&self) -> &'static str {
        "m0040_decisions"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Decisions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("request", big_integer("revision").default(1).take()),
            ("request", big_integer_null("remind_at")),
            ("request", big_integer_null("reminded")),
            ("request", big_integer_null("escalate_at")),
            ("request", big_integer_null("escalated")),
            ("token", string_null("made_by")),
        ];
        // SQLite takes one column at a time.
        for (table, mut column) in columns {
            manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).to_owned()).await?;
        }
        for column in ["remind_at", "escalate_at"] {
            let index = Index::create().name(format!("request_{column}")).table(Alias::new("request")).col(Alias::new(column)).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
