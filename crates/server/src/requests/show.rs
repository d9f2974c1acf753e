//! A request as the API shows it. What stands beside the rows of a page is read once for all of them.

use std::collections::{BTreeSet, HashMap};

use brevet_api::rest::computer::ComputerRef;
use brevet_api::rest::request::{Decision, RequestItem};
use brevet_core::escape;
use brevet_core::id::{ComputerId, GrantId, PersonId, RequestId};
use brevet_core::request::{Request, RequestState};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::received::Terms;
use super::state_named;
use crate::documents::sequence::unsigned;
use crate::http::failure::{Failure, Outcome};
use crate::store::entities::{computer, decision, request};

/// As the API shows it.
///
/// # Errors
/// When the database does not answer.
pub async fn shown<C: ConnectionTrait>(connection: &C, row: request::Model) -> Outcome<RequestItem> {
    let shown = all_shown(connection, vec![row]).await?;
    shown.into_iter().next().ok_or_else(|| Failure::internal("a request was not shown"))
}

/// Several, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn all_shown<C: ConnectionTrait>(connection: &C, rows: Vec<request::Model>) -> Outcome<Vec<RequestItem>> {
    let bodies = rows.iter().map(|row| Ok(serde_json::from_str(&row.body)?)).collect::<Outcome<Vec<Request>>>()?;
    let beside = Beside {
        computers: Computers::load(connection, rows.iter().map(|row| &row.computer)).await?,
        decisions: Decisions::load(connection, rows.iter().map(|row| &row.id)).await?,
        terms: Terms::load(connection, &bodies).await?,
    };
    rows.into_iter().zip(bodies).map(|(row, body)| item(row, body, &beside)).collect()
}

/// What is shown with requests, read for all of them at once.
struct Beside {
    computers: Computers,
    decisions: Decisions,
    terms: Terms,
}

fn item(row: request::Model, body: Request, beside: &Beside) -> Outcome<RequestItem> {
    let decisions = beside.decisions.on(&row.id);
    let of_kind = |kind: &'static str| decisions.iter().filter(move |(it, _)| it == kind).map(|(_, decision)| decision.clone());
    let declined = of_kind("declined").next();
    let approvers = super::decide::approvers(&row, beside.terms.of(&body));
    Ok(RequestItem {
        id: RequestId::parse(&row.id)?,
        code: body.digest.short_code(),
        state: state_named(&row.state).unwrap_or(RequestState::Lapsed),
        computer: beside.computers.named(&row.computer)?,
        user: row.user,
        target_user: body.command.target.name.clone(),
        command: escape::command(body.command.arguments.iter().map(OsText::as_bytes)),
        reason: body.reason.clone(),
        ticket: body.ticket.clone(),
        duration: body.duration,
        policy: body.policy.clone(),
        created: Timestamp::from_millis(row.created),
        lapses: Timestamp::from_millis(row.lapses),
        closed: row.closed.map(Timestamp::from_millis),
        consistent: row.consistent,
        revision: unsigned(row.revision),
        approvers,
        reminded: row.reminded.map(Timestamp::from_millis),
        escalated: row.escalated.map(Timestamp::from_millis),
        approvals_needed: u32::try_from(row.needed).unwrap_or(u32::MAX),
        approvals: of_kind("approved").collect(),
        declined,
        grant: row.grant.as_deref().map(GrantId::parse).transpose()?,
        request: Box::new(body),
        redacted: row.redacted.map(Timestamp::from_millis),
    })
}

/// Every decision on some requests, each with its kind.
#[derive(Default)]
pub struct Decisions(HashMap<String, Vec<(String, Decision)>>);

impl Decisions {
    /// Reads them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load<C: ConnectionTrait>(connection: &C, requests: impl Iterator<Item = &String>) -> Outcome<Self> {
        let rows = decision::Entity::find().filter(decision::Column::Request.is_in(requests)).order_by_asc(decision::Column::Time);
        let mut all = Self::default();
        for row in rows.all(connection).await? {
            let decision = Decision {
                person: PersonId::parse(&row.person)?,
                name: row.name,
                time: Timestamp::from_millis(row.time),
                comment: row.comment,
                duration: row.seconds.map(|seconds| Length::from_seconds(unsigned(seconds))),
                command_only: row.command_only,
            };
            all.0.entry(row.request).or_default().push((row.kind, decision));
        }
        Ok(all)
    }

    /// Those on one request, oldest first.
    #[must_use]
    pub fn on(&self, request: &str) -> &[(String, Decision)] {
        self.0.get(request).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Every decision on a request, with its kind, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn decisions<C: ConnectionTrait>(connection: &C, request: &str) -> Outcome<Vec<(String, Decision)>> {
    Ok(Decisions::load(connection, std::iter::once(&request.to_owned())).await?.on(request).to_vec())
}

/// Names of some computers.
#[derive(Default)]
pub struct Computers(HashMap<String, String>);

impl Computers {
    /// Reads them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load<C: ConnectionTrait>(connection: &C, ids: impl Iterator<Item = &String>) -> Outcome<Self> {
        let ids: BTreeSet<&String> = ids.collect();
        let rows = computer::Entity::find().filter(computer::Column::Id.is_in(ids)).select_only();
        let rows = rows.column(computer::Column::Id).column(computer::Column::Name).into_tuple::<(String, String)>();
        Ok(Self(rows.all(connection).await?.into_iter().collect()))
    }

    /// One of them by id and name.
    ///
    /// # Errors
    /// When its id is none.
    pub fn named(&self, id: &str) -> Outcome<ComputerRef> {
        Ok(ComputerRef { id: ComputerId::parse(id)?, name: self.0.get(id).cloned().unwrap_or_default() })
    }
}

/// A computer by id and name.
///
/// # Errors
/// When the database does not answer.
pub async fn computer_ref<C: ConnectionTrait>(connection: &C, id: &str) -> Outcome<ComputerRef> {
    Computers::load(connection, std::iter::once(&id.to_owned())).await?.named(id)
}
