//! The tables as SeaORM entities. Ids and digests are text, moments Unix milliseconds, structures JSON text.
//!
//! What a column means is said by the feature that owns the table; nothing here decides anything.

/// The one row that says which installation this is.
pub mod instance {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "instance")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub epoch: i64,
        pub trust_version: i64,
        pub url: String,
        pub created: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Every version of the trust document.
pub mod trust {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "trust")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        pub epoch: i64,
        pub root: String,
        #[sea_orm(column_type = "Text")]
        pub envelope: String,
        pub created: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who signs in.
pub mod person {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub roles: String,
        pub enabled: bool,
        pub no_os_user: bool,
        pub created: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which OS users a person is; `computer` is empty for every one.
pub mod person_os_user {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_os_user")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub user: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub computer: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// One-time links, by the hash of their secret.
pub mod sign_in {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub person: String,
        pub expires: i64,
        pub used: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who is signed in to the console, by the hash of the cookie.
pub mod console_session {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "console_session")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub person: String,
        pub created: i64,
        pub expires: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// API tokens, by the hash of their secret.
pub mod token {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "token")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub hash: String,
        pub name: String,
        pub person: String,
        pub roles: String,
        pub decides: bool,
        pub created: i64,
        pub expires: i64,
        pub last_used: Option<i64>,
        pub revoked: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Rights to enrol, by the hash of their secret.
pub mod enrolment_token {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "enrolment_token")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub hash: String,
        pub name: String,
        pub uses: i64,
        pub used: i64,
        #[sea_orm(column_type = "Text")]
        pub groups: String,
        pub created: i64,
        pub expires: i64,
        pub revoked: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

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
    }

    impl ActiveModelBehavior for ActiveModel {}
}

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

/// Answers to creating calls, by who called and their key.
pub mod idempotency {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub body_hash: String,
        pub status: i64,
        pub etag: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub answer: String,
        pub created: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
