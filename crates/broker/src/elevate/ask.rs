//! A request: made, perhaps answered by a rule at once, and waited for.

use std::os::fd::AsFd as _;

use brevet_api::broker::{Approved, Pending, Tell};
use brevet_core::autonomous::{Evaluation, Subject, budget_day_start, evaluate};
use brevet_core::decide::Ask;
use brevet_core::digest::Digest;
use brevet_core::document::AutonomousDocument;
use brevet_core::id::{GrantId, RequestId};
use brevet_core::policy::Mode;
use brevet_core::record::{AutoApproved, Body, LocalGrant, Origin, Shadowed};
use brevet_core::request::{AutonomousRef, Command, Request, RequestState};
use brevet_core::time::{Length, Now};
use brevet_core::user::User;
use brevet_sys::poll::{self, Interest};

use super::{Attempt, Needed, Refusal};
use crate::asks;
use crate::broker::id_parts;
use crate::budget;
use crate::environment;
use crate::ledger::Ledger;
use crate::names::Answer as Named;
use crate::state::{Answer, RequestEntry, shorten, weight};

/// Requests of one user that may wait at a time.
const MOST_PENDING: usize = 20;
/// Requests that one user may make in an hour: each is a record for ever.
const MOST_AN_HOUR: usize = 240;

/// What became of a request, for the pipeline.
pub(super) enum Next {
    /// A grant is there: decide again.
    Approved,
    /// The client has had its last message.
    Told,
}

