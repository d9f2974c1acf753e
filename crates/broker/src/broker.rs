//! The broker role's parts, shared by its threads.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brevet_api::config::Config;
use brevet_core::application::Fact;
use brevet_core::user::{Member, User};
use brevet_sys::poll::{self, Interest};

use crate::budget::Budgets;
use crate::elevate::Refusal;
use crate::facts::{Examiner, Viewer};
use crate::ledger::{Ledger, Members};
use crate::names::{self, Answer};
use crate::proof::Proofs;
use crate::shares::{Elsewhere, Part, Shares};
use crate::spec::Containment;
use crate::spec::NamedUser;
use crate::{launcher, random};

/// Refusals of one user that are recorded in a minute; the rest would only fill the disk.
const REFUSALS_A_MINUTE: u32 = 120;
/// Users whose refusals are recorded in a minute.
const MOST_REFUSED: usize = 1024;
/// What one user's commands that wait or run may take up in memory and in a snapshot of the state, in bytes: the longest command fits
/// with its grant.
const MOST_OPEN: u64 = 2 * (520 << 10);
/// The same of everybody's: a snapshot has room for what is over beside it, so that the journal can always be trimmed.
const MOST_OPEN_TOGETHER: u64 = 1_150_000;
/// What a user may have all the same, when others use that up.
const LITTLE_OPEN: u64 = 8 << 10;
/// Within which an end that was told is on record.
const RECORDED_MS: u64 = 2_000;
/// Within which the policies come that a manifest names: they follow it.
const FOLLOWS_MS: u64 = 3_000;

/// See the module.
pub struct Broker {
    /// As configured.
    pub config: Config,
    /// Below which sessions get their groups.
    pub cgroup: PathBuf,
    /// Starts roles.
    pub launcher: Arc<launcher::Client>,
    /// Answers about users and groups.
    pub names: names::Client,
    /// Finds facts out.
    pub examiner: Examiner,
    /// Who has proved what.
    pub proofs: Proofs,
    /// The present connection of `brevetd`, and which one it is.
    pub agent: Mutex<(u64, Option<UnixStream>)>,
    /// Set when the broker stops: nothing new begins.
    pub stopping: AtomicBool,
    /// How much of each user's doing may still be recorded.
    budgets: Budgets,
    /// What commands that are being started will take up.
    starting: Arc<Shares>,
    ledger: Mutex<Ledger>,
    refusals: Mutex<HashMap<u32, Refusals>>,
}

/// What was recorded of a user's refusals.
#[derive(Debug, Clone, Copy)]
struct Refusals {
    minute: u64,
    count: u32,
    short: bool,
}

/// How a refusal is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// As it is.
    Whole,
    /// That there was one, and why, without what was typed: too much of this user is on record.
    Short,
    /// Not at all: enough of them are.
    Not,
}

/// A caller whose name is known.
#[derive(Debug, Clone)]
pub struct Account {
    /// As NSS says.
    pub user: NamedUser,
    /// With groups.
    pub member: Member,
    /// What they could see for themselves.
    pub viewer: Viewer,
}

impl Broker {
    /// Puts the parts together.
    #[must_use]
    pub fn new(config: Config, cgroup: PathBuf, launcher: Arc<launcher::Client>, ledger: Ledger) -> Self {
        let names = names::Client::new(Arc::clone(&launcher), std::time::Duration::from_secs(2));
        Self {
            examiner: Examiner::new(&config.path),
            proofs: Proofs::new(&config.pam_service),
            config,
            cgroup,
            launcher,
            names,
            agent: Mutex::default(),
            stopping: AtomicBool::new(false),
            ledger: Mutex::new(ledger),
            budgets: Budgets::default(),
            starting: Shares::new(MOST_OPEN_TOGETHER, MOST_OPEN, LITTLE_OPEN),
            refusals: Mutex::default(),
        }
    }

