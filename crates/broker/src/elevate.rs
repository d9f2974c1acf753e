//! The elevation of one command, from who asks to what runs: the whole story is `run`, read from top to bottom.
//!
//! Refusal is the fall-through: every step that is not clearly a yes ends the story with a reason. Nothing that the client
//! says about itself is used; what it offers (arguments, environment, reason) is bounded and recorded.

mod ask;
mod descriptors;
mod prove;
mod refusal;
mod start;

pub use refusal::Refusal;
pub use start::Running;
use start::Tried;

use std::os::fd::{AsFd as _, OwnedFd};

use brevet_api::broker::{Ask as Wanted, Explained, NeedReason, OtherPolicy, Reply, Run, Tell, WouldRun};
use brevet_core::application::Facts;
use brevet_core::decide::{By, Decision, Elevate, Launch, Standing, explain, names_user};
use brevet_core::policy::Mode;
use brevet_core::request::{Command, PolicyRef};
use brevet_core::text::OsText;
use brevet_core::time::Length;
use brevet_core::words;

use crate::asks;
use crate::broker::{Account, Broker};
use crate::budget;
use crate::connection::Connection;
use crate::environment;
use crate::facts::{self, Examined, HoldError, Question};
use crate::shares::Part;
use crate::state::weight;

/// Arguments and environment together.
const MOST_COMMAND: usize = 256 * 1024;
/// A launch is decided so often, where what allows it changes while somebody types or it is made ready.
const MOST_DECISIONS: usize = 16;
const MOST_ENVIRONMENT: usize = 64 * 1024;
const MOST_VARIABLES: usize = 256;
const MOST_REASON: usize = 1000;
const MOST_TICKET: usize = 200;

/// Who asks, for what, and what was found out about it.
pub struct Attempt<'a> {
    broker: &'a Broker,
    connection: &'a Connection,
    account: Account,
    run: Run,
    directory: OwnedFd,
    directory_path: OsText,
    examined: Examined,
    /// They proved who they are on this very connection.
    proved: bool,
    reason: Option<String>,
}

/// Runs a command, or says why not. `Ok(None)` when the client has had its last message and nothing runs.
///
/// # Errors
/// The refusal to tell and record.
pub fn run(broker: &Broker, connection: &Connection, wanted: Run, descriptors: Vec<OwnedFd>) -> Result<Option<Running>, Refusal> {
    check_size(&wanted)?;
    let account = broker.account(connection.peer.uid).map_err(|reason| Refusal::new("unknown_user", reason))?;
    let [input, output, errors, directory] = <[OwnedFd; 4]>::try_from(descriptors)
        .map_err(|_| Refusal::new("protocol", "descriptors 0, 1, 2 and the working directory were expected"))?;
    let standard = descriptors::judge([input, output, errors], wanted.window)?;
    broker.let_policies_come()?;
    let content = broker.ledger().documents.in_force().policies.may_rest_on_content(&account.member);
    let mut attempt = Attempt::examine(broker, connection, account, wanted, directory, content)?;
    // A decision for each thing that may change while somebody types or waits; the last one is made under the lock.
    let mut approved = false;
    for _ in 0..MOST_DECISIONS {
        match attempt.decide()? {
            Decision::Refuse(refusal) => return Err(attempt.refused(refusal)),
            Decision::Elevate(elevate) => {
                attempt.check_account()?;
                attempt.prove(elevate.authentication, elevate.remember, &elevate.policy)?;
                attempt.justify(&elevate)?;
                attempt.say_if_less(&elevate)?;
                let _room = attempt.spend(&elevate)?;
                attempt.hold()?;
                if let Tried::Done(started) = attempt.start(&standard, &elevate)? {
                    return Ok(started);
                }
            }
            Decision::Ask(_) if approved => {
                return Err(Refusal::new("no_policy", "the approval does not cover this launch any more"));
            }
            Decision::Ask(asked) => {
                attempt.check_account()?;
                attempt.prove(asked.authentication, asked.remember, &asked.policy)?;
                match attempt.ask(&asked)? {
                    ask::Next::Approved => approved = true,
                    ask::Next::Told => return Ok(None),
                }
            }
        }
    }
    Err(Refusal::new("busy", "what allows this kept changing while it was made ready").hint("run the command again"))
}

