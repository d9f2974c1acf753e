//! The loop of a running session: its clock, its people, its broker, its end.
//!
//! INVARIANT: from the moment at which the deadline passed or an end was ordered, nothing can lengthen the session again,
//! and every process is killed once the grace is over.

use super::Error;
use super::init::{self, Init};
use super::link::{Closed, Link};
use super::pam_session::PamSession;
use super::relay::Relay;
use super::start::Running;
use super::state::StateDirectory;
use super::tree::Tree;
use crate::spec::{EndReason, Ended, Exit, Identity, MAX_ROLE, Order, Report, SessionSpec, Started, Status};
use brevet_api::frame;
use brevet_core::time::{Length, Timestamp};
use brevet_sys::clock::{self, Timer};
use brevet_sys::exec::Child;
use brevet_sys::peer::Peer;
use brevet_sys::pidfd::{self, Change};
use brevet_sys::poll::{self, Interest, Ready};
use brevet_sys::signal::{self, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

/// Between two passes of killing.
const KILL_PAUSE_MS: u64 = 20;
/// After this, what a kill did not end is reported as remaining.
const KILL_PATIENCE_MS: u64 = 30_000;
/// How long the outcome waits for a connected broker's acknowledgement, and for a client that does not read.
const LINGER_MS: u64 = 30_000;
/// How long a connected broker has to record the outcome before it is forced to disk here too.
const RECORD_MS: u64 = 500;
/// The most brokers connected at once.
const MOST_BROKERS: usize = 4;
/// Once it has run for so long, what was for its start alone is let go of.
const SETTLED_MS: u64 = 1_000;
/// Grace when the computer stops the supervisor.
const STOP_GRACE_MS: u64 = 5_000;

/// Where the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Until its deadline.
    Running,
    /// Asked to end, killed at that moment.
    Asked { reason: EndReason, kill_at: u64 },
    /// Being killed since that moment.
    Killing { reason: EndReason, since: u64 },
}

/// One running session.
pub(super) struct Session {
    spec: SessionSpec,
    state: StateDirectory,
    listener: UnixListener,
    brokers: Vec<Link>,
    relay: Relay,
    program: Child,
    /// Of the pid namespace, where it has one.
    init: Option<Init>,
    started: Started,
    identity: Identity,
    tree: Tree,
    pam: Option<PamSession>,
    signals: SignalFd,
    timer: Timer,
    phase: Phase,
    announced: bool,
    /// When it is to settle, where it has not.
    settles: Option<u64>,
    exit: Option<Exit>,
    ended: Option<Ended>,
    acknowledged: bool,
}

/// What a ready descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Signals,
    Timer,
    Listener,
    Group,
    Client,
    Terminal,
    Broker(usize),
}

impl Session {
    pub(super) fn new(running: Running, signals: SignalFd, broker: UnixStream) -> Result<Self, Error> {
        let tree = Tree::new(running.group, running.started.audit_session, running.init.as_ref().map(Init::pid))?;
        let mut session = Self {
            relay: Relay::new(running.client, running.pty, running.background),
            brokers: vec![Link::new(broker, MAX_ROLE)],
            spec: running.spec,
            state: running.state,
            listener: running.listener,
            program: running.program,
            init: running.init,
            started: running.started,
            identity: running.identity,
            tree,
            pam: running.pam,
            signals,
            timer: Timer::new()?,
            phase: Phase::Running,
            announced: false,
            settles: Some(clock::boottime_ms().saturating_add(SETTLED_MS)),
            exit: None,
            ended: None,
            acknowledged: false,
        };
        session.spec.warn_at_ms.sort_unstable();
        Ok(session)
    }