    /// The ledger. After a panic under its lock nothing can be recorded any more, so nothing is started either.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(|poisoned| {
            let mut ledger = poisoned.into_inner();
            ledger.journal.stop();
            ledger
        })
    }

    /// Has supervisors wait for sessions such as what is in force lets run. To be called when nobody waits for the caller.
    pub fn keep_waiting(&self) {
        let pid_namespaces = self.ledger().documents.in_force().pid_namespaces;
        self.launcher.keep_waiting(if pid_namespaces { Containment::PidNamespace } else { Containment::Cgroup });
        for session in self.launcher.lost() {
            crate::sessions::sweep(self, &session);
        }
    }

    /// Whether the broker is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// A user by id, with groups.
    ///
    /// # Errors
    /// In words, when there is no such user or the directory does not say.
    pub fn account(&self, uid: u32) -> Result<Account, String> {
        let user = match self.names.user_by_uid(uid) {
            Answer::Known(user) if user.uid == uid => user,
            Answer::Known(_) => return Err(format!("the user directory gave another user for uid {uid}")),
            Answer::Absent => return Err(format!("uid {uid} has no account")),
            Answer::Unknown(reason) => return Err(format!("who uid {uid} is could not be found out: {reason}")),
        };
        let (groups, gids) = self.groups(&user);
        let member = Member { user: User { uid, name: user.name.clone() }, groups };
        Ok(Account { viewer: Viewer { uid, gids }, user, member })
    }

    fn groups(&self, user: &NamedUser) -> (Fact<Vec<String>>, Vec<u32>) {
        match self.names.groups_of(&user.name, user.gid) {
            Answer::Known(groups) => {
                let gids = groups.iter().map(|group| group.gid).collect();
                (Fact::Known(groups.into_iter().filter_map(|group| group.name).collect()), gids)
            }
            Answer::Absent => (Fact::Unknown("the user has gone".to_owned()), vec![user.gid]),
            Answer::Unknown(reason) => (Fact::Unknown(reason), vec![user.gid]),
        }
    }

    /// The name of a file's owner, or the number.
    #[must_use]
    pub fn owner(&self, uid: u32) -> Fact<String> {
        if uid == 0 {
            return Fact::Known("root".to_owned());
        }
        match self.names.user_by_uid(uid) {
            Answer::Known(user) => Fact::Known(user.name),
            Answer::Absent => Fact::Known(uid.to_string()),
            Answer::Unknown(reason) => Fact::Unknown(reason),
        }
    }

    /// Those who hold grants, with groups; whoever cannot be looked up is left out.
    #[must_use]
    pub fn members(&self) -> Members {
        let holders = self.ledger().holders();
        let look_up = |user: User| {
            let member = self.account(user.uid).ok()?.member;
            (member.user == user && matches!(member.groups, Fact::Known(_))).then_some((user.uid, member))
        };
        holders.into_iter().filter_map(look_up).collect()
    }

    /// How another refusal of this user is recorded, which would take up so many bytes.
    pub fn refusal(&self, uid: u32, bytes: u64) -> Recorded {
        let minute = brevet_sys::clock::boottime_ms() / 60_000;
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|_, refused| refused.minute == minute);
        if refusals.len() >= MOST_REFUSED && !refusals.contains_key(&uid) {
            return Recorded::Not;
        }
        let refused = refusals.entry(uid).or_insert(Refusals { minute, count: 0, short: false });
        refused.count = refused.count.saturating_add(1);
        if refused.count > REFUSALS_A_MINUTE {
            return Recorded::Not;
        }
        if self.spend(uid, bytes).is_ok() {
            return Recorded::Whole;
        }
        if std::mem::replace(&mut refused.short, true) { Recorded::Not } else { Recorded::Short }
    }

    /// Room for a command that is about to wait or run, until it is on record.
    ///
    /// # Errors
    /// The refusal to tell, where a user's commands take up too much already.
    pub fn room(&self, uid: u32, bytes: u64) -> Result<Part, Refusal> {
        let look = || {
            // Under the lock, so that no start moves from what begins to what runs in between.
            let ledger = self.ledger();
            self.room_beside(uid, bytes, ledger.state.weights(uid))
        };
        if let Ok(part) = look() {
            return Ok(part);
        }
        // WHY: a client is told of an end before that is on record, and a script asks for the next at once.
        self.wait_until(RECORDED_MS, look)
    }

    /// Waits, a moment at most, until the policies have come that the newest manifest names: while one is missing nothing is allowed, and
    /// a change of policies is no reason to refuse what they allow.
    ///
    /// # Errors
    /// When the kernel gives no pipe. That a policy still is missing is for the decision.
    pub fn let_policies_come(&self) -> Result<(), Refusal> {
        let incomplete = || self.ledger().documents.in_force().is_incomplete();
        if !incomplete() {
            return Ok(());
        }
        let look = || if incomplete() { Err(Refusal::new("unreadable_policy", "")) } else { Ok(()) };
        match self.wait_until(FOLLOWS_MS, look) {
            Err(refusal) if refusal.code == "system" => Err(refusal),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Looks again with each change of the ledger, until it is well or the time is up.
    fn wait_until<T>(&self, millis: u64, look: impl Fn() -> Result<T, Refusal>) -> Result<T, Refusal> {
        let changed = self.ledger().watch()?;
        let until = brevet_sys::clock::boottime_ms().saturating_add(millis);
        loop {
            changed.clear();
            let found = look();
            let left = until.saturating_sub(brevet_sys::clock::boottime_ms());
            if found.is_ok() || left == 0 {
                return found;
            }
            poll::wait(&[(changed.reader.as_fd(), Interest::READ)], Some(left))
                .map_err(|error| Refusal::new("system", crate::chain(&error)))?;
        }
    }

    /// As `room`, where what they have is known already.
    ///
    /// # Errors
    /// As `room`.
    pub fn room_beside(&self, uid: u32, bytes: u64, already: Elsewhere) -> Result<Part, Refusal> {
        self.starting.take(uid, bytes, already).ok_or_else(|| {
            let (why, hint) = if already.theirs.saturating_add(bytes) <= MOST_OPEN {
                ("commands of others that wait or run leave no room for arguments as long as these", "wait until some have ended")
            } else {
                let why = "commands of yours that wait or run have too many or too long arguments together";
                (why, "wait until one has ended, or end one: brevet grants, brevet requests")
            };
            Refusal::new("busy", why).hint(hint)
        })
    }

    /// Takes from what may be recorded of a user.
    ///
    /// # Errors
    /// The refusal to tell, where that is used up.
    pub fn spend(&self, uid: u32, bytes: u64) -> Result<(), Refusal> {
        self.budgets.spend(uid, bytes, brevet_sys::clock::boottime_ms()).map_err(|wait| {
            let seconds = wait.div_ceil(1000);
            let reason = format!("too much of what you did lately had to be recorded: wait {seconds} s");
            Refusal::new("busy", reason).hint("long arguments take up most; programs can read them from a file")
        })
    }
}

/// A new id's parts: the moment and random bytes.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn id_parts(wall: brevet_core::time::Timestamp) -> Result<(i64, [u8; 10]), random::RandomError> {
    Ok((wall.millis(), random::bytes()?))
}
