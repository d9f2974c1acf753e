//! What persons keep for themselves.

/// Saved views of the audit log; `content` is the view as JSON.
pub mod event_view {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_view")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub person: String,
        pub name: String,
        #[sea_orm(column_type = "Text")]
        pub content: String,
        pub created: i64,
        pub changed: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
