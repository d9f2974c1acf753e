//! The first schema. A migration is never edited once released; a change is a new one.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, text, text_null};

/// Creates every table of the first version.
pub struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

struct NewTable {
    name: &'static str,
    keys: &'static [&'static str],
    unique: &'static [&'static str],
    indexed: &'static [&'static str],
    columns: Vec<ColumnDef>,
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for mut table in access().into_iter().chain(policy()).chain(use_of_rights()).chain(records()) {
            create(manager, &mut table).await?;
        }
        let once = Index::create()
            .name("event_once_per_record")
            .table(Alias::new("event"))
            .col(Alias::new("computer"))
            .col(Alias::new("incarnation"))
            .col(Alias::new("journal_seq"))
            .unique()
            .to_owned();
        manager.create_index(once).await
    }
}

async fn create(manager: &SchemaManager<'_>, table: &mut NewTable) -> Result<(), DbErr> {
    let mut statement = Table::create();
    statement.table(Alias::new(table.name));
    for column in &mut table.columns {
        statement.col(column);
    }
    if !table.keys.is_empty() {
        let mut key = Index::create();
        for name in table.keys {
            key.col(Alias::new(*name));
        }
        statement.primary_key(&mut key);
    }
    manager.create_table(statement).await?;
    let unique = table.unique.iter().map(|column| (column, true));
    for (column, unique) in unique.chain(table.indexed.iter().map(|column| (column, false))) {
        let mut index = Index::create();
        index.name(format!("{}_{column}", table.name)).table(Alias::new(table.name)).col(Alias::new(*column));
        if unique {
            index.unique();
        }
        manager.create_index(index).await?;
    }
    Ok(())
}

fn access() -> Vec<NewTable> {
    vec![
        NewTable {
            name: "instance",
            keys: &["id"],
            unique: &[],
            indexed: &[],
            columns: vec![string("id"), big_integer("epoch"), big_integer("trust_version"), string("url"), big_integer("created")],
        },
        NewTable {
            name: "trust",
            keys: &["version"],
            unique: &[],
            indexed: &[],
            columns: vec![big_integer("version"), big_integer("epoch"), string("root"), text("envelope"), big_integer("created")],
        },
        NewTable {
            name: "person",
            keys: &["id"],
            unique: &["name"],
            indexed: &[],
            columns: vec![string("id"), string("name"), string("roles"), boolean("enabled"), boolean("no_os_user"), big_integer("created")],
        },
        NewTable {
            name: "person_os_user",
            keys: &["person", "user", "computer"],
            unique: &[],
            indexed: &[],
            columns: vec![string("person"), string("user"), string("computer")],
        },
        NewTable {
            name: "sign_in",
            keys: &["hash"],
            unique: &[],
            indexed: &[],
            columns: vec![string("hash"), string("person"), big_integer("expires"), boolean("used")],
        },
        NewTable {
            name: "console_session",
            keys: &["hash"],
            unique: &[],
            indexed: &[],
            columns: vec![string("hash"), string("person"), big_integer("created"), big_integer("expires")],
        },
        NewTable {
            name: "token",
            keys: &["id"],
            unique: &["hash"],
            indexed: &[],
            columns: vec![
                string("id"),
                string("hash"),
                string("name"),
                string("person"),
                string("roles"),
                boolean("decides"),
                big_integer("created"),
                big_integer("expires"),
                big_integer_null("last_used"),
                boolean("revoked"),
            ],
        },
        NewTable {
            name: "enrolment_token",
            keys: &["id"],
            unique: &["hash"],
            indexed: &[],
            columns: vec![
                string("id"),
                string("hash"),
                string("name"),
                big_integer("uses"),
                big_integer("used"),
                text("groups"),
                big_integer("created"),
                big_integer("expires"),
                boolean("revoked"),
            ],
        },
        NewTable {
            name: "idempotency",
            keys: &["key"],
            unique: &[],
            indexed: &["created"],
            columns: vec![
                string("key"),
                string("body_hash"),
                big_integer("status"),
                string_null("etag"),
                text("answer"),
                big_integer("created"),
            ],
        },
    ]
}

