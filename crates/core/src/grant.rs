//! A grant's and a session's life as pure state machines (DESIGN section 7).
//!
//! ```text
//! grant:    issued ─► active ─► expired | revoked | finished      issued ─► revoked | unused
//! session:  started ─► ended
//! ```
//!
//! Steps come from journal records, in any order and any number of times: taking one again changes nothing, an end is final, and
//! nothing ever sets a running time back. No clock is asked here; every step and question brings its moment.

use crate::document::EndReason;
use crate::policy::{Starts, Uses};
use crate::record::Outcome;
use crate::time::{Length, Now, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Not used yet.
    Issued,
    /// In use: its end is fixed.
    Active,
    /// Its time, or the computer's staleness, was up.
    Expired,
    /// By a person or by a policy's change.
    Revoked,
    /// By its user or its task.
    Finished,
    /// Never used in time.
    Unused,
}

impl GrantState {
    /// Whether a transition from here to `next` exists.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Issued => matches!(next, Self::Active | Self::Revoked | Self::Unused),
            Self::Active => matches!(next, Self::Expired | Self::Revoked | Self::Finished),
            Self::Expired | Self::Revoked | Self::Finished | Self::Unused => false,
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Issued | Self::Active)
    }
}

impl From<EndReason> for GrantState {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Expired => Self::Expired,
            EndReason::Revoked => Self::Revoked,
            EndReason::Finished => Self::Finished,
            EndReason::Unused => Self::Unused,
        }
    }
}

/// What a grant gives, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantTerms {
    /// How long, from what `starts` says.
    pub duration: Length,
    /// From when `duration` counts.
    pub starts: Starts,
    /// How often it can be used.
    pub uses: Uses,
    /// First use before this moment.
    pub use_before: Timestamp,
    /// Over at this moment, whatever else.
    pub not_after: Option<Timestamp>,
}

/// One step of a grant's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its first use.
    Activated,
    /// A session started under it.
    Launched,
    /// A higher version replaces its terms.
    Extended {
        /// The server's version of it.
        version: u64,
        /// The new terms.
        terms: GrantTerms,
    },
    /// Its end.
    Ended(EndReason),
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// It changed something.
    Changed,
    /// It was taken before, or a later one was: nothing changed.
    Already,
}

/// Why a step or a launch is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It has ended.
    #[error("the grant is over")]
    Over(GrantState),
    /// It must be active first.
    #[error("the grant was not used yet")]
    NotActive,
    /// It was for one launch.
    #[error("the grant was for one launch, which was made")]
    UsedUp,
    /// Its time is up.
    #[error("the grant's time is up")]
    TimeUp,
    /// No such transition.
    #[error("the grant cannot end like that from where it stands")]
    NoTransition(GrantState),
}

/// A grant's life so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantLife {
    state: GrantState,
    version: u64,
    terms: GrantTerms,
    running: Option<Running>,
    launches: u32,
}