    /// Says once that it runs, and where. WHY not first of all: a program that has ended meanwhile has a person who waits for that.
    fn announce(&mut self) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        self.report(&Report::Started(self.started.clone()));
        // What cannot be written now only makes a later sweep see less.
        if let Err(error) = self.state.write_identity(&self.identity) {
            crate::say("supervisor", &format!("cannot write the session's state: {error}"));
        }
    }

    /// Until nothing of the session runs and its outcome is with the broker, or on disk for it.
    pub(super) fn run(mut self) -> Result<(), Error> {
        while self.ended.is_none() {
            self.reap()?;
            self.announce();
            self.advance(clock::boottime_ms());
            if self.is_over(clock::boottime_ms()) {
                self.finish();
                break;
            }
            self.timer.set(self.next_moment())?;
            self.wait(None)?;
        }
        // The person still has output to read, the broker the outcome to record; neither is waited for for ever.
        let begun = clock::boottime_ms();
        let until = begun.saturating_add(LINGER_MS);
        let mut keep_at = Some(begun.saturating_add(RECORD_MS));
        while !(self.relay.is_done() && (self.acknowledged || self.brokers.is_empty())) {
            let now = clock::boottime_ms();
            if now >= until {
                break;
            }
            if !self.acknowledged && keep_at.is_some_and(|at| self.brokers.is_empty() || now >= at) {
                self.keep_outcome();
                keep_at = None;
            }
            self.wait(Some(keep_at.filter(|_| !self.acknowledged).unwrap_or(until).min(until).saturating_sub(now).max(1)))?;
        }
        if !self.acknowledged {
            if keep_at.is_some() {
                self.keep_outcome();
            }
            self.state.close();
        }
        Ok(())
    }

    /// INVARIANT: without a broker's acknowledgement, which means that it is in the journal, the outcome is on disk.
    fn keep_outcome(&self) {
        if let Err(error) = self.state.keep_ended() {
            crate::say("supervisor", &format!("cannot keep the session's outcome: {error}"));
        }
    }

    /// Children that changed: the program is told apart, everything else is only reaped.
    fn reap(&mut self) -> Result<(), Error> {
        while let Some((pid, change)) = pidfd::next_change()? {
            if pid != self.program.pid {
                continue;
            }
            match change {
                Change::Exited(status) => self.exited(init::exit_status(status)),
                Change::Killed(number) => self.exited(Exit::Signal(number)),
                Change::Stopped(number) => self.relay.stopped(number, pid),
                Change::Continued => {}
            }
        }
        Ok(())
    }

    /// The main process ended; only the first word about it counts.
    fn exited(&mut self, exit: Exit) {
        if self.exit.is_none() {
            self.exit = Some(exit);
            self.relay.ended(exit, self.ending().and_then(|reason| because(reason, self.spec.unheard)));
            if let Some(init) = &self.init {
                init.leave();
            }
            self.announce();
            self.report(&Report::Exited { exit });
        }
    }

    fn ending(&self) -> Option<EndReason> {
        match self.phase {
            Phase::Running => None,
            Phase::Asked { reason, .. } | Phase::Killing { reason, .. } => Some(reason),
        }
    }

    /// What time brings.
    fn advance(&mut self, now: u64) {
        if self.settles.is_some_and(|at| now >= at) {
            self.settles = None;
            if let Some(pam) = &mut self.pam {
                pam.settle();
            }
        }
        if self.phase == Phase::Running {
            while self.spec.warn_at_ms.first().is_some_and(|at| *at <= now) {
                self.spec.warn_at_ms.remove(0);
                self.warn(now);
            }
            if now >= self.spec.deadline_ms {
                self.end(EndReason::Expired, self.spec.grace_ms, now);
            }
        }
        if let Phase::Asked { reason, kill_at } = self.phase
            && now >= kill_at
        {
            self.phase = Phase::Killing { reason, since: now };
        }
        if let Phase::Killing { .. } = self.phase {
            self.tree.kill();
        }
    }

    fn warn(&mut self, now: u64) {
        let left = Length::from_seconds(self.spec.deadline_ms.saturating_sub(now).div_ceil(1000));
        self.relay.notice(match self.spec.unheard {
            true => format!("the server is not heard of: unless it is, this session ends in {left}"),
            false => format!("this session ends in {left}"),
        });
    }

    /// Begins the end, or brings it nearer; never puts it off.
    fn end(&mut self, reason: EndReason, grace_ms: u64, now: u64) {
        let kill_at = now.saturating_add(grace_ms);
        self.phase = match self.phase {
            Phase::Running => {
                self.relay.notice(because(reason, self.spec.unheard).unwrap_or_default());
                if grace_ms > 0 {
                    self.tree.terminate();
                }
                Phase::Asked { reason, kill_at }
            }
            Phase::Asked { reason, kill_at: before } => Phase::Asked { reason, kill_at: before.min(kill_at) },
            killing @ Phase::Killing { .. } => killing,
        };
    }

    /// Nothing runs any more, or what does cannot be killed.
    fn is_over(&mut self, now: u64) -> bool {
        if let Phase::Killing { since, .. } = self.phase
            && now.saturating_sub(since) >= KILL_PATIENCE_MS
        {
            return true;
        }
        self.exit.is_some() && self.tree.is_empty() && (self.phase == Phase::Running || !self.tree.has_strays())
    }

    fn finish(&mut self) {
        if let Some(pam) = &mut self.pam
            && let Err(error) = pam.close()
        {
            crate::say("supervisor", &error.to_string());
        }
        // A session that ended by itself was just seen to be empty.
        let remaining = if self.phase == Phase::Running { 0 } else { self.tree.remaining() };
        let ended = Ended {
            session: self.spec.session.clone(),
            grant: self.spec.grant.clone(),
            reason: self.ending().unwrap_or(EndReason::Exited),
            exit: self.exit,
            processes_ended: self.tree.ended(),
            remaining,
            at: Timestamp::from_millis(clock::realtime_ms()),
            at_boot_ms: clock::boottime_ms(),
        };
        // The kernel may hold the group for a moment after its last process.
        for _ in 0..50 {
            if remaining > 0 || self.tree.remove_group() {
                break;
            }
            drop(poll::wait(&[], Some(10)));
        }
        if let Err(error) = self.state.write_ended(&ended) {
            crate::say("supervisor", &format!("cannot write the session's outcome: {error}"));
        }
        self.ended = Some(ended.clone());
        self.report(&Report::Ended(ended));
    }

    fn next_moment(&self) -> Option<u64> {
        let of_phase = match self.phase {
            Phase::Running => self.spec.warn_at_ms.first().map_or(self.spec.deadline_ms, |at| self.spec.deadline_ms.min(*at)),
            Phase::Asked { kill_at, .. } => kill_at,
            Phase::Killing { .. } => clock::boottime_ms().saturating_add(KILL_PAUSE_MS),
        };
        Some(self.settles.map_or(of_phase, |settles| settles.min(of_phase)))
    }

    /// Waits for something and handles it.
    fn wait(&mut self, timeout_ms: Option<u64>) -> Result<(), Error> {
        let ready: Vec<(Source, Ready)> = {
            let sources = self.sources();
            let descriptors: Vec<_> = sources.iter().map(|(_, fd, interest)| (*fd, *interest)).collect();
            let ready = poll::wait(&descriptors, timeout_ms)?;
            sources.iter().map(|(source, ..)| *source).zip(ready).filter(|(_, ready)| !ready.is_empty()).collect()
        };
        let main = self.program.pid;
        // Brokers last and from the back: handling one may remove it.
        for (source, _) in ready.into_iter().rev() {
            match source {
                Source::Signals => self.signalled(),
                Source::Timer => self.timer.clear(),
                Source::Listener => self.accept(),
                // Read when it is looked at.
                Source::Group => drop(self.tree.is_empty()),
                Source::Client => self.relay.read_client(main),
                Source::Terminal => self.relay.serve_terminal(),
                Source::Broker(index) => self.read_broker(index),
            }
        }
        Ok(())
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>, Interest)> {
        let mut sources = vec![
            (Source::Signals, self.signals.as_fd(), Interest::READ),
            (Source::Timer, self.timer.as_fd(), Interest::READ),
            (Source::Listener, self.listener.as_fd(), Interest::READ),
        ];
        if self.ended.is_none() {
            sources.push((Source::Group, self.tree.events(), Interest::EVENT));
        }
        sources.extend(self.relay.client().map(|(fd, interest)| (Source::Client, fd, interest)));
        sources.extend(self.relay.master().map(|(fd, interest)| (Source::Terminal, fd, interest)));
        let brokers = self.brokers.iter().enumerate();
        sources.extend(brokers.map(|(index, link)| (Source::Broker(index), link.as_fd(), link.interest(true))));
        sources
    }

    fn signalled(&mut self) {
        while let Some(number) = self.signals.next() {
            if number == signal::TERMINATE && self.ended.is_none() {
                self.end(EndReason::Stopped, self.spec.grace_ms.min(STOP_GRACE_MS), clock::boottime_ms());
            }
        }
    }

    /// A broker that came back: root, or nobody.
    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else { return };
        if self.brokers.len() >= MOST_BROKERS || !Peer::of(stream.as_fd()).is_ok_and(|peer| peer.uid == 0) {
            return;
        }
        let mut link = Link::new(stream, MAX_ROLE);
        link.tell(&Report::Status(self.status()));
        self.brokers.push(link);
    }

    fn read_broker(&mut self, index: usize) {
        let Some(link) = self.brokers.get_mut(index) else { return };
        let frames = link.flush().and_then(|()| link.receive());
        let orders = frames
            .and_then(|frames| frames.iter().map(|frame| frame::control(frame).map_err(|_| Closed)).collect::<Result<Vec<Order>, _>>());
        match orders {
            Ok(orders) => orders.into_iter().for_each(|order| self.obey(order, index)),
            // WHY: the session goes on without a broker; its deadline is held here.
            Err(Closed) => drop(self.brokers.remove(index)),
        }
    }

    fn obey(&mut self, order: Order, index: usize) {
        match order {
            Order::Go {} => {}
            Order::Reschedule { deadline_ms, mut warn_at_ms, unheard } => {
                if self.phase == Phase::Running && self.ended.is_none() {
                    let now = clock::boottime_ms();
                    // What each word of the server puts off is no extension.
                    if deadline_ms > self.spec.deadline_ms && !self.spec.unheard && !unheard {
                        let left = Length::from_seconds(deadline_ms.saturating_sub(now).div_ceil(1000));
                        self.relay.notice(format!("this session was extended and ends in {left}"));
                    }
                    warn_at_ms.sort_unstable();
                    self.spec.deadline_ms = deadline_ms;
                    self.spec.warn_at_ms = warn_at_ms;
                    self.spec.unheard = unheard;
                }
            }
            Order::End { reason, grace_ms } => {
                if self.ended.is_none() {
                    self.end(reason, grace_ms, clock::boottime_ms());
                }
            }
            Order::Query {} => {
                let status = self.status();
                if let Some(link) = self.brokers.get_mut(index) {
                    link.tell(&Report::Status(status));
                }
            }
            Order::Acknowledge {} => {
                if self.ended.is_some() && !self.acknowledged {
                    self.acknowledged = true;
                    if let Err(error) = self.state.remove() {
                        crate::say("supervisor", &format!("cannot remove the session's state: {error}"));
                    }
                }
            }
        }
    }

    fn status(&self) -> Status {
        Status {
            identity: self.identity.clone(),
            started: Some(self.started.clone()),
            exit: self.exit,
            ending: self.ending(),
            deadline_ms: self.spec.deadline_ms,
            ended: self.ended.clone(),
        }
    }

    fn report(&mut self, report: &Report) {
        for link in &mut self.brokers {
            link.tell(report);
        }
    }
}

/// For the person, why Brevet ends it.
fn because(reason: EndReason, unheard: bool) -> Option<String> {
    match reason {
        EndReason::Exited => None,
        EndReason::Expired if unheard => Some("the server was not heard of for so long that this may not go on without it".to_owned()),
        EndReason::Expired => Some("its time is over".to_owned()),
        EndReason::Revoked => Some("the right to run it was revoked".to_owned()),
        EndReason::Finished => Some("its user ended it".to_owned()),
        EndReason::Stopped => Some("the computer is stopping".to_owned()),
    }
}
