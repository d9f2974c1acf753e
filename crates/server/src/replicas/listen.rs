//! Listening to the other servers: at once where notifications arrive, every few seconds where they do not.

use std::time::Duration;

use brevet_core::id::ComputerId;
use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use tokio::time::Instant;

use super::{beat, newest};
use crate::app::App;
use crate::store::change::{CHANNEL, EVERY};
use crate::store::entities::woken;

/// Rows at a time.
const PIECE: u64 = 1000;
/// After so long without a look, rows may have been forgotten unseen.
const TOO_LONG: Duration = Duration::from_secs(30 * 60);

/// Where looking stands.
struct Looking {
    /// The last row that was seen; `None` before the first look.
    last: Option<i64>,
    at: Instant,
}

/// Listens until the server stops.
pub async fn run(app: App) {
    if !app.store.shared() {
        return;
    }
    let mut looking = Looking { last: None, at: Instant::now() };
    let mut listener = None;
    let mut stopping = app.stopping.subscribe();
    let every = Duration::from_millis(app.config.look.millis());
    while !*stopping.borrow() {
        if listener.is_none() && app.config.notifications {
            listener = connect(&app).await;
        }
        if let Err(error) = async {
            beat(&app).await?;
            look(&app, &mut looking).await
        }
        .await
        {
            tracing::warn!(%error, "cannot look for what other servers changed; trying again");
        }
        let next = tokio::time::sleep(every);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                _ = stopping.changed() => break,
                heard = hear(&mut listener) => {
                    if !heard {
                        listener = None;
                        break;
                    }
                    if let Err(error) = look(&app, &mut looking).await {
                        tracing::warn!(%error, "cannot look for what other servers changed; trying again");
                        break;
                    }
                }
            }
        }
        if listener.is_none() && app.config.notifications {
            // The next round connects anew; a moment's rest where the database is gone.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// A connection of its own, outside the pool, so that it takes none away from calls.
async fn connect(app: &App) -> Option<PgListener> {
    let options = app.store.pool.get_postgres_connection_pool().connect_options();
    let pool = sea_orm::sqlx::postgres::PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let made = async {
        let pool = pool.acquire_timeout(Duration::from_secs(5)).connect_with((*options).clone()).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok::<_, sea_orm::sqlx::Error>(listener)
    };
    match made.await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "cannot listen to the other servers; looking every {} instead", app.config.look);
            None
        }
    }
}

/// Waits for a notification; false when the connection is lost. Several that are there at once count as one.
async fn hear(listener: &mut Option<PgListener>) -> bool {
    let Some(listener) = listener else { return std::future::pending().await };
    let heard = matches!(listener.try_recv().await, Ok(Some(_)));
    while listener.next_buffered().is_some() {}
    heard
}

/// Looks at what others changed since the last look, and wakes whom it concerns here.
async fn look(app: &App, looking: &mut Looking) -> Result<(), DbErr> {
    let Some(mut last) = looking.last.filter(|_| looking.at.elapsed() < TOO_LONG) else {
        let found = newest(app).await?;
        *looking = Looking { last: Some(found), at: Instant::now() };
        app.hub.wake_all();
        app.hub.tell();
        return Ok(());
    };
    loop {
        let rows = woken::Entity::find()
            .filter(woken::Column::Seq.gt(last))
            .order_by_asc(woken::Column::Seq)
            .limit(PIECE)
            .all(&app.store.pool)
            .await?;
        let Some(newest) = rows.last().map(|row| row.seq) else { break };
        for row in rows.iter().filter(|row| row.replica != app.replica.id) {
            if row.computers == EVERY {
                app.hub.wake_all();
            }
            for computer in row.computers.split(' ').filter_map(|id| ComputerId::parse(id).ok()) {
                app.hub.wake(&computer);
            }
            app.hub.tell();
        }
        last = newest;
    }
    *looking = Looking { last: Some(last), at: Instant::now() };
    Ok(())
}