impl GrantLife {
    /// An issued grant. `issued` is when it was approved: its duration counts from there where the terms say so.
    #[must_use]
    pub fn new(version: u64, terms: GrantTerms, issued: &Now) -> Self {
        let running = match terms.starts {
            Starts::Approval => Some(Running::since(issued)),
            Starts::FirstUse => None,
        };
        Self { state: GrantState::Issued, version, terms, running, launches: 0 }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> GrantState {
        self.state
    }

    /// The server's version of its terms.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// What it gives in its latest version.
    #[must_use]
    pub const fn terms(&self) -> &GrantTerms {
        &self.terms
    }

    /// How many sessions it started.
    #[must_use]
    pub const fn launches(&self) -> u32 {
        self.launches
    }

    /// Takes a step that a record tells of.
    ///
    /// # Errors
    /// When it is not possible from where the grant stands; nothing changes then.
    pub fn apply(&mut self, step: Step, at: &Now) -> Result<Applied, GrantError> {
        self.observe(at);
        match step {
            Step::Ended(_) if self.state.is_over() => Ok(Applied::Already),
            Step::Ended(reason) => self.become_state(reason.into()),
            Step::Activated if self.state == GrantState::Active => Ok(Applied::Already),
            Step::Extended { version, .. } if version <= self.version => Ok(Applied::Already),
            Step::Activated | Step::Launched | Step::Extended { .. } if self.state.is_over() => Err(GrantError::Over(self.state)),
            Step::Activated => {
                self.running.get_or_insert_with(|| Running::since(at));
                self.become_state(GrantState::Active)
            }
            Step::Launched if self.state == GrantState::Issued => Err(GrantError::NotActive),
            Step::Launched if self.is_used_up() => Err(GrantError::UsedUp),
            Step::Launched => {
                self.launches = self.launches.saturating_add(1);
                Ok(Applied::Changed)
            }
            Step::Extended { version, terms } => {
                // What started its time stays: an extension is more time, not a new start.
                (self.version, self.terms) = (version, GrantTerms { starts: self.terms.starts, ..terms });
                Ok(Applied::Changed)
            }
        }
    }

    fn become_state(&mut self, next: GrantState) -> Result<Applied, GrantError> {
        if !self.state.may_become(next) {
            return Err(GrantError::NoTransition(self.state));
        }
        self.state = next;
        Ok(Applied::Changed)
    }

    fn is_used_up(&self) -> bool {
        self.terms.uses == Uses::Once && self.launches > 0
    }

    /// Takes note of a moment, so that no later change of a clock gives its time back. Each record's own moment is one.
    pub fn observe(&mut self, now: &Now) {
        if let Some(running) = &mut self.running {
            running.observe(now);
        }
    }

    /// Milliseconds left if used at this moment; 0 once over.
    #[must_use]
    pub fn remaining_millis(&self, now: &Now) -> u64 {
        if self.state.is_over() || self.state == GrantState::Issued && now.wall >= self.terms.use_before {
            return 0;
        }
        let used = self.running.as_ref().map_or(0, |running| running.elapsed(now));
        let own = self.terms.duration.millis().saturating_sub(used);
        self.terms.not_after.map_or(own, |end| own.min(end.millis_since(now.wall)))
    }

    /// Whether one more session may start.
    ///
    /// # Errors
    /// When it is over, out of time, or was for one launch.
    pub fn may_launch(&self, now: &Now) -> Result<(), GrantError> {
        if self.state.is_over() {
            return Err(GrantError::Over(self.state));
        }
        if self.is_used_up() {
            return Err(GrantError::UsedUp);
        }
        if self.remaining_millis(now) == 0 { Err(GrantError::TimeUp) } else { Ok(()) }
    }

    /// The end that is due at this moment, where nobody ended it before.
    #[must_use]
    pub fn due(&self, now: &Now) -> Option<EndReason> {
        let time_up = self.remaining_millis(now) == 0;
        match self.state {
            GrantState::Issued if time_up => Some(EndReason::Unused),
            GrantState::Active if time_up => Some(EndReason::Expired),
            GrantState::Issued | GrantState::Active => None,
            GrantState::Expired | GrantState::Revoked | GrantState::Finished | GrantState::Unused => None,
        }
    }
}

/// How long something has run: never less than any clock has shown, over reboots and clocks set back.
///
/// Within one boot it is the larger of both clocks' differences. Over a reboot only wall time can tell, and only forward:
/// what had passed before stays passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// Milliseconds that passed before `from`.
    before: u64,
    /// Start of the boot's part.
    from: Now,
    /// The most that was seen to pass since `from`.
    seen: u64,
    /// Wall time of the last look.
    last: Timestamp,
}

impl Running {
    /// Starts at a moment.
    #[must_use]
    pub fn since(start: &Now) -> Self {
        Self { before: 0, from: start.clone(), seen: 0, last: start.wall }
    }

    /// Takes note of a moment.
    pub fn observe(&mut self, now: &Now) {
        if now.boot.boot == self.from.boot.boot {
            self.seen = self.seen.max(now.millis_since(&self.from));
            self.last = now.wall;
        } else {
            *self = Self { before: self.elapsed(now), from: now.clone(), seen: 0, last: now.wall };
        }
    }

