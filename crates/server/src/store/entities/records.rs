//! What happened: the audit log and the computers' journals.

/// The audit log.
pub mod event {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub seq: i64,
        pub id: String,
        pub time: i64,
        pub recorded: i64,
        pub kind: String,
        pub schema: i64,
        pub actor_kind: String,
        pub actor_id: Option<String>,
        pub actor_name: String,
        pub token: Option<String>,
        pub computer: Option<String>,
        pub computer_name: Option<String>,
        pub user: Option<String>,
        pub policy: Option<String>,
        pub policy_name: Option<String>,
        pub request: Option<String>,
        pub grant: Option<String>,
        pub session: Option<String>,
        pub person: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub summary: String,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        pub incarnation: Option<String>,
        pub journal_seq: Option<i64>,
        pub outcome: Option<String>,
        /// What a search for text looks at; see `audit::words`.
        #[sea_orm(column_type = "Text")]
        pub words: String,
        pub redacted: Option<i64>,
        /// Its place in the tree.
        pub leaf: Option<i64>,
        /// Of its text's hash; gone with the text.
        pub salt: Option<String>,
        pub content_hash: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The growing end of the tree over the events: one row.
pub mod event_log {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_log")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub size: i64,
        #[sea_orm(column_type = "Text")]
        pub wholes: String,
        /// The server's signature over it; none where it was not the server that wrote.
        pub seal: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Nodes of that tree, on some of its levels.
pub mod event_log_node {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_log_node")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub level: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub index: i64,
        pub hash: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The lives of each computer's journal.
pub mod journal {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "journal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub computer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub incarnation: String,
        pub seq: i64,
        pub head: String,
        #[sea_orm(column_type = "Text")]
        pub signed_head: String,
        pub begun: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Records, byte for byte.
pub mod journal_record {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "journal_record")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub computer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub incarnation: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub hash: String,
        #[sea_orm(column_type = "Text")]
        pub header: String,
        pub salt: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub body: Option<String>,
        pub body_hash: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Legal holds.
pub mod hold {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hold")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        /// The name, and the id once it is released.
        pub name_key: String,
        #[sea_orm(column_type = "Text")]
        pub reason: String,
        #[sea_orm(column_type = "Text")]
        pub covers: String,
        pub created: i64,
        pub created_by: String,
        pub created_by_name: String,
        pub released: Option<i64>,
        pub released_by: Option<String>,
        pub released_by_name: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub release_comment: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
