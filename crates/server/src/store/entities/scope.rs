//! Which computers are in which groups, by name: the groups' own content, in a form that a query can use.

/// A member of a computer group.
pub mod computer_group {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "computer_group")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub grp: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
