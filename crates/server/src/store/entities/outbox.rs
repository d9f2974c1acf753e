//! Who is told what: targets, the outbox with its log, templates.

/// Where notifications go.
pub mod notification_target {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notification_target")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub kind: String,
        #[sea_orm(column_type = "Text")]
        pub address: String,
        pub person: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub events: String,
        pub enabled: bool,
        /// Counts its secrets; the secret itself is derived and stands nowhere.
        pub secret: i64,
        /// Fingerprint of the key that its secret was derived from.
        pub key: String,
        pub created: i64,
        /// How often in a row something could not be sent there.
        pub failures: i64,
        /// Until when nothing is tried there.
        pub rests: i64,
        /// Whether an event says that it fails, and nothing was taken since.
        pub gave_up: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The outbox, in order, and afterwards the log.
pub mod notification {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notification")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub seq: i64,
        pub id: String,
        pub target: String,
        pub event: Option<String>,
        pub kind: String,
        pub audience: String,
        pub request: Option<String>,
        pub state: String,
        pub attempts: i64,
        pub due: i64,
        /// Since when it waits: when it was made, or asked to be sent again.
        pub since: i64,
        /// In which message it went: an e-mail can hold several.
        pub message: Option<String>,
        /// Whether it goes in an e-mail of its own, because one with others was refused.
        pub alone: bool,
        pub created: i64,
        pub finished: Option<i64>,
        #[sea_orm(column_type = "Text", nullable)]
        pub error: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub subject: String,
        #[sea_orm(column_type = "Text")]
        pub body: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Templates that an administrator wrote.
pub mod notification_template {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notification_template")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(column_type = "Text")]
        pub subject: String,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        pub changed: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
