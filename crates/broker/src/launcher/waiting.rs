//! Supervisors that wait for their sessions: at rest one; while sessions follow each other closely two, which are copies of a *template*,
//! a process that has loaded what each of them needs and is told nothing of any session. The first is made by the launcher, and
//! whatever no template makes.

use super::line::Line;
use super::{Client, EXPECT, Error, Role, Started};
use crate::random;
use crate::spec::Containment;
use brevet_core::id::SessionId;
use brevet_sys::fdpass;
use brevet_sys::process::{self, Processors, Scheduling};
use brevet_sys::{clock, pidfd};
use std::collections::VecDeque;
use std::os::fd::AsFd as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sessions that begin within this follow each other closely.
const CLOSE_MS: u64 = 500;
/// For how long after such sessions a second supervisor waits.
const CALM_MS: u64 = 5_000;
/// How long a template may take, which others keep from the processor: then the launcher makes one, as it does at rest.
const COPY_MS: u64 = 50;
/// How old a template becomes: what it loaded, and where in memory, is not kept by whoever starts something now and then.
const TEMPLATE_MS: u64 = 30_000;
/// When to look again whether a template that somebody is talking to is still wanted.
const LOOK_AGAIN_MS: u64 = 1_000;

/// Those that are ready, oldest first.
#[derive(Debug, Default)]
struct Waiting {
    ready: VecDeque<Started>,
    /// When the last session began, and the last that followed another closely; milliseconds of `CLOCK_BOOTTIME`.
    last: Option<u64>,
    close: Option<u64>,
}

impl Waiting {
    /// The one for a session that begins now.
    fn take(&mut self, now: u64) -> Option<Started> {
        if self.last.is_some_and(|last| now.saturating_sub(last) <= CLOSE_MS) {
            self.close = Some(now);
        }
        self.last = Some(now);
        self.ready.pop_front()
    }

    /// Milliseconds until no second one is wanted any more.
    fn calm_in(&self, now: u64) -> u64 {
        self.close.map_or(0, |close| CALM_MS.saturating_sub(now.saturating_sub(close)))
    }

    fn lacks(&self, now: u64) -> bool {
        let wanted = if self.calm_in(now) > 0 { 2 } else { 1 };
        self.ready.len() < wanted
    }
}

#[derive(Debug, Default)]
enum Template {
    #[default]
    None,
    /// It ends when its line closes.
    Running { line: Line, since: u64 },
    /// It did not do what it is for, or one of its copies crashed. There is no other until it is calm.
    Failed,
}

impl Template {
    /// Makes none of one that is too old.
    fn renew(&mut self, now: u64) {
        if matches!(self, Self::Running { since, .. } if now.saturating_sub(*since) >= TEMPLATE_MS) {
            *self = Self::None;
        }
    }
}

/// What the client keeps of them.
#[derive(Debug)]
pub(super) struct Supervisors {
    waiting: Mutex<Waiting>,
    template: Mutex<Template>,
    /// Those that we may run on, where they are known.
    processors: Option<Processors>,
    /// Somebody is making the one that is to wait.
    filling: AtomicBool,
    /// Sessions for which those waited that were killed meanwhile: their places are still there.
    lost: Mutex<Vec<SessionId>>,
}

impl Supervisors {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            template: Mutex::default(),
            processors: Processors::own().ok(),
            filling: AtomicBool::new(false),
            lost: Mutex::default(),
        }
    }
}

impl Client {
    /// Wakes the supervisor that waits, on another processor than this one: a session may be on its way.
    pub fn expect(&self) {
        let Ok(waiting) = self.supervisors.waiting.lock() else { return };
        // Where there is no other, it would only be in our way.
        let (Some(next), Some(others)) = (waiting.ready.front(), self.supervisors.processors.and_then(|processors| processors.others()))
        else {
            return;
        };
        if pidfd::is_alive(next.pidfd.as_fd()) && others.give(next.pid).is_ok() {
            drop(fdpass::send_now(next.control.as_fd(), &[EXPECT]));
        }
    }

    /// A supervisor: the one that waits, or a fresh one.
    ///
    /// # Errors
    /// As `start_role`.
    pub fn supervisor(&self) -> Result<Started, Error> {
        let waiting = self.supervisors.waiting.lock().map_err(|_| Error::Poisoned)?.take(clock::boottime_ms());
        // WHY patient: it makes ready while the record is written, and must not keep us from writing it. It ends that itself.
        // INVARIANT: it may run wherever we may, and so may what it starts.
        let usable = |one: &Started| {
            pidfd::is_alive(one.pidfd.as_fd())
                && self.supervisors.processors.is_none_or(|processors| processors.give(one.pid).is_ok())
                && process::schedule(one.pid, Scheduling::Patient).is_ok()
        };
        match waiting {
            Some(waiting) if usable(&waiting) => return Ok(waiting),
            Some(Started { session: Some(session), .. }) => self.supervisors.lost.lock().map_err(|_| Error::Poisoned)?.push(session),
            Some(_) | None => {}
        }
        self.start_role(Role::Supervisor)
    }

