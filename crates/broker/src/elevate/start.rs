//! The start: everything is made ready, decided once more under the lock, recorded durably, and only then executed.

use std::os::fd::AsFd as _;
use std::sync::Arc;

use brevet_api::broker::{Ended, Started, Tell};
use brevet_api::frame;
use brevet_core::decide::{By, Decision, Elevate};
use brevet_core::grant::GrantState;
use brevet_core::id::{GrantId, SessionId};
use brevet_core::policy::{Binds, Containment, FixedFrom, Uses, Validity};
use brevet_core::record::{Body, GrantActivated, LocalGrant, Origin, Outcome, SessionStarted, ValidityStarted};
use brevet_core::request::Command;
use brevet_core::time::{Length, Now, Timestamp};
use brevet_core::user::User;

use super::descriptors::Standard;
use super::{Attempt, Refusal};
use crate::broker::id_parts;
use crate::environment::{self, Parts};
use crate::ledger::{Bounds, Deadline, Ledger, Live, deadline};
use crate::names::Answer as Named;
use crate::spec::{self, NamedUser, Requester, SessionSpec, Target};
use crate::supervisor::client::{Descriptors, Prepared, Preparing, StartError, begin};
use crate::{fault, launcher, sessions};

/// Sessions of one user that may run at a time.
const MOST_SESSIONS: usize = 64;
/// A session that was started: from here on its supervisor speaks to the client.
#[derive(Debug)]
#[must_use]
pub struct Running {
    /// Which.
    pub id: SessionId,
    /// To wait for its end.
    pub session: Arc<crate::supervisor::client::Session>,
}

/// What a launch runs under, as decided.
struct Right {
    elevate: Box<Elevate>,
    grant: GrantId,
    /// Made for this session, if no approved grant allows it.
    origin: Option<Origin>,
    command: Command,
    deadline: Deadline,
    lasts: u64,
}

/// The supervisor of a launch, ready or not yet.
enum Supervisor {
    Preparing(Preparing),
    Prepared(Prepared),
}

/// What came of making a launch ready.
pub(super) enum Tried {
    /// It started; without a session the client has been told why not.
    Done(Option<Running>),
    /// What allows it is not what was proved and justified for: nothing was recorded, nothing has run, and it is decided anew.
    Anew,
}

