//! A computer as the API shows it.

use brevet_api::rest::computer::{Computer, ComputerState, Held, JournalPosition, PolicyHere};
use brevet_core::id::{ComputerId, Incarnation, PolicyId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::facts;
use super::policies::state_named;
use crate::app::App;
use crate::definitions::{Content, Snapshot};
use crate::documents::publish::concerning;
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::store::entities::{computer, journal, policy_state};

/// As the API shows it, without its policies.
///
/// # Errors
/// When the database does not answer.
pub async fn shown(app: &App, row: &computer::Model, all: &Snapshot) -> Outcome<Computer> {
    let id = ComputerId::parse(&row.id)?;
    let journal = journal::Entity::find_by_id((row.id.clone(), row.incarnation.clone())).one(&app.store.pool).await?;
    let position = journal.filter(|journal| journal.seq > 0).map(|journal| -> Outcome<JournalPosition> {
        let incarnation = Incarnation::parse(&journal.incarnation)?;
        Ok(JournalPosition { incarnation, seq: unsigned(journal.seq), head: journal.head })
    });
    let groups = all.0.iter().filter_map(|definition| match &definition.content {
        Content::Group(group) => group.computers.as_ref().filter(|members| members.contains(&row.name)).map(|_| group.name.clone()),
        _ => None,
    });
    Ok(Computer {
        connected: crate::replicas::connected(app, &id, row.stream.as_deref()),
        id,
        name: row.name.clone(),
        hostname: row.hostname.clone(),
        platform: row.platform.clone(),
        agent_version: row.agent_version.clone(),
        state: match row.state.as_str() {
            "quarantined" => ComputerState::Quarantined,
            "removed" => ComputerState::Removed,
            _ => ComputerState::Enrolled,
        },
        because: row.because.clone(),
        lost: row.lost,
        enrolled: Timestamp::from_millis(row.enrolled),
        last_contact: Timestamp::from_millis(row.last_contact),
        documents: Held {
            epoch: unsigned(row.epoch),
            sent: unsigned(row.sent),
            held: unsigned(row.held),
            trust_version: unsigned(row.held_trust),
        },
        journal: position.transpose()?,
        facts: facts::shown(row),
        warnings: facts::warnings(row),
        groups: groups.collect(),
        policies: Vec::new(),
    })
}

/// Every enabled policy that concerns a computer, and where it stands there.
///
/// # Errors
/// When the database does not answer.
pub async fn policies(app: &App, row: &computer::Model, all: &Snapshot) -> Outcome<Vec<PolicyHere>> {
    let states = policy_state::Entity::find().filter(policy_state::Column::Computer.eq(&row.id)).all(&app.store.pool).await?;
    let mut out = Vec::new();
    for definition in concerning(row, all).filter(|definition| matches!(definition.content, Content::Policy(_))) {
        let said = states.iter().find(|state| state.policy == definition.id && unsigned(state.version) == definition.version);
        out.push(PolicyHere {
            id: PolicyId::parse(&definition.id)?,
            name: definition.content.name().to_owned(),
            version: definition.version,
            state: state_named(said.map_or("sent", |state| &state.state)),
            field: said.and_then(|state| state.field.clone()),
            reason: said.and_then(|state| state.reason.clone()),
        });
    }
    Ok(out)
}