/// What `run` would do.
///
/// # Errors
/// When the command cannot be examined, or the caller may not know of it.
pub fn explain_run(broker: &Broker, connection: &Connection, wanted: Run, descriptors: Vec<OwnedFd>) -> Result<Explained, Refusal> {
    check_size(&wanted)?;
    let account = broker.account(connection.peer.uid).map_err(|reason| Refusal::new("unknown_user", reason))?;
    // The working directory is the last descriptor, whether or not the others came too.
    let directory = descriptors.into_iter().last().ok_or_else(|| Refusal::new("protocol", "the working directory was expected"))?;
    broker.let_policies_come()?;
    let attempt = Attempt::examine(broker, connection, account, wanted, directory, true)?;
    let decision = attempt.decide()?;
    let standing = attempt.standing();
    let terms = match &decision {
        Decision::Refuse(_) => None,
        Decision::Elevate(it) => Some(words::bounds(&it.target_user, it.authentication, it.longest_millis, &standing)),
        Decision::Ask(it) => Some(words::bounds(&it.target_user, it.authentication, it.longest_millis, &standing)),
    };
    let (outcome, reason, policy, message, target) = match &decision {
        Decision::Refuse(refusal) if !attempt.examined.visible => return Err(attempt.refused(refusal.clone())),
        Decision::Refuse(refusal) => {
            let target = attempt.run.target_user.clone().unwrap_or_else(|| "root".to_owned());
            // What only came nearest stands first among the others, and a policy that may not name the user is not told.
            let decided = refusal.policy.as_ref().filter(|policy| refusal.code != "no_policy" && attempt.may_know_of(policy));
            ("refuse", refusal.reason.clone(), decided, refusal.message.clone(), target)
        }
        Decision::Elevate(elevate) => {
            let (how, message) = match &elevate.by {
                By::Grant(grant) => (format!("grant {grant} allows it"), String::new()),
                By::Automatic => ("it runs at once".to_owned(), String::new()),
                By::Justify => ("it runs at once, once a reason is given".to_owned(), attempt.message_of(&elevate.policy)),
            };
            ("elevate", how, Some(&elevate.policy), Some(message), elevate.target_user.clone())
        }
        Decision::Ask(asked) => {
            let from = words::approvers(&asked.terms.approvers);
            let how = format!("it can be asked for, and is approved by {from}");
            ("ask", how, Some(&asked.policy), Some(asked.message.clone()), asked.target_user.clone())
        }
    };
    let policy = policy.map(|policy| policy.name.clone());
    let (all, count) = attempt.other_policies(policy.as_deref());
    let others = asks::bounded(all.into_iter());
    Ok(Explained {
        terms,
        message: message.filter(|message| !message.is_empty()),
        more_others: count.saturating_sub(others.len()),
        others,
        would_run: attempt.would_run(&target),
        outcome: outcome.to_owned(),
        reason,
        policy,
    })
}

fn check_size(run: &Run) -> Result<(), Refusal> {
    let environment: usize = run.environment.iter().map(|(name, value)| name.as_bytes().len().saturating_add(value.as_bytes().len())).sum();
    let arguments: usize = run.command.iter().map(|argument| argument.as_bytes().len().saturating_add(1)).sum();
    let too = |what: &str| Err(Refusal::new("too_large", what.to_owned()));
    if run.command.is_empty() {
        return Err(Refusal::new("protocol", "there is no command"));
    }
    if environment > MOST_ENVIRONMENT || run.environment.len() > MOST_VARIABLES {
        return too("the environment is larger than 256 variables or 64 KiB");
    }
    if arguments.saturating_add(environment) > MOST_COMMAND {
        return too("arguments and environment together are larger than 256 KiB");
    }
    if run.reason.as_ref().is_some_and(|reason| reason.len() > MOST_REASON) {
        return too("the reason is longer than 1000 bytes");
    }
    if run.ticket.as_ref().is_some_and(|ticket| ticket.len() > MOST_TICKET) {
        return too("the ticket number is longer than 200 bytes");
    }
    Ok(())
}

impl<'a> Attempt<'a> {
    fn examine(
        broker: &'a Broker,
        connection: &'a Connection,
        account: Account,
        run: Run,
        directory: OwnedFd,
        content: bool,
    ) -> Result<Self, Refusal> {
        let directory_path = facts::directory_path(directory.as_fd()).map_err(|error| Refusal::facts(&error))?;
        facts::may_enter(directory.as_fd(), &account.viewer).map_err(|error| Refusal::facts(&error))?;
        let command = run.command.first().cloned().unwrap_or_default();
        let question = Question {
            command: &command,
            directory: directory.as_fd(),
            viewer: &account.viewer,
            parent: connection.peer.parent().ok().and_then(|(_, path)| path),
            content,
        };
        let examined = broker.examiner.examine(&question, &|uid| broker.owner(uid)).map_err(|error| Refusal::facts(&error))?;
        let reason = run.reason.clone().filter(|reason| !reason.trim().is_empty());
        Ok(Self { broker, connection, account, run, directory, directory_path, examined, proved: false, reason })
    }