impl Attempt<'_> {
    /// Asks, or joins the same request that waits already, and waits for the answer.
    pub(super) fn ask(&mut self, asked: &Ask) -> Result<Next, Refusal> {
        let target = self.target_of(&asked.target_user)?;
        let command = Command {
            application: self.examined.facts.clone(),
            arguments: self.run.command.clone(),
            directory: self.directory_path.clone(),
            target,
            kept_environment: environment::kept(&asked.elevation.keep_environment, &self.run.environment),
        };
        let waiting = self.same_request(&command);
        let id = match waiting {
            Some(id) => {
                let text = format!("the same request is waiting already: {id}");
                self.connection.tell(&Tell::Notice { text })?;
                id
            }
            None => {
                self.tell_last_answer(&command)?;
                if self.reason.is_none() {
                    let needed = Needed {
                        mode: Mode::Request,
                        policy: &asked.policy,
                        longest: Length::from_seconds(asked.longest_millis / 1000),
                        approvers: asked.terms.approvers.clone(),
                        message: asked.message.clone(),
                    };
                    self.need_reason(needed, &asked.target_user)?;
                }
                self.create(asked, command)?
            }
        };
        self.wait(&id, &asked.message)
    }

    pub(super) fn target_of(&self, name: &str) -> Result<User, Refusal> {
        match self.broker.names.user_by_name(name) {
            Named::Known(user) if user.name == name => Ok(User { uid: user.uid, name: user.name }),
            Named::Known(_) | Named::Absent => {
                Err(Refusal::new("target_user", format!("there is no user \"{}\"", brevet_core::escape::terminal(name.as_bytes()))))
            }
            Named::Unknown(reason) => Err(Refusal::new("target_user", format!("the target user could not be looked up: {reason}"))),
        }
    }

    fn same_request(&self, command: &Command) -> Option<RequestId> {
        let ledger = self.broker.ledger();
        let mut pending = ledger.state.pending_of(self.account.user.uid);
        pending.find(|entry| is_same(&entry.request.command, command)).map(|entry| entry.request.id.clone())
    }

    /// Why the same request did not lead anywhere the last time, for whoever asks again.
    fn tell_last_answer(&self, command: &Command) -> Result<(), Refusal> {
        let uid = self.account.user.uid;
        let text = {
            let ledger = self.broker.ledger();
            let mut newest_first = ledger.state.requests.values().rev();
            // Of one that is over, memory has the beginning.
            let mut short = command.clone();
            shorten(&mut short);
            let last = newest_first.find(|entry| entry.request.user.uid == uid && is_same(&entry.request.command, &short));
            last.and_then(|entry| asks::unwelcome_end(&ledger, entry))
        };
        Ok(text.map_or(Ok(()), |text| self.connection.tell(&Tell::Notice { text: format!("the last time it was {text}") }))?)
    }

    /// Records the request, and the answer of the first rule that approves it.
    fn create(&self, asked: &Ask, command: Command) -> Result<RequestId, Refusal> {
        let longest = Length::from_seconds(asked.longest_millis / 1000);
        let duration = self.run.duration.unwrap_or(longest);
        if duration > longest || duration == Length::ZERO {
            let refusal = Refusal::new("duration", format!("at most {longest} can be asked for"));
            return Err(refusal.hint(format!("ask for less with --for {longest}")).under(&asked.policy));
        }
        let uid = self.account.user.uid;
        let mut ledger = self.broker.ledger();
        ledger.room_for_records()?;
        if ledger.state.pending_of(self.account.user.uid).count() >= MOST_PENDING {
            let refusal = Refusal::new("busy", format!("{MOST_PENDING} requests of yours are waiting"));
            return Err(refusal.hint("withdraw one with: brevet withdraw ID"));
        }
        let now = ledger.now();
        let hour_ago = now.wall.minus(Length::from_hours(1));
        let mine = |entry: &&RequestEntry| entry.request.user.uid == self.account.user.uid && entry.request.created >= hour_ago;
        if ledger.state.requests.values().filter(mine).count() >= MOST_AN_HOUR {
            return Err(Refusal::new("busy", format!("{MOST_AN_HOUR} requests of yours were made within an hour")));
        }
        let (millis, random) = id_parts(now.wall)?;
        let mut request = Request {
            id: RequestId::new(millis, random),
            digest: Digest::of(b""),
            computer: ledger.documents.computer().clone(),
            user: self.account.member.user.clone(),
            command,
            elevation: asked.elevation.clone(),
            policy: asked.policy.clone(),
            terms: asked.terms.clone(),
            reason: self.reason.clone().unwrap_or_default(),
            ticket: self.run.ticket.clone(),
            duration,
            created: now.wall,
            lapses: now.wall.plus(asked.terms.lapses_after),
        };
        request.digest = request.compute_digest().map_err(|error| Refusal::new("system", error.to_string()))?;
        let id = request.id.clone();
        let mut bodies = vec![Body::RequestCreated(Box::new(request.clone()))];
        bodies.extend(self.rules_answer(&ledger, &request, &now)?);
        let _room = self.broker.room_beside(uid, weight(&request.command), ledger.state.weights(uid))?;
        self.broker.spend(uid, bodies.iter().map(budget::recorded).sum())?;
        ledger.commit(&bodies)?;
        Ok(id)
    }

    /// What autonomous rules say: records of those in shadow, and the approval of the first that approves.
    fn rules_answer(&self, ledger: &Ledger, request: &Request, now: &Now) -> Result<Vec<Body>, Refusal> {
        let in_force = ledger.documents.in_force();
        let mut bodies = Vec::new();
        if !in_force.autonomous_enabled {
            return Ok(bodies);
        }
        let mut rules: Vec<_> = in_force.autonomous.iter().filter(|document| document.rule.enabled).collect();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        for document in rules {
            let evaluation = self.evaluate_rule(ledger, document, request, now);
            let rule = AutonomousRef { id: document.id.clone(), version: document.version, name: document.rule.name.clone() };
            if document.rule.shadow {
                let (conditions, would_approve) = (evaluation.conditions, evaluation.approves);
                bodies.push(Body::AutonomousShadowed(Shadowed { request: request.id.clone(), rule, conditions, would_approve }));
            } else if evaluation.approves && !bodies.iter().any(|body| matches!(body, Body::GrantIssued(_))) {
                let (millis, random) = id_parts(now.wall)?;
                let grant = GrantId::new(millis, random);
                let (request_id, conditions) = (request.id.clone(), evaluation.conditions);
                bodies.push(Body::RequestAutoApproved(AutoApproved { request: request_id, rule, conditions, grant: grant.clone() }));
                bodies.push(Body::GrantIssued(Box::new(autonomous_grant(grant, request, now))));
            }
        }
        Ok(bodies)
    }

    fn evaluate_rule(&self, ledger: &Ledger, document: &AutonomousDocument, request: &Request, now: &Now) -> Evaluation {
        // A budget whose day cannot be told counts as used up.
        let given_today = budget_day_start(&document.rule, now.wall)
            .map_or(u32::MAX, |since| ledger.state.given_since(&document.id, request.user.uid, since));
        let arguments: Vec<_> = request.command.arguments.iter().skip(1).cloned().collect();
        let subject = Subject {
            member: &self.account.member,
            facts: &request.command.application,
            arguments: &arguments,
            target_user: &request.command.target.name,
            duration: request.duration,
            wall: now.wall,
            given_today,
        };
        evaluate(&document.rule, &document.lists, &document.user_groups, subject)
    }

    /// Waits for the decision. When the client goes away the request stays pending.
    fn wait(&self, id: &RequestId, message: &str) -> Result<Next, Refusal> {
        let changed = self.broker.ledger().watch()?;
        let mut told = None;
        loop {
            changed.clear();
            let Some(left) = self.look(id, message, &mut told)? else {
                return Ok(if self.is_approved(id) { Next::Approved } else { Next::Told });
            };
            if self.run.no_wait {
                return Ok(Next::Told);
            }
            let descriptors = [(changed.reader.as_fd(), Interest::READ), (self.connection.stream.as_fd(), Interest::READ)];
            let ready =
                poll::wait(&descriptors, Some(left.saturating_add(1))).map_err(|error| Refusal::new("system", crate::chain(&error)))?;
            if self.broker.is_stopping() || (ready.get(1).is_some_and(|ready| ready.readable()) && !self.connection.still_there()) {
                return Ok(Next::Told);
            }
        }
    }

    fn is_approved(&self, id: &RequestId) -> bool {
        let state = self.broker.ledger().state.requests.get(id).map(|entry| entry.state);
        matches!(state, Some(RequestState::Approved | RequestState::AutoApproved))
    }

    /// Tells the client where the request stands; answers how long it may still wait, `None` once it is closed.
    /// `told` is what was said before: whether the server has it.
    fn look(&self, id: &RequestId, message: &str, told: &mut Option<bool>) -> Result<Option<u64>, Refusal> {
        let (tell, left) = {
            let mut ledger = self.broker.ledger();
            let now = ledger.now();
            let Some(entry) = ledger.state.requests.get(id) else {
                return Err(Refusal::new("system", "the request is not known any more"));
            };
            let request = &entry.request;
            match entry.state {
                RequestState::Pending => {
                    let left = request.lapses.millis_since(now.wall);
                    let delivered = ledger.documents.position.acknowledged >= entry.seq;
                    let waited = now.wall.millis_since(request.created);
                    (self.pending(request, message, Waits { left, waited }, delivered), Some(left))
                }
                RequestState::Approved | RequestState::AutoApproved => (approved(&ledger, entry), None),
                RequestState::Declined => {
                    let Answer { by, comments } = entry.answer.clone().unwrap_or_default();
                    (Tell::Declined { request: id.clone(), by: by.join(", "), comment: comments.join("; ") }, None)
                }
                RequestState::Withdrawn | RequestState::Lapsed => (Tell::Closed { request: id.clone(), state: entry.state }, None),
            }
        };
        let delivered = if let Tell::Pending(pending) = &tell { Some(pending.delivered) } else { None };
        if left.is_none() || *told != delivered {
            self.connection.tell(&tell)?;
            *told = delivered;
        }
        Ok(left)
    }

    fn pending(&self, request: &Request, message: &str, waits: Waits, delivered: bool) -> Tell {
        Tell::Pending(Box::new(Pending {
            request: request.id.clone(),
            digest: request.digest,
            code: request.digest.short_code(),
            would_run: self.would_run(&request.command.target.name),
            reason: request.reason.clone(),
            duration: request.duration,
            max_duration: request.terms.max_duration,
            approvers: request.terms.approvers.clone(),
            waited_millis: waits.waited,
            lapses: request.lapses,
            lapses_in_millis: waits.left,
            message: message.to_owned(),
            delivered,
        }))
    }
}

