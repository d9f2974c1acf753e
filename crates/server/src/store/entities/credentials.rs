//! What persons sign in with, and what stands between two steps of a sign-in.

/// A password, as Argon2id has it.
pub mod person_password {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_password")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person: String,
        pub hash: String,
        pub since: i64,
        pub known_by: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// An authenticator app. Its secret is made from the salt and a key that is not in the database.
pub mod person_app {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_app")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person: String,
        pub salt: String,
        pub since: i64,
        /// The last step whose code was used: none before it works again.
        pub last_step: i64,
        pub known_by: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Recovery codes that were not used, by their hash.
pub mod recovery_code {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_code")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub person: String,
        pub known_by: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Passkeys; `credential` is what the authenticator names it by, `content` its public key and counter.
pub mod passkey {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "passkey")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        #[sea_orm(unique)]
        pub credential: String,
        pub person: String,
        pub name: String,
        pub since: i64,
        pub last_used: Option<i64>,
        #[sea_orm(column_type = "Text")]
        pub content: String,
        pub known_by: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who a person is at the provider of single sign-on; `key` is both issuer and subject.
pub mod person_identity {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "person_identity")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub person: String,
        pub issuer: String,
        pub subject: String,
        #[sea_orm(unique)]
        pub key: String,
        pub since: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What stands between two steps of a sign-in, or of setting something up, by the hash of what the browser holds.
pub mod sign_in_step {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in_step")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub kind: String,
        pub person: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub state: String,
        pub known_by: Option<String>,
        pub next: String,
        pub tries: i64,
        pub expires: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
