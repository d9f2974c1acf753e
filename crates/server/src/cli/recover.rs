//! `recover`: a sign-in link for a person who cannot sign in any more, made by whoever rules the server's machine. It is on record.

use std::os::unix::fs::MetadataExt as _;

use anyhow::{Context as _, anyhow};
use sea_orm::EntityTrait as _;

use super::Said;
use crate::bootstrap;
use crate::people::store::recovery_link;
use crate::store::entities::instance;

pub(super) async fn recover(said: &Said, person: &str, json: bool) -> anyhow::Result<()> {
    let Said { data, config } = said;
    // Another user's files beside the database would keep the server from it.
    let owner = std::fs::metadata(data).with_context(|| format!("cannot use {}", data.display()))?.uid();
    let ours = std::fs::metadata("/proc/self").context("cannot see who this is")?.uid();
    if owner != ours {
        return Err(anyhow!("run this as the server's user: {} belongs to uid {owner}, and this is uid {ours}", data.display()));
    }
    let url = config.url.clone().unwrap_or_default();
    let app = bootstrap::open(data, url, config.database.as_deref(), config.clone()).await?;
    let base = match app.url.as_str() {
        "" => instance::Entity::find().one(&app.store.pool).await?.map(|row| row.url).unwrap_or_default(),
        url => url.to_owned(),
    };
    let made = recovery_link(&app, &base, person).await.map_err(|failure| anyhow!(failure.words()))?;
    if json {
        println!("{}", serde_json::to_string(&made)?);
        return Ok(());
    }
    println!("sign in once, until {}:  {}", made.expires, made.sign_in);
    println!("this is on record as person.recovery_link_made; what the person signed in with before goes on working until it is removed");
    Ok(())
}