    /// Milliseconds that have passed.
    #[must_use]
    pub fn elapsed(&self, now: &Now) -> u64 {
        let here = if now.boot.boot == self.from.boot.boot {
            self.seen.max(now.millis_since(&self.from))
        } else {
            self.seen.saturating_add(now.wall.millis_since(self.last))
        };
        self.before.saturating_add(here)
    }
}

/// A session's life: it ends once, and stays ended as it first did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionLife {
    outcome: Option<Outcome>,
}

impl SessionLife {
    /// How it ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Takes its end.
    pub fn end(&mut self, outcome: Outcome) -> Applied {
        if self.outcome.is_some() {
            return Applied::Already;
        }
        self.outcome = Some(outcome);
        Applied::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::BootTime;
    use proptest::prelude::*;

    fn at(wall: i64, boot: &str, millis: u64) -> Now {
        Now { wall: Timestamp::from_millis(wall), boot: BootTime { boot: boot.into(), millis } }
    }
    fn terms(starts: Starts, uses: Uses) -> GrantTerms {
        GrantTerms {
            duration: Length::from_seconds(60),
            starts,
            uses,
            use_before: Timestamp::from_millis(100_000),
            not_after: Some(Timestamp::from_millis(500_000)),
        }
    }
    fn life(starts: Starts, uses: Uses) -> GrantLife {
        GrantLife::new(1, terms(starts, uses), &at(0, "a", 0))
    }

    #[test]
    fn only_the_documented_transitions_exist() {
        use GrantState::{Active, Expired, Finished, Issued, Revoked, Unused};
        let all = [Issued, Active, Expired, Revoked, Finished, Unused];
        let allowed = [(Issued, Active), (Issued, Revoked), (Issued, Unused), (Active, Expired), (Active, Revoked), (Active, Finished)];
        for from in all {
            for to in all {
                assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn taking_a_record_again_neither_restarts_nor_reopens() {
        let mut grant = life(Starts::FirstUse, Uses::Many);
        assert_eq!(grant.apply(Step::Activated, &at(10_000, "a", 10_000)), Ok(Applied::Changed));
        assert_eq!(grant.remaining_millis(&at(30_000, "a", 30_000)), 40_000);
        assert_eq!(grant.apply(Step::Activated, &at(30_000, "a", 30_000)), Ok(Applied::Already));
        assert_eq!(grant.remaining_millis(&at(30_000, "a", 30_000)), 40_000);
        assert_eq!(grant.apply(Step::Ended(EndReason::Revoked), &at(31_000, "a", 31_000)), Ok(Applied::Changed));
        assert_eq!(grant.apply(Step::Ended(EndReason::Expired), &at(32_000, "a", 32_000)), Ok(Applied::Already));
        assert_eq!(grant.state(), GrantState::Revoked);
        assert_eq!(grant.apply(Step::Activated, &at(33_000, "a", 33_000)), Err(GrantError::Over(GrantState::Revoked)));
        let more = Step::Extended { version: 2, terms: terms(Starts::FirstUse, Uses::Many) };
        assert_eq!(grant.apply(more, &at(33_000, "a", 33_000)), Err(GrantError::Over(GrantState::Revoked)));
        assert_eq!(grant.remaining_millis(&at(33_000, "a", 33_000)), 0);
    }

    #[test]
    fn it_waits_for_its_first_use_and_not_longer() {
        let grant = life(Starts::FirstUse, Uses::Many);
        assert_eq!(grant.remaining_millis(&at(99_999, "a", 99_999)), 60_000);
        assert_eq!(grant.due(&at(99_999, "a", 99_999)), None);
        assert_eq!(grant.due(&at(100_000, "a", 100_000)), Some(EndReason::Unused));
        assert_eq!(grant.may_launch(&at(100_000, "a", 100_000)), Err(GrantError::TimeUp));
    }

    #[test]
    fn from_approval_the_time_runs_before_the_first_use() {
        let mut grant = life(Starts::Approval, Uses::Many);
        let _ = grant.apply(Step::Activated, &at(20_000, "a", 20_000));
        assert_eq!(grant.remaining_millis(&at(20_000, "a", 20_000)), 40_000);
        assert_eq!(grant.due(&at(60_000, "a", 60_000)), Some(EndReason::Expired));
    }

    #[test]
    fn its_absolute_end_bounds_everything() {
        let mut grant = life(Starts::FirstUse, Uses::Many);
        let _ = grant.apply(Step::Activated, &at(90_000, "a", 90_000));
        let longer = GrantTerms { duration: Length::from_hours(9), ..terms(Starts::FirstUse, Uses::Many) };
        assert_eq!(grant.apply(Step::Extended { version: 2, terms: longer }, &at(91_000, "a", 91_000)), Ok(Applied::Changed));
        assert_eq!(
            grant.apply(Step::Extended { version: 2, terms: terms(Starts::FirstUse, Uses::Many) }, &at(91_000, "a", 91_000)),
            Ok(Applied::Already)
        );
        assert_eq!(grant.remaining_millis(&at(499_999, "a", 499_999)), 1);
        assert_eq!(grant.remaining_millis(&at(500_000, "a", 500_000)), 0);
    }

    #[test]
    fn one_launch_is_one_launch() {
        let mut grant = life(Starts::FirstUse, Uses::Once);
        let now = at(1, "a", 1);
        assert_eq!(grant.apply(Step::Launched, &now), Err(GrantError::NotActive));
        let _ = grant.apply(Step::Activated, &now);
        assert_eq!(grant.may_launch(&now), Ok(()));
        assert_eq!(grant.apply(Step::Launched, &now), Ok(Applied::Changed));
        assert_eq!(grant.may_launch(&now), Err(GrantError::UsedUp));
        assert_eq!(grant.apply(Step::Launched, &now), Err(GrantError::UsedUp));
    }

    #[test]
    fn a_clock_set_back_gives_no_time_back_not_even_over_a_reboot() {
        let mut grant = life(Starts::FirstUse, Uses::Many);
        let _ = grant.apply(Step::Activated, &at(10_000, "a", 10_000));
        assert_eq!(grant.remaining_millis(&at(0, "a", 40_000)), 30_000, "wall set back in one boot");
        assert_eq!(grant.remaining_millis(&at(40_000, "a", 10_500)), 30_000, "suspended clock");
        grant.observe(&at(40_000, "a", 40_000));
        assert_eq!(grant.remaining_millis(&at(0, "b", 5)), 30_000, "wall set back over a reboot");
        grant.observe(&at(0, "b", 5));
        assert_eq!(grant.remaining_millis(&at(20_000, "b", 20_005)), 10_000, "and from there it runs on");
        assert_eq!(grant.due(&at(0, "b", 30_005)), Some(EndReason::Expired));
    }

    #[test]
    fn a_session_ends_as_it_first_did() {
        let mut session = SessionLife::default();
        assert_eq!(session.end(Outcome::Exited { status: 3 }), Applied::Changed);
        assert_eq!(session.end(Outcome::Lost), Applied::Already);
        assert_eq!(session.outcome(), Some(&Outcome::Exited { status: 3 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the wall clock shows and whenever the computer restarts: time that really passed between looks is never given twice.
        #[test]
        fn never_more_running_time_than_granted(steps in prop::collection::vec((0u64..20_000, any::<bool>(), -50_000i64..50_000), 1..20)) {
            let mut grant = life(Starts::FirstUse, Uses::Many);
            let _ = grant.apply(Step::Activated, &at(0, "0", 0));
            let (mut boot, mut uptime, mut wall, mut really) = (0u32, 0u64, 0i64, 0u64);
            for (passed, reboot, jump) in steps {
                // The computer looks just before it goes down and just after it is up: what passes in between no clock may know.
                uptime += passed;
                really += passed;
                wall += i64::try_from(passed).unwrap() + jump;
                let now = at(wall, &boot.to_string(), uptime);
                let left = grant.remaining_millis(&now);
                prop_assert!(left <= 60_000u64.saturating_sub(really), "{left} left after {really}");
                grant.observe(&now);
                prop_assert!(grant.remaining_millis(&now) <= left);
                if reboot {
                    (boot, uptime) = (boot + 1, 0);
                    grant.observe(&at(wall, &boot.to_string(), uptime));
                }
            }
        }
    }
}