impl Attempt<'_> {
    /// Starts the program; done also when it could not be executed, because the client has then been told. `met` is the decision whose
    /// conditions (password, reason) the person has met.
    ///
    /// INVARIANT: under any other one nothing starts: each wants its own.
    pub(super) fn start(&self, standard: &Standard, met: &Elevate) -> Result<Tried, Refusal> {
        let (mut right, id, now) = {
            let mut ledger = self.broker.ledger();
            let right = self.right(&mut ledger, None)?;
            if !wants_the_same(met, &right.elevate) {
                return Ok(Tried::Anew);
            }
            let now = ledger.now();
            let (millis, random) = id_parts(now.wall)?;
            (right, SessionId::new(millis, random), now)
        };
        let (target, account) = self.target(&right.elevate.target_user)?;
        let user = User { uid: target.uid, name: target.name.clone() };
        if right.origin.is_none() && right.command.target != user {
            return Err(Refusal::new("target_user", "the target user is another one than was approved").under(&right.elevate.policy));
        }
        right.command.target = user;
        let supervisor = self.broker.launcher.supervisor().map_err(|error| self.unprepared(&error.into()))?;
        let session = supervisor.session.clone().unwrap_or(id);
        let spec = self.spec(&right, &session, standard, target, &account)?;
        let supervisor = self.supervisor(&right, self.begin(supervisor, &spec, standard)?)?;
        let still = self.broker.examiner.is_still(&self.examined);
        let ends = Timestamp::from_millis(now.wall.millis().saturating_add_unsigned(right.deadline.at.saturating_sub(now.boot.millis)));
        let started = Started {
            session: session.clone(),
            grant: right.grant.clone(),
            terminal: standard.on(),
            ends,
            ends_in_millis: right.deadline.at.saturating_sub(now.boot.millis),
        };
        let started = frame::encode_control(&Tell::Started(started)).map_err(|error| Refusal::new("start", crate::chain(&error)))?;
        {
            let mut ledger = self.broker.ledger();
            let again = self.right(&mut ledger, Some(&right))?;
            if !still {
                let refusal = Refusal::new("changed", "the file was changed after it was looked at").hint("run the command again");
                return Err(refusal.under(&right.elevate.policy).about(&self.examined.facts));
            }
            // Another launch used the grant up, and there is another one.
            if again.grant != right.grant {
                return Ok(Tried::Anew);
            }
            // INVARIANT: the record is on disk before anything elevated starts.
            let now = ledger.now();
            let bodies = self.records(&ledger, &again, &session, standard, (&now, ends));
            // WHY not woken yet: what others do about it would compete with the start; `sessions::watch` wakes them.
            ledger.commit_quietly(&bodies)?;
        }
        let prepared = match supervisor {
            Supervisor::Prepared(prepared) => prepared,
            Supervisor::Preparing(preparing) => match preparing.prepared() {
                Ok(prepared) => prepared,
                Err(error) => return Err(self.not_prepared(&right, &session, &error)),
            },
        };
        // INVARIANT: from this last look on nobody is waited for until the program is told to go, the client least of all.
        if let Some(why) = self.taken_back(&right) {
            drop(prepared);
            return Err(self.never_began(&right, &session, &why));
        }
        // A client that is gone by now has its program started all the same: it is on record.
        if let Ok(false) = self.connection.tell_now(&started) {
            drop(prepared);
            drop(self.connection.stream.shutdown(std::net::Shutdown::Both));
            drop(self.never_began(&right, &session, "the client did not read what it was told"));
            return Ok(Tried::Done(None));
        }
        fault::point("go.before");
        match prepared.go() {
            Ok((running, _)) => {
                fault::point("go.after");
                let running = Arc::new(running);
                self.running(&right, &session, &running);
                Ok(Tried::Done(Some(Running { id: session, session: running })))
            }
            Err(error) => self.not_started(&right, &session, &error).map(Tried::Done),
        }
    }

    /// The right under which this launch would run now. With `before`: it must be the same one still, or another grant for the same.
    fn right(&self, ledger: &mut Ledger, before: Option<&Right>) -> Result<Right, Refusal> {
        let elevate = match self.decide_in(ledger) {
            Decision::Elevate(elevate) => elevate,
            Decision::Refuse(refusal) => return Err(self.refused(refusal)),
            Decision::Ask(_) => return Err(Refusal::new("no_policy", "the right to run this ended meanwhile").hint("ask again")),
        };
        ledger.room_for_records()?;
        let now = ledger.now();
        let mine = ledger.state.running().filter(|(_, entry)| entry.started.user.uid == self.account.user.uid).count();
        if mine >= MOST_SESSIONS {
            return Err(Refusal::new("busy", format!("{MOST_SESSIONS} sessions of yours are running")));
        }
        let (grant, origin, command) = self.grant_of(ledger, &elevate, before, &now)?;
        let left = ledger.state.grants.get(&grant).map_or(u64::MAX, |entry| ledger.bounds(entry, &now).expiry);
        let wanted = self.run.duration.filter(|_| origin.is_some()).map_or(u64::MAX, Length::millis);
        let lasts = elevate.longest_millis.min(wanted).min(left);
        let bounds = Bounds { expiry: lasts, staleness: ledger.fresh_millis(elevate.staleness, &now) };
        if bounds.least() == 0 {
            return Err(Refusal::new("expired", "no time is left for it").under(&elevate.policy));
        }
        let same = |before: &Right| {
            let another = before.origin.is_none() && origin.is_none() && before.grant != grant;
            before.elevate.policy == elevate.policy
                && (another || before.origin == origin && before.grant == grant && before.command == command)
        };
        if !before.is_none_or(same) {
            return Err(Refusal::new("no_policy", "the right to run this changed meanwhile").hint("run the command again"));
        }
        let deadline = deadline(bounds, &elevate.elevation, &now);
        Ok(Right { elevate, grant, origin, command, deadline, lasts })
    }

    fn grant_of(
        &self,
        ledger: &Ledger,
        elevate: &Elevate,
        before: Option<&Right>,
        now: &Now,
    ) -> Result<(GrantId, Option<Origin>, Command), Refusal> {
        let origin = match &elevate.by {
            By::Grant(id) => {
                let gone = || Refusal::new("expired", "the grant ended meanwhile");
                let entry = ledger.state.grants.get(id).ok_or_else(gone)?;
                let command = Command {
                    application: self.examined.facts.clone(),
                    arguments: self.run.command.clone(),
                    directory: self.directory_path.clone(),
                    target: entry.command.target.clone(),
                    // What was approved, whatever the caller's environment says now.
                    kept_environment: entry.command.kept_environment.clone(),
                };
                return Ok((id.clone(), None, command));
            }
            By::Automatic => Origin::Automatic,
            By::Justify => Origin::Justify,
        };
        if let Some(before) = before {
            return Ok((before.grant.clone(), before.origin, before.command.clone()));
        }
        let (millis, random) = id_parts(now.wall)?;
        let command = Command {
            application: self.examined.facts.clone(),
            arguments: self.run.command.clone(),
            directory: self.directory_path.clone(),
            // Its uid is looked up before anything is recorded.
            target: User { uid: u32::MAX, name: elevate.target_user.clone() },
            kept_environment: environment::kept(&elevate.elevation.keep_environment, &self.run.environment),
        };
        Ok((GrantId::new(millis, random), Some(origin), command))
    }

    fn spec(
        &self,
        right: &Right,
        session: &SessionId,
        standard: &Standard,
        target: Target,
        account: &NamedUser,
    ) -> Result<SessionSpec, Refusal> {
        let elevation = &right.elevate.elevation;
        let containment = match elevation.containment {
            Containment::Cgroup => spec::Containment::Cgroup,
            Containment::PidNamespace => spec::Containment::PidNamespace,
            Containment::Confined => {
                return Err(Refusal::new("unsupported", "elevation.containment: \"confined\" cannot be enforced by this version"));
            }
        };
        let requester = Requester { name: self.account.user.name.clone(), uid: self.account.user.uid };
        let environment = environment::build(&Parts {
            path: &self.broker.config.path,
            target: account,
            requester: &requester,
            requester_gid: self.account.user.gid,
            session,
            offered: &self.run.environment,
            kept: &right.command.kept_environment,
        });
        Ok(SessionSpec {
            session: session.clone(),
            grant: right.grant.clone(),
            target,
            login_uid: Some(requester.uid),
            requester,
            arguments: self.run.command.clone(),
            environment,
            umask: 0o022,
            containment,
            terminal: standard.terminal,
            deadline_ms: right.deadline.at,
            warn_at_ms: right.deadline.warn_at.clone(),
            unheard: right.deadline.unheard(),
            grace_ms: elevation.grace.millis(),
            cgroup_parent: self.broker.cgroup.clone(),
            state_directory: sessions::directory(self.broker, session),
            pam_service: Some(self.broker.config.pam_service.clone()),
            script: self.examined.script,
            go: false,
        })
    }

    /// The target user with every group: none may be missing, and none may be guessed.
    fn target(&self, name: &str) -> Result<(Target, NamedUser), Refusal> {
        let user = self.target_of(name)?;
        let unknown = |reason: String| Refusal::new("target_user", format!("the target user could not be looked up: {reason}"));
        let account = match self.broker.names.user_by_uid(user.uid) {
            Named::Known(account) if account.name == name => account,
            Named::Known(_) | Named::Absent => match self.broker.names.user_by_name(name) {
                Named::Known(account) => account,
                Named::Absent => return Err(unknown("it has gone".to_owned())),
                Named::Unknown(reason) => return Err(unknown(reason)),
            },
            Named::Unknown(reason) => return Err(unknown(reason)),
        };
        let groups = match self.broker.names.groups_of(&account.name, account.gid) {
            Named::Known(groups) => groups.into_iter().map(|group| group.gid).collect(),
            Named::Absent => return Err(unknown("it has gone".to_owned())),
            Named::Unknown(reason) => return Err(unknown(reason)),
        };
        Ok((Target { name: account.name.clone(), uid: account.uid, gid: account.gid, groups }, account))
    }

    /// A grant of this session's own is on record while its supervisor makes everything ready; one that somebody gave, or a
    /// validity that would begin, is used by nothing that could not be made ready.
    fn supervisor(&self, right: &Right, preparing: Preparing) -> Result<Supervisor, Refusal> {
        if right.origin.is_some() && !right.elevate.starts_validity {
            return Ok(Supervisor::Preparing(preparing));
        }
        Ok(Supervisor::Prepared(preparing.prepared().map_err(|error| self.unprepared(&error))?))
    }

    fn unprepared(&self, error: &StartError) -> Refusal {
        Refusal::new("start", crate::chain(error)).about(&self.examined.facts)
    }

    fn begin(&self, supervisor: launcher::Started, spec: &SessionSpec, standard: &Standard) -> Result<Preparing, Refusal> {
        let descriptors = Descriptors {
            executable: self.examined.executable.as_fd(),
            directory: self.directory.as_fd(),
            client: self.connection.stream.as_fd(),
            passed: standard.borrowed(),
        };
        begin(supervisor, spec, &descriptors).map_err(|error| self.unprepared(&error))
    }

    fn records(
        &self,
        ledger: &Ledger,
        right: &Right,
        session: &SessionId,
        standard: &Standard,
        (now, ends): (&Now, Timestamp),
    ) -> Vec<Body> {
        let elevate = &right.elevate;
        let command = right.command.clone();
        let mut bodies = Vec::new();
        if elevate.starts_validity
            && let Some(started) = starts_validity(ledger, elevate, self.account.user.uid, now)
        {
            bodies.push(Body::ValidityStarted(started));
        }
        if let Some(origin) = right.origin {
            bodies.push(Body::GrantIssued(Box::new(LocalGrant {
                id: right.grant.clone(),
                origin,
                user: self.account.member.user.clone(),
                policy: elevate.policy.clone(),
                request: None,
                command: command.clone(),
                elevation: elevate.elevation.clone(),
                binds: Binds::Command,
                uses: Uses::Once,
                duration: Length::from_seconds(right.lasts.div_ceil(1000)),
                use_before: now.wall.plus(Length::from_minutes(1)),
                reason: self.reason.clone(),
                ticket: self.run.ticket.clone(),
            })));
        }
        if ledger.state.grants.get(&right.grant).is_none_or(|entry| entry.life.state() == GrantState::Issued) {
            let ends = Timestamp::from_millis(now.wall.millis().saturating_add_unsigned(right.lasts));
            let (grant, lasts_millis) = (right.grant.clone(), right.lasts);
            bodies.push(Body::GrantActivated(GrantActivated { grant, at: now.clone(), ends, lasts_millis }));
        }
        bodies.push(Body::SessionStarted(Box::new(SessionStarted {
            session: session.clone(),
            grant: right.grant.clone(),
            policy: elevate.policy.clone(),
            user: self.account.member.user.clone(),
            command,
            containment: elevate.elevation.containment,
            terminal: standard.terminal.is_some(),
            reason: self.reason.clone(),
            ends,
        })));
        bodies
    }

    /// Why a launch that is on record may not begin after all.
    fn taken_back(&self, right: &Right) -> Option<String> {
        let mut ledger = self.broker.ledger();
        let now = ledger.now();
        let over = now.boot.millis >= right.deadline.at || ledger.is_over(&right.grant, &now);
        let taken = ledger.taken_away(&right.grant, &right.command, &self.account.member, &now);
        taken.or_else(|| over.then(|| "its time was over before it began".to_owned()))
    }

    /// It is on record and will not run: that is on record too.
    fn never_began(&self, right: &Right, session: &SessionId, why: &str) -> Refusal {
        let reason = why.to_owned();
        let ended = sessions::end(&mut self.broker.ledger(), session, &right.grant, Outcome::NotStarted { reason }, 0);
        let refusal = || Refusal::new("ended", why.to_owned()).under(&right.elevate.policy).hint("run the command again");
        ended.map_or_else(Refusal::from, |()| refusal())
    }

    /// It runs: orders reach it from now on, also one that was due between the last look and now.
    fn running(&self, right: &Right, session: &SessionId, running: &Arc<crate::supervisor::client::Session>) {
        let mut ledger = self.broker.ledger();
        ledger
            .live
            .insert(session.clone(), Live { session: Arc::clone(running), deadline: right.deadline.at, heard: right.deadline.heard });
        let now = ledger.now();
        if let Some(why) = ledger.taken_away(&right.grant, &right.command, &self.account.member, &now) {
            // Without grace: it has only begun, and the grace counts from when the right was taken away.
            crate::say("broker", &format!("session {session} is ended: {why}"));
            match ledger.state.end_of(&right.grant) {
                Some(reason) => drop(ledger.end_grant(&right.grant, reason, "", false)),
                None => drop(running.end(spec::EndReason::Revoked, 0)),
            }
        }
        ledger.reschedule(&now);
    }

    /// It is on record and nothing has run: that is on record too.
    fn not_prepared(&self, right: &Right, session: &SessionId, error: &StartError) -> Refusal {
        let reason = crate::chain(error);
        let ended = sessions::end(&mut self.broker.ledger(), session, &right.grant, Outcome::NotStarted { reason }, 0);
        if matches!(error, StartError::Broken(_)) {
            sessions::sweep(self.broker, session);
        }
        ended.map_or_else(Refusal::from, |()| self.unprepared(error))
    }

    fn not_started(&self, right: &Right, session: &SessionId, error: &StartError) -> Result<Option<Running>, Refusal> {
        let reason = crate::chain(error);
        {
            let mut ledger = self.broker.ledger();
            sessions::end(&mut ledger, session, &right.grant, Outcome::NotStarted { reason: reason.clone() }, 0)?;
        }
        if matches!(error, StartError::Broken(_)) {
            sessions::sweep(self.broker, session);
        }
        let ended = Ended { status: None, signal: None, because: Some(reason) };
        drop(self.connection.tell(&Tell::Ended(ended)));
        Ok(None)
    }
}

/// Whether who met the one's conditions has met the other's: of the same version of the same policy, and by the same way. Which grant it
/// is does not matter, since grants of one policy want the same.
fn wants_the_same(met: &Elevate, now: &Elevate) -> bool {
    let way = |by: &By| match by {
        By::Grant(_) => 0,
        By::Automatic => 1,
        By::Justify => 2,
    };
    met.policy == now.policy && met.authentication == now.authentication && way(&met.by) == way(&now.by)
}

fn starts_validity(ledger: &Ledger, elevate: &Elevate, uid: u32, now: &Now) -> Option<ValidityStarted> {
    let document = ledger.documents.in_force().policy(&elevate.policy.id)?;
    let user = match document.policy.validity {
        Validity::Fixed { from: FixedFrom::FirstUse, .. } => Some(uid),
        Validity::Fixed { from: FixedFrom::Delivery, .. } => None,
        Validity::Always | Validity::Window { .. } | Validity::Recurring { .. } => return None,
    };
    if ledger.state.validity_of(&document.id, document.renewal, user).is_some() {
        return None;
    }
    Some(ValidityStarted { policy: document.id.clone(), user, renewal: document.renewal, at: now.clone() })
}