    fn launch(&self) -> Launch {
        Launch {
            member: self.account.member.clone(),
            facts: self.examined.facts.clone(),
            arguments: self.run.command.iter().skip(1).cloned().collect(),
            directory: self.directory_path.clone(),
            target_user: self.run.target_user.clone(),
        }
    }

    /// The decision now. Without the content only a refusal counts: the policies changed since it was left unread.
    fn decide(&self) -> Result<Decision, Refusal> {
        let decision = self.decide_in(&mut self.broker.ledger());
        if self.examined.was_read() || matches!(decision, Decision::Refuse(_)) {
            return Ok(decision);
        }
        Err(Refusal::new("changed", "the policies changed while this was looked at").hint("run the command again"))
    }

    /// What will be recorded of the launch comes from what may be recorded of its user, and what stays of it while it runs from
    /// their share of memory; root's too.
    fn spend(&self, elevate: &Elevate) -> Result<Part, Refusal> {
        let uid = self.account.user.uid;
        let command = Command {
            application: self.examined.facts.clone(),
            arguments: self.run.command.clone(),
            directory: self.directory_path.clone(),
            target: self.account.member.user.clone(),
            kept_environment: environment::kept(&elevate.elevation.keep_environment, &self.run.environment),
        };
        let records = match elevate.by {
            By::Grant(_) => 1,
            // Its grant is recorded too.
            By::Automatic | By::Justify => 2,
        };
        let room = self.broker.room(uid, weight(&command).saturating_mul(records))?;
        let recorded = budget::recorded(&(&command, &self.reason, &elevate.elevation));
        self.broker.spend(uid, recorded.saturating_mul(records))?;
        Ok(room)
    }

    /// What runs is held fast only now: nobody's typing or waiting keeps a copy in memory.
    fn hold(&mut self) -> Result<(), Refusal> {
        self.broker.examiner.hold(&mut self.examined, self.account.user.uid).map_err(|error| {
            let code = match error {
                HoldError::Busy => "busy",
                HoldError::Changed => "changed",
                HoldError::Failed(_) => "unusable",
            };
            Refusal::new(code, error.to_string()).hint("run the command again").about(&self.examined.facts)
        })
    }

    fn decide_in(&self, ledger: &mut crate::ledger::Ledger) -> Decision {
        let now = ledger.now();
        let uid = self.account.user.uid;
        let ledger = &*ledger;
        let policies = &ledger.documents.in_force().policies;
        policies.decide(
            |document| ledger.fixed(document, uid, &now),
            &ledger.usable_grants(uid, &now),
            &self.launch(),
            &ledger.standing(&now),
        )
    }

    /// Whether a policy names the caller for certain.
    fn may_know_of(&self, policy: &PolicyRef) -> bool {
        let ledger = self.broker.ledger();
        ledger.documents.in_force().policy(&policy.id).is_some_and(|document| names_user(document, &self.account.member))
    }

    /// Those that are for this application, what came nearest first, and how many there are in all.
    fn other_policies(&self, decided: Option<&str>) -> (Vec<OtherPolicy>, usize) {
        let mut ledger = self.broker.ledger();
        let now = ledger.now();
        let uid = self.account.user.uid;
        let mut policies = ledger.documents.in_force().policies.documents().to_vec();
        policies.retain(|document| names_user(document, &self.account.member));
        let held = ledger.held(&policies, uid, &now);
        // The one that decided takes part: the others are explained in the same decision.
        let mut explained = explain(&held, &ledger.usable_grants(uid, &now), &self.launch(), &ledger.standing(&now));
        explained.retain(|one| Some(one.policy.name.as_str()) != decided);
        let count = explained.len();
        explained.retain(|one| one.nearness > 0);
        explained.sort_by_key(|one| std::cmp::Reverse(one.nearness));
        let told = explained.into_iter().map(|one| {
            // One that matches and did not decide: a deny, a grant, a mode before its own or a narrower rule did.
            let because =
                if one.matched { format!("it matches too ({}), and what decided comes before it", one.because) } else { one.because };
            OtherPolicy { policy: one.policy.name, because }
        });
        (told.collect(), count)
    }

    fn standing(&self) -> Standing {
        let mut ledger = self.broker.ledger();
        let now = ledger.now();
        ledger.standing(&now)
    }

