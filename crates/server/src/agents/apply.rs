//! What a record of a journal means here: which rows it changes, and the event that it becomes.
//!
//! INVARIANT: a record changes only rows of the computer that wrote it, and becomes exactly one event.

use brevet_core::escape;
use brevet_core::id::{GrantId, RequestId, SessionId};
use brevet_core::journal::{Header, Record};
use brevet_core::record::Body;
use brevet_core::request::{PolicyRef, RequestState};
use brevet_core::text::OsText;
use sea_orm::EntityTrait as _;

use super::in_words;
use crate::applications::seen;
use crate::audit::{By, NewEvent, record as write_event};
use crate::computers::{facts, policies};
use crate::documents::sequence::{self, Place};
use crate::grants::received as grants;
use crate::http::failure::Outcome;
use crate::requests::received as requests;
use crate::sessions::received as sessions;
use crate::store::Change;
use crate::store::entities::{computer, definition, grant, request};

/// Applies one record that follows in the chain.
pub(super) async fn apply(change: &mut Change, row: &computer::Model, header: &Header, record: &Record) -> Outcome<()> {
    let json = record.body.as_deref().unwrap_or("null");
    let mut event = NewEvent {
        kind: header.kind.clone(),
        time: Some(header.time),
        computer: Some((row.id.clone(), row.name.clone())),
        summary: header.kind.replace(['.', '_'], " "),
        body: json.to_owned(),
        journal: Some((header.incarnation.clone(), header.seq, header.schema)),
        ..NewEvent::default()
    };
    // A kind or a body that this version cannot read is kept and shown as it is.
    let mut by = By::Computer(&row.id, &row.name);
    if let Ok(Some(body)) = Body::parse(&header.kind, json) {
        if !in_words::is_of_user(&body) {
            by = By::ComputerItself(&row.id, &row.name);
        }
        if let Some(sight) = seen::sight(&body) {
            seen::note(change.tx(), &row.id, &sight, change.now.millis()).await?;
        }
        let mut seen = Seen { change, row, header, event: &mut event };
        seen.body(body).await?;
    }
    write_event(change, by, event).await
}

struct Seen<'a> {
    change: &'a mut Change,
    row: &'a computer::Model,
    header: &'a Header,
    event: &'a mut NewEvent,
}

fn words(arguments: &[OsText]) -> String {
    escape::command(arguments.iter().map(OsText::as_bytes))
}

