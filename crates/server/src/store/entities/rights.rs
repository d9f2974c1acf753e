//! Who used which right: requests, decisions, grants, sessions.

/// Requests.
pub mod request {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "request")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub computer: String,
        pub state: String,
        pub user: String,
        pub policy: String,
        pub created: i64,
        pub lapses: i64,
        pub closed: Option<i64>,
        pub consistent: bool,
        pub needed: i64,
        pub grant: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        /// From 1; each change of what it says is the next.
        pub revision: i64,
        pub remind_at: Option<i64>,
        pub reminded: Option<i64>,
        pub escalate_at: Option<i64>,
        pub escalated: Option<i64>,
        pub redacted: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What persons decided. `key` keeps one person from deciding the same thing twice.
pub mod decision {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "decision")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub request: String,
        pub person: String,
        pub name: String,
        pub kind: String,
        pub time: i64,
        #[sea_orm(column_type = "Text")]
        pub comment: String,
        pub seconds: Option<i64>,
        pub command_only: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Grants.
pub mod grant {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "grant")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub computer: String,
        pub origin: String,
        pub state: String,
        pub user: String,
        pub target_user: String,
        #[sea_orm(column_type = "Text")]
        pub command: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub reason: Option<String>,
        pub policy: String,
        #[sea_orm(column_type = "Text")]
        pub policy_ref: String,
        pub request: Option<String>,
        pub version: i64,
        pub seconds: i64,
        pub command_only: bool,
        pub created: i64,
        pub use_before: i64,
        pub activated: Option<i64>,
        pub ends: i64,
        pub ended: Option<i64>,
        #[sea_orm(column_type = "Text", nullable)]
        pub detail: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        pub redacted: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Sessions.
pub mod session {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "session")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub grant: String,
        pub computer: String,
        pub state: String,
        pub user: String,
        pub target_user: String,
        #[sea_orm(column_type = "Text")]
        pub command: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub reason: Option<String>,
        pub policy: String,
        #[sea_orm(column_type = "Text")]
        pub policy_ref: String,
        pub containment: String,
        pub started: i64,
        pub ends: i64,
        pub ended: Option<i64>,
        #[sea_orm(column_type = "Text", nullable)]
        pub outcome: Option<String>,
        pub processes_ended: Option<i64>,
        #[sea_orm(column_type = "Text")]
        pub record: String,
        pub redacted: Option<i64>,
        pub processes: Option<i64>,
        pub processes_at: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
