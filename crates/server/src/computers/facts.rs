//! What a computer says of itself: signed, in its journal; and what of that somebody should look at.

use brevet_api::rest::computer::Facts;
use brevet_api::rest::warning::{Warning, WarningCode};
use brevet_core::record::ComputerFacts;
use brevet_core::space::Room;
use brevet_core::time::{Length, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::http::failure::Outcome;
use crate::store::Change;
use crate::store::entities::computer;

/// A clock that is off by more is warned of.
const CLOCK_MILLIS: u64 = 60_000;

/// A computer recorded its facts.
///
/// # Errors
/// When the database does not take it.
pub async fn note(change: &Change, computer: &str, it: &ComputerFacts, at: Timestamp) -> Outcome<()> {
    let os = [&it.os.id, &it.os.version, &it.os.name].map(String::as_str).join(" ").to_lowercase();
    computer::Entity::update_many()
        .col_expr(computer::Column::Facts, Expr::value(serde_json::to_string(it)?))
        .col_expr(computer::Column::FactsAt, Expr::value(at.millis()))
        .col_expr(computer::Column::Os, Expr::value(os))
        .col_expr(computer::Column::Kernel, Expr::value(it.kernel.clone()))
        .col_expr(computer::Column::BrokerVersion, Expr::value(it.version.clone()))
        .col_expr(computer::Column::ClockAhead, Expr::value(it.clock_ahead_millis))
        .filter(computer::Column::Id.eq(computer))
        .exec(change.tx())
        .await?;
    Ok(())
}

/// A computer sent its newest record, made at this moment by its own clock. One that tells no difference of clocks itself, being older,
/// shows at least when its clock is ahead: no record comes from the future. That it is behind cannot be told from one that was offline.
///
/// # Errors
/// When the database does not take it.
pub async fn note_time(change: &Change, row: &computer::Model, recorded: Timestamp) -> Outcome<()> {
    if row.facts.is_some() {
        return Ok(());
    }
    let ahead = recorded.millis_since(change.now);
    let ahead = (ahead > CLOCK_MILLIS).then(|| i64::try_from(ahead).unwrap_or(i64::MAX));
    if ahead != row.clock_ahead {
        computer::Entity::update_many()
            .col_expr(computer::Column::ClockAhead, Expr::value(ahead))
            .filter(computer::Column::Id.eq(&row.id))
            .exec(change.tx())
            .await?;
    }
    Ok(())
}

/// The version that `brevetd` said over its connection: for people, nothing depends on it.
///
/// # Errors
/// When the database does not take it.
pub async fn note_version(change: &Change, row: &computer::Model, version: Option<&str>) -> Outcome<()> {
    let said: Option<String> = version.map(|version| version.chars().filter(|c| c.is_ascii_graphic()).take(100).collect());
    let Some(said) = said.filter(|said| !said.is_empty() && *said != row.agent_version) else { return Ok(()) };
    computer::Entity::update_many()
        .col_expr(computer::Column::AgentVersion, Expr::value(said))
        .filter(computer::Column::Id.eq(&row.id))
        .exec(change.tx())
        .await?;
    Ok(())
}

fn recorded(row: &computer::Model) -> Option<ComputerFacts> {
    serde_json::from_str(row.facts.as_deref()?).ok()
}

/// As the API shows them; `None` for a computer that has told none.
#[must_use]
pub fn shown(row: &computer::Model) -> Option<Facts> {
    let (facts, at) = (recorded(row)?, row.facts_at?);
    Some(Facts {
        broker_version: facts.version,
        kernel: facts.kernel,
        architecture: facts.architecture,
        os: facts.os.id,
        os_version: facts.os.version,
        os_name: facts.os.name,
        containment: facts.containment,
        cgroup: facts.cgroup,
        space: facts.space,
        clock_ahead_seconds: facts.clock_ahead_millis.map(|millis| millis / 1_000),
        reported: Timestamp::from_millis(at),
    })
}

/// What somebody should look at on this computer.
#[must_use]
pub fn warnings(row: &computer::Model) -> Vec<Warning> {
    let clock = row.clock_ahead.filter(|millis| millis.unsigned_abs() > CLOCK_MILLIS).map(|millis| {
        let (by, way) = (Length::from_seconds(millis.unsigned_abs() / 1_000), if millis > 0 { "ahead of" } else { "behind" });
        let message = format!("its clock is {by} {way} the server's");
        Warning::new(WarningCode::ClockWrong, message, "have it set by a time server: policies with windows and hours follow it")
    });
    let space = recorded(row).and_then(|facts| facts.space);
    let disk = space.and_then(|space| {
        let (code, effect) = match space.room() {
            Room::Enough => return None,
            Room::Little => (WarningCode::DiskLow, "when it is full nothing can be started there any more"),
            Room::Full => (WarningCode::DiskFull, "nothing can be started there, as it could not be recorded"),
        };
        Some(Warning::new(code, format!("the disk with its journal is nearly full: {}", space.in_words()), format!("make room: {effect}")))
    });
    clock.into_iter().chain(disk).collect()
}