    fn would_run(&self, target_user: &str) -> WouldRun {
        WouldRun {
            arguments: self.run.command.clone(),
            application: self.examined.facts.clone(),
            directory: self.directory_path.clone(),
            target_user: target_user.to_owned(),
        }
    }

    /// A refusal by the decision. Of a file that the caller cannot see, nothing is told but that it may not be run.
    fn refused(&self, refusal: brevet_core::decide::Refusal) -> Refusal {
        if !self.examined.visible {
            return Refusal { facts: self.known_facts(), ..Refusal::hidden(&self.run) };
        }
        if refusal.code == "unreadable_policy" && self.broker.ledger().documents.in_force().is_incomplete() {
            let why = "a policy of this computer has not arrived yet, and it may deny this";
            let hint = "try again in a moment; brevet status says whether the server can be reached";
            return Refusal { facts: self.known_facts(), ..Refusal::new(refusal.code, why).hint(hint) };
        }
        Refusal {
            code: refusal.code.to_owned(),
            reason: refusal.reason,
            hint: refusal.message.filter(|message| !message.is_empty()),
            not_found: false,
            policy: refusal.policy.map(Box::new),
            facts: self.known_facts(),
        }
    }

    fn known_facts(&self) -> Option<Box<Facts>> {
        self.examined.was_read().then(|| Box::new(self.examined.facts.clone()))
    }

    /// Mode `justify`: a reason first.
    fn justify(&mut self, elevate: &Elevate) -> Result<(), Refusal> {
        if elevate.by != By::Justify || self.reason.is_some() {
            return Ok(());
        }
        let longest = Length::from_seconds(elevate.longest_millis / 1000);
        let message = self.message_of(&elevate.policy);
        self.need_reason(
            Needed { mode: Mode::Justify, policy: &elevate.policy, longest, approvers: Vec::new(), message },
            &elevate.target_user,
        )
    }

    /// Whoever asked for longer than a policy gives at once is told so before it runs.
    fn say_if_less(&self, elevate: &Elevate) -> Result<(), Refusal> {
        let longest = Length::from_seconds(elevate.longest_millis / 1000);
        match (&elevate.by, self.run.duration) {
            (By::Automatic | By::Justify, Some(wanted)) if wanted > longest => {
                Ok(self.connection.tell(&Tell::Notice { text: format!("it runs for at most {longest}, and not for {wanted}") })?)
            }
            _ => Ok(()),
        }
    }

    fn message_of(&self, policy: &PolicyRef) -> String {
        self.broker.ledger().documents.in_force().policy(&policy.id).map(|document| document.policy.message.clone()).unwrap_or_default()
    }

    /// Asks the person for a reason, where there is one to ask.
    fn need_reason(&mut self, needed: Needed<'_>, target_user: &str) -> Result<(), Refusal> {
        if !self.run.interactive {
            let refusal = Refusal::new("reason", "a reason is needed").hint("say why with --reason");
            return Err(refusal.under(needed.policy).about(&self.examined.facts));
        }
        let question = NeedReason {
            would_run: self.would_run(target_user),
            policy: needed.policy.name.clone(),
            mode: needed.mode,
            max_duration: needed.longest,
            approvers: needed.approvers,
            message: needed.message,
        };
        self.connection.tell(&Tell::NeedReason(Box::new(question)))?;
        let Reply::Reason { reason, duration, ticket } = self.connection.reply()? else {
            return Err(Refusal::new("protocol", "a reason was expected"));
        };
        if reason.trim().is_empty() {
            return Err(Refusal::new("reason", "a reason is needed").under(needed.policy));
        }
        if reason.len() > MOST_REASON || ticket.as_ref().is_some_and(|ticket| ticket.len() > MOST_TICKET) {
            return Err(Refusal::new("too_large", "the reason is longer than 1000 bytes"));
        }
        self.reason = Some(reason);
        self.run.duration = duration.or(self.run.duration);
        self.run.ticket = ticket.or(self.run.ticket.take());
        Ok(())
    }
}

/// What a person is told when a reason is needed.
struct Needed<'a> {
    mode: Mode,
    policy: &'a PolicyRef,
    longest: Length,
    approvers: Vec<String>,
    message: String,
}

/// What was typed, of any ask that names a command.
#[must_use]
pub fn typed(wanted: &Wanted) -> Option<&Run> {
    match wanted {
        Wanted::Run(run) | Wanted::Explain(run) => Some(run),
        Wanted::List {}
        | Wanted::Status {}
        | Wanted::Requests {}
        | Wanted::Grants {}
        | Wanted::Withdraw { .. }
        | Wanted::End { .. }
        | Wanted::Lock {} => None,
    }
}
