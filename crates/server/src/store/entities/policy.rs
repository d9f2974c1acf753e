//! What is in force where: computers, definitions, settings, documents.

/// Managed machines.
pub mod computer {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "computer")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub name_key: String,
        pub hostname: String,
        pub platform: String,
        pub agent_version: String,
        pub state: String,
        pub because: Option<String>,
        pub transport_key: String,
        pub journal_key: String,
        pub enrolled: i64,
        pub last_contact: i64,
        pub lost: bool,
        pub epoch: i64,
        pub sent: i64,
        pub held: i64,
        pub held_trust: i64,
        pub manifest: String,
        pub incarnation: String,
        pub stream: Option<String>,
        /// `core::record::ComputerFacts` as JSON.
        #[sea_orm(column_type = "Text", nullable)]
        pub facts: Option<String>,
        /// When the computer recorded them.
        pub facts_at: Option<i64>,
        /// In small letters, to choose by.
        pub os: Option<String>,
        pub kernel: Option<String>,
        pub broker_version: Option<String>,
        /// By how many milliseconds its clock was ahead.
        pub clock_ahead: Option<i64>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What `apply` takes: groups, lists, policies, autonomous rules. `name_key` is the name until it is deleted, then the id.
pub mod definition {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "definition")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub kind: String,
        pub name: String,
        pub name_key: String,
        pub version: i64,
        pub renewal: i64,
        pub created: i64,
        pub changed: i64,
        pub deleted: bool,
        pub document: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub content: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Every version of each, and who made it.
pub mod definition_change {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "definition_change")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        pub time: i64,
        pub by: String,
        pub change: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub content: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Settings that somebody set.
pub mod setting {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "setting")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub value: String,
        pub changed: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Documents for several computers, named by digest.
pub mod shared_document {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shared_document")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: String,
        pub kind: String,
        pub subject: String,
        pub version: i64,
        #[sea_orm(column_type = "Text")]
        pub envelope: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Documents for one computer, in its sequence.
pub mod sequence {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sequence")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub computer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub epoch: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub kind: String,
        pub digest: String,
        pub subject: String,
        pub state: String,
        pub sent: i64,
        pub delivered: Option<i64>,
        pub confirmed: Option<i64>,
        pub processes_ended: Option<i64>,
        #[sea_orm(column_type = "Text")]
        pub envelope: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What a computer said of a policy.
pub mod policy_state {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "policy_state")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub computer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub policy: String,
        pub version: i64,
        pub state: String,
        pub field: Option<String>,
        pub reason: Option<String>,
        pub since: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
