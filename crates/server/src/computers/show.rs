//! A computer as the API shows it.

use std::collections::HashMap;

use brevet_api::rest::computer::{Computer, ComputerState, Held, JournalPosition, PolicyHere};
use brevet_core::id::{ComputerId, Incarnation, PolicyId};
use brevet_core::time::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::facts;
use super::policies::state_named;
use crate::app::App;
use crate::definitions::{Content, Kind, Snapshot};
use crate::documents::concern::concerning;
use crate::documents::sequence::unsigned;
use crate::http::failure::Outcome;
use crate::store::entities::{computer, computer_group, journal, policy_state};

/// As the API shows them, without their policies, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn shown(app: &App, rows: &[computer::Model], all: &Snapshot) -> Outcome<Vec<Computer>> {
    let pool = &app.store.pool;
    let journals = journal::Entity::find().filter(journal::Column::Computer.is_in(rows.iter().map(|row| &row.id)));
    let journals: HashMap<(String, String), journal::Model> =
        journals.all(pool).await?.into_iter().map(|journal| ((journal.computer.clone(), journal.incarnation.clone()), journal)).collect();
    let names: HashMap<&str, &str> =
        all.0.iter().filter(|it| it.content.kind() == Kind::Group).map(|it| (it.id.as_str(), it.content.name())).collect();
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    let members = computer_group::Entity::find().filter(computer_group::Column::Name.is_in(rows.iter().map(|row| &row.name)));
    for member in members.all(pool).await? {
        let name = names.get(member.grp.as_str()).map(|name| (*name).to_owned());
        groups.entry(member.name).or_default().extend(name);
    }
    groups.values_mut().for_each(|names| names.sort_unstable());
    let one = |row: &computer::Model| {
        let journal = journals.get(&(row.id.clone(), row.incarnation.clone()));
        one(app, row, journal, groups.get(&row.name).cloned().unwrap_or_default())
    };
    rows.iter().map(one).collect()
}

fn one(app: &App, row: &computer::Model, journal: Option<&journal::Model>, groups: Vec<String>) -> Outcome<Computer> {
    let id = ComputerId::parse(&row.id)?;
    let position = journal.filter(|journal| journal.seq > 0).map(|journal| -> Outcome<JournalPosition> {
        let incarnation = Incarnation::parse(&journal.incarnation)?;
        Ok(JournalPosition { incarnation, seq: unsigned(journal.seq), head: journal.head.clone() })
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
        groups,
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
    for definition in concerning((&row.state, &row.name), all).filter(|definition| matches!(definition.content, Content::Policy(_))) {
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
