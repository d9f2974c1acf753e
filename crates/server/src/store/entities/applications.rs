//! Applications that were seen, and how often by whom and where. Kept beside events so that nobody has to read all of those.

/// One content at one path, of one package and version.
pub mod application {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        /// What is searched: path, package and vendor, in small letters.
        #[sea_orm(column_type = "Text")]
        pub words: String,
        #[sea_orm(column_type = "Text")]
        pub facts: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// How often one user used it on one computer.
pub mod application_use {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "application_use")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub application: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub computer: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub user: String,
        pub requests: i64,
        pub sessions: i64,
        pub refused: i64,
        pub first: i64,
        pub last: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
