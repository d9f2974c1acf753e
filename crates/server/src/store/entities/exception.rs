//! What goes another way than usual: changes that wait for a second person, and access without approval.

/// Changes that wait for a second person.
pub mod proposal {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "proposal")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub state: String,
        #[sea_orm(column_type = "Text")]
        pub summary: String,
        pub method: String,
        #[sea_orm(column_type = "Text")]
        pub uri: String,
        pub path: String,
        pub if_match: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        #[sea_orm(column_type = "Text")]
        pub differences: String,
        pub person: String,
        pub person_name: String,
        pub roles: String,
        #[sea_orm(column_type = "Text")]
        pub scopes: String,
        pub token: Option<String>,
        /// Who else knows the token, or the link that signed its person in.
        pub known_by: Option<String>,
        pub created: i64,
        pub closed: Option<i64>,
        pub closed_by: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub comment: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Access without approval.
pub mod break_glass {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "break_glass")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub state: String,
        pub policy: String,
        pub policy_name: String,
        pub computer: String,
        pub computer_name: String,
        pub user: String,
        #[sea_orm(column_type = "Text")]
        pub application: String,
        pub seconds: i64,
        #[sea_orm(column_type = "Text")]
        pub reason: String,
        pub opened_by: String,
        pub opened_by_name: String,
        pub opened: i64,
        pub ends: i64,
        pub ended: Option<i64>,
        #[sea_orm(column_type = "Text")]
        pub skipped: String,
        pub reviewed: Option<i64>,
        pub reviewed_by: Option<String>,
        pub reviewed_by_name: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub review: Option<String>,
        pub known_by: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