    /// The sessions for which supervisors waited that are no more; nothing of them ever ran. What they had made is to be taken back.
    pub fn lost(&self) -> Vec<SessionId> {
        self.supervisors.lost.lock().map(|mut lost| std::mem::take(&mut *lost)).unwrap_or_default()
    }

    /// Whether the next session need not wait for a supervisor.
    pub fn has_one_waiting(&self) -> bool {
        self.supervisors.waiting.lock().is_ok_and(|waiting| !waiting.ready.is_empty())
    }

    /// Makes supervisors that wait, as many as are wanted and lacking, for sessions that may be contained so. To be called when nobody
    /// waits for the caller. Where it fails, the next session starts one of its own.
    pub fn keep_waiting(&self, containment: Containment) {
        if self.supervisors.filling.swap(true, Ordering::AcqRel) {
            return;
        }
        // Only who fills puts some there, so that none is made in vain.
        while self.supervisors.waiting.lock().is_ok_and(|waiting| waiting.lacks(clock::boottime_ms())) {
            let Ok(made) = self.one_that_waits(containment) else { break };
            let Ok(mut waiting) = self.supervisors.waiting.lock() else { break };
            waiting.ready.push_back(made);
        }
        self.supervisors.filling.store(false, Ordering::Release);
    }

    /// Lets go of what is not wanted any more; milliseconds until another look is worth it.
    pub fn rest(&self) -> Option<u64> {
        let mut waiting = self.supervisors.waiting.lock().ok()?;
        let left = waiting.calm_in(clock::boottime_ms());
        if left > 0 {
            return Some(left);
        }
        // Their sockets close with this, and they end.
        waiting.ready.truncate(1);
        drop(waiting);
        // WHY not waited for: who asks it may wait for the launcher, and who looks here sees to revocations.
        match self.supervisors.template.try_lock() {
            Ok(mut template) => *template = Template::None,
            Err(_) => return Some(LOOK_AGAIN_MS),
        }
        None
    }

    fn one_that_waits(&self, containment: Containment) -> Result<Started, Error> {
        let role = match containment {
            Containment::Cgroup => Role::Waiting,
            Containment::PidNamespace => Role::WaitingApart,
        };
        let close = self.supervisors.waiting.lock().is_ok_and(|waiting| waiting.calm_in(clock::boottime_ms()) > 0);
        if close && let Some(copied) = self.copied(role)? {
            return Ok(copied);
        }
        waits_for_its_own(|session| self.start_with(role, session))
    }

    /// A copy of the template, which is made where there is none.
    fn copied(&self, role: Role) -> Result<Option<Started>, Error> {
        let mut template = self.supervisors.template.lock().map_err(|_| Error::Poisoned)?;
        let now = clock::boottime_ms();
        template.renew(now);
        match &mut *template {
            Template::Running { line, .. } => {
                let copied = waits_for_its_own(|session| line.ask(role, session, COPY_MS)).ok();
                if copied.is_none() {
                    *template = Template::Failed;
                }
                Ok(copied)
            }
            Template::None => {
                // WHY not asked yet: it loads, and a whole supervisor is made as soon.
                let started = self.start_role(Role::Template);
                *template =
                    started.map_or(Template::Failed, |started| Template::Running { line: Line::new(started.control.into()), since: now });
                Ok(None)
            }
            Template::Failed => Ok(None),
        }
    }
}

/// One that waits for a session of its own: a copy that comes too late makes its place too, and takes it back.
fn waits_for_its_own(start: impl FnOnce(&str) -> Result<Started, Error>) -> Result<Started, Error> {
    let session = SessionId::new(clock::realtime_ms(), random::bytes()?);
    let started = start(session.as_str())?;
    Ok(Started { session: Some(session), ..started })
}

#[cfg(test)]
mod tests {
    use super::*;
    use brevet_sys::fdpass::Kind;

    #[test]
    fn a_template_does_not_grow_old_however_often_it_is_asked() {
        let (ours, _theirs) = fdpass::pair(Kind::Seqpacket).unwrap();
        let mut template = Template::Running { line: Line::new(ours), since: 1_000 };
        for now in (1_000..1_000 + TEMPLATE_MS).step_by(100) {
            template.renew(now);
            assert!(matches!(template, Template::Running { .. }));
        }
        template.renew(1_000 + TEMPLATE_MS);
        assert!(matches!(template, Template::None));
        let mut failed = Template::Failed;
        failed.renew(u64::MAX);
        assert!(matches!(failed, Template::Failed));
    }
}