fn policy() -> Vec<NewTable> {
    vec![
        NewTable {
            name: "computer",
            keys: &["id"],
            unique: &["name_key"],
            indexed: &["last_contact"],
            columns: vec![
                string("id"),
                string("name"),
                string("name_key"),
                string("hostname"),
                string("platform"),
                string("agent_version"),
                string("state"),
                string_null("because"),
                string("transport_key"),
                string("journal_key"),
                big_integer("enrolled"),
                big_integer("last_contact"),
                boolean("lost"),
                big_integer("epoch"),
                big_integer("sent"),
                big_integer("held"),
                big_integer("held_trust"),
                string("manifest"),
                string("incarnation"),
            ],
        },
        NewTable {
            name: "definition",
            keys: &["id"],
            unique: &["name_key"],
            indexed: &["kind"],
            columns: vec![
                string("id"),
                string("kind"),
                string("name"),
                string("name_key"),
                big_integer("version"),
                big_integer("renewal"),
                big_integer("created"),
                big_integer("changed"),
                boolean("deleted"),
                string_null("document"),
                text("content"),
            ],
        },
        NewTable {
            name: "definition_change",
            keys: &["id", "version"],
            unique: &[],
            indexed: &[],
            columns: vec![string("id"), big_integer("version"), big_integer("time"), string("by"), string("change"), text_null("content")],
        },
        NewTable {
            name: "setting",
            keys: &["name"],
            unique: &[],
            indexed: &[],
            columns: vec![string("name"), string("value"), big_integer("changed")],
        },
        NewTable {
            name: "shared_document",
            keys: &["digest"],
            unique: &[],
            indexed: &["subject"],
            columns: vec![string("digest"), string("kind"), string("subject"), big_integer("version"), text("envelope")],
        },
        NewTable {
            name: "sequence",
            keys: &["computer", "epoch", "seq"],
            unique: &[],
            indexed: &["subject"],
            columns: vec![
                string("computer"),
                big_integer("epoch"),
                big_integer("seq"),
                string("kind"),
                string("digest"),
                string("subject"),
                string("state"),
                big_integer("sent"),
                big_integer_null("delivered"),
                big_integer_null("confirmed"),
                big_integer_null("processes_ended"),
                text("envelope"),
            ],
        },
        NewTable {
            name: "policy_state",
            keys: &["computer", "policy"],
            unique: &[],
            indexed: &[],
            columns: vec![
                string("computer"),
                string("policy"),
                big_integer("version"),
                string("state"),
                string_null("field"),
                string_null("reason"),
                big_integer("since"),
            ],
        },
    ]
}

fn use_of_rights() -> Vec<NewTable> {
    vec![
        NewTable {
            name: "request",
            keys: &["id"],
            unique: &[],
            indexed: &["computer", "state", "user", "policy", "created"],
            columns: vec![
                string("id"),
                string("computer"),
                string("state"),
                string("user"),
                string("policy"),
                big_integer("created"),
                big_integer("lapses"),
                big_integer_null("closed"),
                boolean("consistent"),
                big_integer("needed"),
                string_null("grant"),
                text("body"),
            ],
        },
        NewTable {
            name: "decision",
            keys: &["key"],
            unique: &[],
            indexed: &["request", "time"],
            columns: vec![
                string("key"),
                string("request"),
                string("person"),
                string("name"),
                string("kind"),
                big_integer("time"),
                text("comment"),
                big_integer_null("seconds"),
                boolean("command_only"),
            ],
        },
        NewTable {
            name: "grant",
            keys: &["id"],
            unique: &[],
            indexed: &["computer", "state", "user", "policy", "created"],
            columns: vec![
                string("id"),
                string("computer"),
                string("origin"),
                string("state"),
                string("user"),
                string("target_user"),
                text("command"),
                text_null("reason"),
                string("policy"),
                text("policy_ref"),
                string_null("request"),
                big_integer("version"),
                big_integer("seconds"),
                boolean("command_only"),
                big_integer("created"),
                big_integer("use_before"),
                big_integer_null("activated"),
                big_integer("ends"),
                big_integer_null("ended"),
                text_null("detail"),
                text("body"),
            ],
        },
        NewTable {
            name: "session",
            keys: &["id"],
            unique: &[],
            indexed: &["grant", "computer", "state", "user", "policy", "started"],
            columns: vec![
                string("id"),
                string("grant"),
                string("computer"),
                string("state"),
                string("user"),
                string("target_user"),
                text("command"),
                text_null("reason"),
                string("policy"),
                text("policy_ref"),
                string("containment"),
                big_integer("started"),
                big_integer("ends"),
                big_integer_null("ended"),
                text_null("outcome"),
                big_integer_null("processes_ended"),
                text("record"),
            ],
        },
    ]
}

fn records() -> Vec<NewTable> {
    vec![
        NewTable {
            name: "event",
            keys: &[],
            unique: &["id"],
            indexed: &["time", "kind", "computer", "user", "policy", "request", "grant", "session", "person"],
            columns: vec![
                big_pk_auto("seq"),
                string("id"),
                big_integer("time"),
                big_integer("recorded"),
                string("kind"),
                big_integer("schema"),
                string("actor_kind"),
                string_null("actor_id"),
                string("actor_name"),
                string_null("token"),
                string_null("computer"),
                string_null("computer_name"),
                string_null("user"),
                string_null("policy"),
                string_null("policy_name"),
                string_null("request"),
                string_null("grant"),
                string_null("session"),
                string_null("person"),
                text("summary"),
                text("body"),
                string_null("incarnation"),
                big_integer_null("journal_seq"),
            ],
        },
        NewTable {
            name: "journal",
            keys: &["computer", "incarnation"],
            unique: &[],
            indexed: &[],
            columns: vec![
                string("computer"),
                string("incarnation"),
                big_integer("seq"),
                string("head"),
                text("signed_head"),
                big_integer("begun"),
            ],
        },
        NewTable {
            name: "journal_record",
            keys: &["computer", "incarnation", "seq"],
            unique: &[],
            indexed: &[],
            columns: vec![
                string("computer"),
                string("incarnation"),
                big_integer("seq"),
                string("hash"),
                text("header"),
                string_null("salt"),
                text_null("body"),
                string("body_hash"),
            ],
        },
    ]
}
