//! Who else knows what a proposal was made with, also where that was no token but a sign-in to the console.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;

/// Adds the column, with what is known of the tokens so far.
pub struct Proposer;

impl MigrationName for Proposer {
    fn name(&self) -> &'static str {
        "m0090_proposer"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Proposer {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = string_null("known_by").take();
        manager.alter_table(Table::alter().table(Alias::new("proposal")).add_column(&mut column).to_owned()).await?;
        let makers = "update proposal set known_by = (select made_by from token where token.id = proposal.token) where token is not null";
        manager.get_connection().execute_unprepared(makers).await?;
        Ok(())
    }
}
