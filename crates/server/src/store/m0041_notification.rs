//! Notification: targets, outbox, templates.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, text, text_null};

/// Creates the tables.
pub struct Notification;

impl MigrationName for Notification {
    fn name(&self) -> &'static str {
        "m0041_notification"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Notification {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut target = Table::create();
        target.table(Alias::new("notification_target")).col(string("id").primary_key()).col(string("name").unique_key());
        target.col(string("kind")).col(text("address")).col(string_null("person")).col(text("events")).col(boolean("enabled"));
        target.col(big_integer("secret")).col(string("key")).col(big_integer("created"));
        target.col(big_integer("failures")).col(big_integer("rests")).col(boolean("gave_up"));
        manager.create_table(target).await?;
        let mut outbox = Table::create();
        outbox.table(Alias::new("notification")).col(big_pk_auto("seq")).col(string("id").unique_key()).col(string("target"));
        outbox.col(string_null("event")).col(string("kind")).col(string("audience")).col(string_null("request")).col(string("state"));
        outbox.col(big_integer("attempts")).col(big_integer("due")).col(big_integer("since")).col(big_integer("created"));
        outbox
            .col(big_integer_null("finished"))
            .col(string_null("message"))
            .col(boolean("alone"))
            .col(text_null("error"))
            .col(text("subject"))
            .col(text("body"));
        manager.create_table(outbox).await?;
        let mut template = Table::create();
        template.table(Alias::new("notification_template")).col(string("kind").primary_key());
        template.col(text("subject")).col(text("body")).col(big_integer("changed"));
        manager.create_table(template).await?;
        let index = |name: &str, columns: [&str; 3]| {
            let mut index = Index::create();
            index.name(name).table(Alias::new("notification"));
            for column in columns {
                index.col(Alias::new(column));
            }
            index.to_owned()
        };
        manager.create_index(index("notification_next", ["target", "state", "seq"])).await?;
        manager.create_index(index("notification_due", ["state", "due", "target"])).await?;
        manager.create_index(index("notification_finished", ["finished", "target", "message"])).await
    }
}