/// How long a request has waited and how long it still may, in milliseconds.
struct Waits {
    waited: u64,
    left: u64,
}

/// Whether two commands are the same to whoever asks, waits or decides.
fn is_same(found: &Command, command: &Command) -> bool {
    found.arguments == command.arguments
        && found.directory == command.directory
        && found.target == command.target
        && found.kept_environment == command.kept_environment
        && found.application.sha256 == command.application.sha256
        && found.application.path == command.application.path
}

fn approved(ledger: &Ledger, entry: &RequestEntry) -> Tell {
    let request = entry.request.id.clone();
    let Some(grant) = ledger.state.grants.values().find(|grant| grant.request.as_ref() == Some(&request)) else {
        return Tell::Closed { request, state: entry.state };
    };
    let Answer { by, comments } = entry.answer.clone().unwrap_or_default();
    let autonomous = entry.state == RequestState::AutoApproved;
    Tell::Approved(Approved { request, grant: grant.id.clone(), by, comments, duration: grant.life.terms().duration, autonomous })
}

fn autonomous_grant(id: GrantId, request: &Request, now: &Now) -> LocalGrant {
    LocalGrant {
        id,
        origin: Origin::Autonomous,
        user: request.user.clone(),
        policy: request.policy.clone(),
        request: Some(request.id.clone()),
        command: request.command.clone(),
        elevation: request.elevation.clone(),
        binds: request.terms.binds,
        uses: request.terms.uses,
        duration: request.duration,
        use_before: now.wall.plus(request.terms.use_within),
        reason: Some(request.reason.clone()),
        ticket: request.ticket.clone(),
    }
}
