//! Four eyes and break-glass.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, text, text_null};

/// Creates the tables.
pub struct Exceptions;

impl MigrationName for Exceptions {
    fn name(&self) -> &'static str {
        "m0042_exceptions"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Exceptions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut proposal = Table::create();
        proposal.table(Alias::new("proposal")).col(string("id").primary_key()).col(string("state")).col(text("summary"));
        proposal.col(string("method")).col(text("uri")).col(string("path")).col(string_null("if_match")).col(text("body"));
        proposal.col(text("differences")).col(string("person")).col(string("person_name")).col(string("roles")).col(text("scopes"));
        proposal.col(string_null("token")).col(big_integer("created")).col(big_integer_null("closed"));
        proposal.col(string_null("closed_by")).col(text("comment"));
        manager.create_table(proposal).await?;
        let mut glass = Table::create();
        glass.table(Alias::new("break_glass")).col(string("id").primary_key()).col(string("state")).col(string("policy").unique_key());
        glass
            .col(string("policy_name"))
            .col(string("computer"))
            .col(string("computer_name"))
            .col(string("user"))
            .col(text("application"))
            .col(big_integer("seconds"));
        glass.col(text("reason")).col(string("opened_by")).col(string("opened_by_name")).col(big_integer("opened"));
        glass.col(big_integer("ends")).col(big_integer_null("ended")).col(text("skipped")).col(big_integer_null("reviewed"));
        glass.col(string_null("reviewed_by")).col(string_null("reviewed_by_name")).col(text_null("review"));
        manager.create_table(glass).await
    }
}
