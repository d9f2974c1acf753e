//! How the installation stands: what somebody should look at before it hurts.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::Method;
use brevet_api::rest::computer::ComputerRef;
use brevet_api::rest::status::{Counts, Status, Warned};
use brevet_api::rest::warning::{Warning, WarningCode};
use brevet_core::id::ComputerId;
use brevet_core::space::{Room, Space};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use crate::access::{Action, Actor};
use crate::app::App;
use crate::computers::facts;
use crate::http::extract::Json;
use crate::http::failure::Outcome;
use crate::http::routes::{Routes, doc};
use crate::replicas::connected;
use crate::store::entities::computer;

/// Computers with warnings that one answer names.
const MOST_WARNED: usize = 100;

/// This feature's routes.
pub fn routes(routes: Routes) -> Routes {
    let what = doc("How the installation stands, and what somebody should look at").answer::<Status>(200);
    routes.on(Method::GET, "/status", Action::ReadComputers, what, status)
}

async fn status(State(app): State<App>, actor: Actor) -> Outcome<Json<Status>> {
    let reach = actor.reach(Action::ReadComputers);
    let rows = computer::Entity::find()
        .filter(reach.within(computer::Column::Id))
        .filter(computer::Column::State.ne("removed"))
        .order_by_asc(computer::Column::NameKey)
        .all(&app.store.pool)
        .await?;
    let mut counts = Counts::default();
    let mut warned = Vec::new();
    for row in &rows {
        let id = ComputerId::parse(&row.id)?;
        let warnings = facts::warnings(row);
        counts.all += 1;
        counts.connected += u64::from(connected(&app, &id, row.stream.as_deref()));
        counts.lost += u64::from(row.lost);
        counts.quarantined += u64::from(row.state == "quarantined");
        counts.warned += u64::from(!warnings.is_empty());
        if !warnings.is_empty() && warned.len() < MOST_WARNED {
            warned.push(Warned { computer: ComputerRef { id, name: row.name.clone() }, warnings });
        }
    }
    // What is the server's is no business of who sees some computers only.
    let whole = actor.may(Action::ReadPersons);
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        certificate_ends: whole.then(|| app.authority.ends()),
        warnings: if whole { warnings(&app) } else { Vec::new() },
        computers: counts,
        warned,
    }))
}

/// What somebody should look at on the server itself.
#[must_use]
pub fn warnings(app: &App) -> Vec<Warning> {
    let certificate = app.authority.ends_soon(app.clock.now()).then(|| {
        let message = format!("the server's certificate ends at {}", app.authority.ends());
        Warning::new(WarningCode::CertificateEnds, message, "it could not make itself another: its log says why")
    });
    let log = app.log.broken.load(Ordering::Relaxed).then(|| {
        let message = "the database has another audit log than the one that this server signed";
        Warning::new(WarningCode::LogBroken, message, "somebody changed the database past the server: keep a copy of it, and find out who")
    });
    certificate.into_iter().chain(log).chain(space(app).and_then(|space| of_space(&space))).collect()
}

fn of_space(space: &Space) -> Option<Warning> {
    let code = match space.room() {
        Room::Enough => return None,
        Room::Little => WarningCode::DiskLow,
        Room::Full => WarningCode::DiskFull,
    };
    let message = format!("the disk with the server's data is nearly full: {}", space.in_words());
    Some(Warning::new(code, message, "make room: what cannot be written to the audit log is not done"))
}

/// Room where the data is; `None` where that is another machine's database, or the file system does not say.
fn space(app: &App) -> Option<Space> {
    if app.store.shared() {
        return None;
    }
    brevet_sys::space::of(app.authority.folder()).ok().map(|(total, available)| Space { total, available })
}

/// Whether nothing can be relied on to be written any more.
#[must_use]
pub fn is_full(app: &App) -> bool {
    space(app).is_some_and(|space| space.room() == Room::Full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_warned_of_and_none_at_all_by_another_code() {
        let code = |available: u64| of_space(&Space { total: 100 << 30, available: available << 20 }).map(|warning| warning.code);
        assert_eq!((code(2_000), code(1_000), code(3)), (None, Some(WarningCode::DiskLow), Some(WarningCode::DiskFull)));
    }
}
