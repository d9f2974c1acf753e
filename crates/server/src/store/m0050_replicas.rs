//! What several servers on one database need to know of one another, and where a computer's newest stream is.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_pk_auto, string, string_null, text};

/// Adds the tables of replicas.
pub struct Replicas;

impl MigrationName for Replicas {
    fn name(&self) -> &'static str {
        "m0050_replicas"
    }
}

fn table(name: &str) -> TableCreateStatement {
    Table::create().table(Alias::new(name)).to_owned()
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Replicas {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let woken =
            table("woken").col(big_pk_auto("seq")).col(string("replica")).col(big_integer("time")).col(text("computers")).to_owned();
        manager.create_table(woken).await?;
        let replica = table("replica").col(string("id").primary_key()).col(big_integer("started")).col(big_integer("seen")).to_owned();
        manager.create_table(replica).await?;
        let nonce = table("used_nonce").col(string("nonce").primary_key()).col(string("token")).col(big_integer("until")).to_owned();
        manager.create_table(nonce).await?;
        let until = Index::create().name("used_nonce_until").table(Alias::new("used_nonce")).col(Alias::new("until")).to_owned();
        manager.create_index(until).await?;
        let stream = Table::alter().table(Alias::new("computer")).add_column(string_null("stream")).to_owned();
        manager.alter_table(stream).await
    }
}