impl Seen<'_> {
    fn policy(&mut self, policy: &PolicyRef) {
        self.event.policy = Some((policy.id.to_string(), policy.name.clone()));
    }

    async fn body(&mut self, body: Body) -> Outcome<()> {
        match body {
            Body::LaunchRefused(it) => {
                self.event.user = Some(it.user.name.clone());
                self.event.summary = format!("{} was refused {}: {}", it.user.name, words(&it.arguments), it.reason);
                self.event.outcome = Some(it.code.clone());
                if let Some(policy) = &it.policy {
                    self.policy(policy);
                }
            }
            Body::AuthenticationFailed(it) => {
                self.event.user = Some(it.user.name.clone());
                self.event.summary = format!("{} failed to prove who they are: {}", it.user.name, it.reason);
            }
            Body::DocumentConfirmed(it) => {
                if let Some(grant) = &it.grant {
                    self.of_grant(grant, "").await?;
                }
                if let Some(request) = &it.request {
                    self.of_request(request, "").await?;
                }
                self.event.summary = in_words::confirmed(&it);
                grants::confirmed(self.change, &self.row.id, &it).await?;
            }
            Body::DocumentRefused(it) => {
                if let Some(grant) = grants::refused(self.change, self.row, &it).await? {
                    self.of_grant(&grant, "").await?;
                }
                self.event.summary = in_words::refused(&it);
                self.event.outcome = Some(it.code.clone());
            }
            Body::PolicyApplied(it) => {
                self.policy(&it.policy);
                self.event.summary = format!("policy {:?} is in force", it.policy.name);
                policies::note(self.change, &self.row.id, it.policy.id.as_str(), it.policy.version, "applied", None).await?;
            }
            Body::PolicyRefused(it) => {
                let named = definition::Entity::find_by_id(it.policy.as_str()).one(self.change.tx()).await?;
                self.event.policy = Some((it.policy.to_string(), named.map(|row| row.name).unwrap_or_default()));
                self.event.summary = format!("a policy is not in force: {}: {}", it.field, it.reason);
                let version = it.version.unwrap_or(0);
                policies::note(self.change, &self.row.id, it.policy.as_str(), version, "refused", Some((&it.field, &it.reason))).await?;
            }
            Body::ValidityStarted(it) => {
                let named = definition::Entity::find_by_id(it.policy.as_str()).one(self.change.tx()).await?;
                self.event.policy = Some((it.policy.to_string(), named.map(|row| row.name).unwrap_or_default()));
                self.event.summary = in_words::validity_started(&it);
            }
            Body::BrokerStarted(it) => self.event.summary = in_words::started(&it),
            Body::ComputerFacts(it) => {
                self.event.summary = in_words::facts(&it);
                facts::note(self.change, &self.row.id, &it, self.header.time).await?;
            }
            Body::JournalRepaired(it) => self.event.summary = format!("the journal's torn end was cut off: {} bytes", it.bytes),
            Body::ClockJumped(it) => self.event.summary = in_words::jumped(&it),
            Body::StateSnapshot(_) => self.event.summary = "the state after all records before, so that those can be trimmed".into(),
            other => return self.use_of_rights(other).await,
        }
        Ok(())
    }

    async fn use_of_rights(&mut self, body: Body) -> Outcome<()> {
        let computer = &self.row.id;
        match body {
            Body::RequestCreated(it) => {
                self.event.request = Some(it.id.clone());
                self.event.user = Some(it.user.name.clone());
                self.event.summary = format!("{} asked for {}: {}", it.user.name, words(&it.command.arguments), it.reason);
                self.policy(&it.policy);
                match requests::created(self.change, computer, &it).await? {
                    requests::Told::New => {}
                    requests::Told::Changed => self.event.kind = "request.changed".into(),
                    requests::Told::NotTaken => self.event.summary.push_str(" (not taken: another computer's, or its id is taken)"),
                }
            }
            Body::RequestWithdrawn(it) => {
                self.of_request(&it.request, "withdrew the request").await?;
                requests::closed(self.change, computer, &it.request, RequestState::Withdrawn, self.header.time).await?;
            }
            Body::RequestLapsed(it) => {
                self.of_request(&it.request, "nobody decided in time").await?;
                // One `request.lapsed` for one lapse, whoever notices first. Who notices second says so in a kind of its own.
                if requests::has_lapsed(self.change, computer, &it.request).await? {
                    self.event.kind = "request.closed".into();
                }
                requests::closed(self.change, computer, &it.request, RequestState::Lapsed, self.header.time).await?;
            }
            Body::RequestAutoApproved(it) => {
                self.of_request(&it.request, &format!("approved by the rule {:?}", it.rule.name)).await?;
                self.event.grant = Some(it.grant.clone());
                requests::closed(self.change, computer, &it.request, RequestState::AutoApproved, self.header.time).await?;
                requests::answered(self.change, computer, &it.request, &it.grant).await?;
            }
            Body::AutonomousShadowed(it) => {
                let would = if it.would_approve { "would have approved" } else { "would not have approved" };
                self.of_request(&it.request, &format!("the rule {:?} {would}", it.rule.name)).await?;
            }
            Body::GrantReceived(it) => {
                grants::known(self.change, self.row, &it).await?;
                self.of_grant(&it.grant, "arrived").await?;
            }
            Body::DeclineReceived(it) => self.of_request(&it.request, &format!("the decline by {} arrived", it.by)).await?,
            Body::RevocationReceived(it) => {
                self.of_grant(&it.revocation.grant, &format!("its revocation by {} arrived", it.revocation.by)).await?;
                let place = Place { epoch: it.revocation.epoch, seq: it.revocation.seq };
                sequence::delivered(self.change, computer, place).await?;
            }
            Body::GrantIssued(it) => {
                self.event.grant = Some(it.id.clone());
                self.event.request = it.request.clone();
                self.event.user = Some(it.user.name.clone());
                self.event.summary = format!("{} got {}", it.user.name, words(&it.command.arguments));
                self.policy(&it.policy);
                grants::issued(self.change, computer, &it, self.header.time).await?;
            }
            Body::GrantActivated(it) => {
                self.of_grant(&it.grant, "was first used").await?;
                grants::activated(self.change, computer, &it).await?;
            }
            Body::GrantEnded(it) => {
                let how = grants::reason_name(it.reason);
                let what = if it.detail.is_empty() { how.to_owned() } else { format!("{how} ({})", it.detail) };
                self.of_grant(&it.grant, &what).await?;
                let moved = grants::ended(self.change, computer, &it, self.header.time).await?;
                // One `grant.revoked` for one revocation: the person's. What the computer says of an end that is known keeps its own kind.
                if moved {
                    self.event.kind = format!("grant.{}", grants::reason_name(it.reason));
                }
            }
            Body::SessionStarted(it) => {
                self.event.session = Some(it.session.clone());
                self.event.grant = Some(it.grant.clone());
                self.event.user = Some(it.user.name.clone());
                self.event.summary = format!("{} runs {} as {}", it.user.name, words(&it.command.arguments), it.command.target.name);
                self.policy(&it.policy);
                sessions::started(self.change, computer, &it, self.header.time).await?;
            }
            Body::SessionEnded(it) => {
                self.of_grant(&it.grant, "").await?;
                self.of_session(&it.session, &sessions::in_words(&it.outcome));
                self.event.outcome = Some(sessions::outcome_name(&it.outcome).to_owned());
                sessions::ended(self.change, computer, &it, self.header.time).await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn of_session(&mut self, session: &SessionId, what: &str) {
        self.event.session = Some(session.clone());
        self.event.summary = format!("a session of {} ended: {what}", self.event.user.as_deref().unwrap_or("a user"));
    }

    async fn of_request(&mut self, id: &RequestId, what: &str) -> Outcome<()> {
        self.event.request = Some(id.clone());
        self.event.summary = what.to_owned();
        let found = request::Entity::find_by_id(id.as_str()).one(self.change.tx()).await?;
        if let Some(row) = found.filter(|row| row.computer == self.row.id) {
            let body: brevet_core::request::Request = serde_json::from_str(&row.body)?;
            self.policy(&body.policy);
            self.event.summary = format!("request of {}: {what}", row.user);
            self.event.user = Some(row.user);
        }
        Ok(())
    }

    async fn of_grant(&mut self, id: &GrantId, what: &str) -> Outcome<()> {
        self.event.grant = Some(id.clone());
        let found = grant::Entity::find_by_id(id.as_str()).one(self.change.tx()).await?;
        if let Some(row) = found.filter(|row| row.computer == self.row.id) {
            let policy: PolicyRef = serde_json::from_str(&row.policy_ref)?;
            self.policy(&policy);
            self.event.request = row.request.as_deref().map(RequestId::parse).transpose()?;
            self.event.summary = format!("grant of {}: {what}", row.user);
            self.event.user = Some(row.user);
        } else {
            self.event.summary = format!("a grant: {what}");
        }
        Ok(())
    }
}
