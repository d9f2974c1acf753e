//! Who may call: the installation itself, persons, sign-in, tokens, answers to creating calls.

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
        /// Another text after each change of any definition: the database sees to it.
        pub definitions: String,
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
        #[sea_orm(column_type = "Text")]
        pub scopes: String,
        pub removed: bool,
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
        pub made_by: Option<String>,
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
        pub made_by: Option<String>,
        /// What others name it by; the hash stays here. WHY it is not marked as unique: `find_by_id` would look for it.
        pub id: String,
        /// How they signed in.
        pub way: String,
        /// When they last asked for a page, to the minute.
        pub seen: i64,
        pub address: String,
        pub browser: String,
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
        #[sea_orm(column_type = "Text")]
        pub scopes: String,
        /// The person who made it, where that was somebody else.
        pub made_by: Option<String>,
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
        pub owner: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
