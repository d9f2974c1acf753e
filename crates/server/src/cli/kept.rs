//! What is done with the data as a whole: bringing it up to date, moving it, backing it up, putting it back.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::Said;
use crate::backup::KEPT_APART;
use crate::restore::{self, Restore};
use crate::store::Store;
use crate::store::copy::Progress;

/// Tells a person how far it is: on a terminal in one line a table, elsewhere when a table is done.
fn tell(progress: Progress<'_>) {
    let Progress { table, done, all } = progress;
    let mut stderr = std::io::stderr();
    let terminal = stderr.is_terminal();
    // Whoever cannot be told is not: the work goes on.
    if terminal {
        let _ = write!(stderr, "\r\x1b[K{table}: {done} of {all}");
    }
    if done >= all {
        let _ = if terminal { writeln!(stderr) } else { writeln!(stderr, "{table}: {done}") };
    }
}

pub(super) async fn migrate(said: &Said, to: Option<&str>) -> anyhow::Result<()> {
    let Said { data, config } = said;
    let Some(to) = to else {
        let store = Store::open(data, config.database.as_deref()).await.context("cannot open the database")?;
        return store.migrate().await.context("cannot migrate the database");
    };
    if config.database.is_some() {
        return Err(anyhow!("the configuration names a PostgreSQL database already: --to moves from SQLite"));
    }
    let moved = crate::migrate::to_postgres(data, to, &mut tell).await?;
    let rows = moved.tables.iter().fold(0u64, |all, table| all.saturating_add(table.rows));
    for table in &moved.tables {
        println!("{:<24}{:>12}  {}", table.table, table.rows, table.content);
    }
    println!(
        "{rows} rows in {} tables are in PostgreSQL, each table with the same number of rows and the same content",
        moved.tables.len()
    );
    println!("the SQLite database is in {}; nothing reads it any more", moved.set_aside.display());
    println!("start the server with --database from now on, and with the same --data, which has the keys");
    Ok(())
}

pub(super) async fn backup(said: &Said, to: &Path) -> anyhow::Result<()> {
    crate::backup::backup(&said.data, said.config.database.as_deref(), to, &mut tell).await?;
    println!("the database is in {}", to.display());
    println!("not in it, and needed to restore it; they do not change, keep a copy of them apart:");
    for name in KEPT_APART {
        println!("  {}", said.data.join(name).display());
    }
    println!("  the root key, wherever you keep it");
    Ok(())
}

pub(super) async fn restore(said: &Said, from: Option<&Path>, root_key: Option<&Path>, replace: bool) -> anyhow::Result<()> {
    let (data, database) = (said.data.as_path(), said.config.database.as_deref());
    let done = match (database, from) {
        (_, Some(from)) => restore::restore(&Restore { data, database, from, root_key, replace }, &mut tell).await?,
        (Some(database), None) => restore::after_restore(data, database, root_key).await?,
        (None, None) => return Err(anyhow!("--from is needed, the file that `backup` wrote")),
    };
    println!("epoch {} begins, with version {} of the trust document", done.epoch, done.trust_version);
    println!("{} computers get everything anew when they connect, and send again what the server lacks of their journals", done.computers);
    if let Some(aside) = done.set_aside {
        println!("what was there before is in {aside}");
    }
    println!("look through tokens, policies and grants: what was revoked or changed after the backup is as it was before");
    Ok(())
}
