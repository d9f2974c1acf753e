//! What time alone brings about: requests lapse, grants stay unused, computers fall silent. Of several servers one does it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use brevet_core::id::RequestId;
use brevet_core::request::{Request, RequestState};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::app::App;
use crate::audit::{By, record};
use crate::http::failure::Outcome;
use crate::requests::{event, received, state_name};
use crate::store::entities::request;
use crate::store::{Change, Job, Turn};

/// How often a database that grows is looked at again, so that it goes on choosing the right index.
const ANALYSE: Duration = Duration::from_secs(3600);

/// Sweeps until the server stops; a sweep that fails is tried again.
pub async fn run(app: App) {
    let mut every = tokio::time::interval(Duration::from_millis(app.config.sweep.millis()));
    let (mut said, mut analysed) = (BTreeSet::new(), Instant::now());
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if *app.stopping.borrow() {
            return;
        }
        warn(&app, &mut said);
        if analysed.elapsed() >= ANALYSE {
            analysed = Instant::now();
            if let Err(error) = app.store.analyse().await {
                tracing::warn!(%error, "cannot look at what the tables hold; queries may be slow until the next look");
            }
        }
        if let Err(failure) = once(&app).await {
            tracing::error!(?failure, "a sweep failed");
        }
    }
}

/// Says in the log what somebody should look at, when it begins.
fn warn(app: &App, said: &mut BTreeSet<&'static str>) {
    let now = crate::status::warnings(app);
    for warning in now.iter().filter(|warning| !said.contains(warning.code.as_str())) {
        tracing::warn!("{}: {}", warning.message, warning.hint);
    }
    *said = now.iter().map(|warning| warning.code.as_str()).collect();
}

/// One sweep.
///
/// # Errors
/// When the database does not answer.
pub async fn once(app: &App) -> Outcome<()> {
    crate::computers::presence::still_here(app).await?;
    crate::audit::log::hourly(app).await;
    let Some(_turn) = Turn::take(&app.store, Job::Sweep).await? else { return Ok(()) };
    crate::replicas::forget(app).await?;
    lapse(app).await?;
    crate::requests::remind::sweep(app).await?;
    crate::break_glass::sweep(app).await?;
    crate::proposals::sweep(app).await?;
    crate::grants::unused::sweep(app).await?;
    crate::retention::hourly(app).await?;
    crate::computers::presence::find_lost(app).await?;
    crate::notification::sweep(app).await
}

async fn lapse(app: &App) -> Outcome<()> {
    let due = request::Entity::find()
        .filter(request::Column::State.eq(state_name(RequestState::Pending)))
        .filter(request::Column::Lapses.lte(app.clock.now().millis()))
        .all(&app.store.pool)
        .await?;
    for row in due {
        let change = Change::begin(app).await?;
        let id = RequestId::parse(&row.id)?;
        if !received::closed(&change, &row.computer, &id, RequestState::Lapsed, change.now).await? {
            continue;
        }
        let body: Request = serde_json::from_str(&row.body)?;
        let said = serde_json::json!({ "request": id, "lapses": body.lapses });
        let summary = format!("nobody decided what {} asked", row.user);
        record(&change, By::Server, event::about(&change, &row, "request.lapsed", summary, &said).await?).await?;
        change.commit().await?;
    }
    Ok(())
}
