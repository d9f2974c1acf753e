//! Passwords, authenticator apps, recovery codes, passkeys, identities; what stands between two steps of a sign-in; and where somebody
//! is signed in.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, text};

/// Creates the tables.
pub struct SignIn;

impl MigrationName for SignIn {
    fn name(&self) -> &'static str {
        "m0110_sign_in"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for SignIn {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Of those that were signed in nobody knows from where: they sign in again.
        manager.get_connection().execute_unprepared("delete from console_session").await?;
        let columns = [
            string("id").default("").take(),
            string("way").default("link").take(),
            big_integer("seen").default(0).take(),
            string("address").default("").take(),
            string("browser").default("").take(),
        ];
        for mut column in columns {
            manager.alter_table(Table::alter().table(Alias::new("console_session")).add_column(&mut column).to_owned()).await?;
        }
        for (table, columns) in tables() {
            let mut create = Table::create();
            create.table(Alias::new(table));
            for mut column in columns {
                create.col(&mut column);
            }
            manager.create_table(create).await?;
        }
        for (table, column) in [("console_session", "person"), ("recovery_code", "person"), ("passkey", "person")] {
            let name = format!("{table}_{column}");
            manager.create_index(Index::create().name(name).table(Alias::new(table)).col(Alias::new(column)).to_owned()).await?;
        }
        let unique =
            Index::create().name("console_session_id").table(Alias::new("console_session")).col(Alias::new("id")).unique().to_owned();
        manager.create_index(unique).await
    }
}

fn tables() -> [(&'static str, Vec<ColumnDef>); 6] {
    let key = |name: &'static str| string(name).primary_key().take();
    [
        ("person_password", vec![key("person"), string("hash").take(), big_integer("since").take(), string_null("known_by").take()]),
        (
            "person_app",
            vec![
                key("person"),
                string("salt").take(),
                big_integer("since").take(),
                big_integer("last_step").take(),
                string_null("known_by").take(),
            ],
        ),
        ("recovery_code", vec![key("hash"), string("person").take(), string_null("known_by").take()]),
        (
            "passkey",
            vec![
                key("id"),
                string("credential").unique_key().take(),
                string("person").take(),
                string("name").take(),
                big_integer("since").take(),
                big_integer_null("last_used").take(),
                text("content").take(),
                string_null("known_by").take(),
            ],
        ),
        (
            "person_identity",
            vec![
                key("person"),
                string("issuer").take(),
                string("subject").take(),
                string("key").unique_key().take(),
                big_integer("since").take(),
            ],
        ),
        (
            "sign_in_step",
            vec![
                key("hash"),
                string("kind").take(),
                string_null("person").take(),
                text("state").take(),
                string_null("known_by").take(),
                string("next").take(),
                big_integer("tries").take(),
                big_integer("expires").take(),
            ],
        ),
    ]
}
