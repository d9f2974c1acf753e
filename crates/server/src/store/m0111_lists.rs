//! Indexes in the order of the lists: each list goes from the newest id back, and is chosen by one of these columns.

use sea_orm_migration::prelude::*;

/// Makes the indexes; those of the column alone say nothing that these do not.
pub struct Lists;

impl MigrationName for Lists {
    fn name(&self) -> &'static str {
        "m0111_lists"
    }
}

const CHOSEN_BY: [&str; 4] = ["computer", "state", "user", "policy"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Lists {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["request", "grant", "session"] {
            for column in CHOSEN_BY {
                let index = |name: String| Index::create().name(name).table(Alias::new(table)).col(Alias::new(column)).to_owned();
                manager.create_index(index(format!("{table}_{column}_newest")).col(Alias::new("id")).to_owned()).await?;
                manager.drop_index(Index::drop().name(format!("{table}_{column}")).table(Alias::new(table)).to_owned()).await?;
            }
        }
        Ok(())
    }
}
