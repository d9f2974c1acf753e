//! Roles narrowed to computer groups, and who is in those groups.

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string;

use super::entities::{computer_group, definition};

/// Adds scopes to persons and tokens, and the members of groups.
pub struct Scopes;

impl MigrationName for Scopes {
    fn name(&self) -> &'static str {
        "m0031_scopes"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Scopes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["person", "token"] {
            let mut scopes = ColumnDef::new(Alias::new("scopes"));
            scopes.text().not_null().default("{}");
            manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut scopes).to_owned()).await?;
        }
        let mut key = Index::create();
        key.col(Alias::new("grp")).col(Alias::new("name"));
        let mut table = Table::create();
        table.table(Alias::new("computer_group")).col(string("grp")).col(string("name")).primary_key(&mut key);
        manager.create_table(table).await?;
        let by_name = Index::create().name("computer_group_name").table(Alias::new("computer_group")).col(Alias::new("name")).to_owned();
        manager.create_index(by_name).await?;
        let by_name = Index::create().name("computer_name").table(Alias::new("computer")).col(Alias::new("name")).to_owned();
        manager.create_index(by_name).await?;
        members(manager).await
    }
}

/// Those of the groups that are there already.
async fn members(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let groups: Vec<(String, String)> = definition::Entity::find()
        .select_only()
        .column(definition::Column::Id)
        .column(definition::Column::Content)
        .filter(definition::Column::Kind.eq("group"))
        .filter(definition::Column::Deleted.eq(false))
        .into_tuple()
        .all(connection)
        .await?;
    for (id, content) in groups {
        let group: brevet_core::file::Group = serde_json::from_str(&content).map_err(|error| DbErr::Custom(error.to_string()))?;
        for name in group.computers.into_iter().flatten() {
            let row = computer_group::ActiveModel { grp: sea_orm::Set(id.clone()), name: sea_orm::Set(name) };
            computer_group::Entity::insert(row).exec_without_returning(connection).await?;
        }
    }
    Ok(())
}
