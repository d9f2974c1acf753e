//! What servers that share a PostgreSQL tell one another.

/// One row for each change that others should look at, in the order of the changes.
pub mod woken {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "woken")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub seq: i64,
        pub replica: String,
        pub time: i64,
        #[sea_orm(column_type = "Text")]
        pub computers: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Servers, and when each was last heard of, by the database's clock.
pub mod replica {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "replica")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub started: i64,
        pub seen: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Which token brought a nonce of ours, for the servers that did not see it.
pub mod used_nonce {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "used_nonce")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub nonce: String,
        pub token: String,
        pub until: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
