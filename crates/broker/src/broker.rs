//! The broker role's parts, shared by its threads.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brevet_api::config::Config;
use brevet_core::application::Fact;
use brevet_core::user::{Member, User};

use crate::facts::{Examiner, Viewer};
use crate::ledger::{Ledger, Members};
use crate::names::{self, Answer};
use crate::proof::Proofs;
use crate::spec::NamedUser;
use crate::{launcher, random};

/// Refusals of one user that are recorded in a minute; the rest would only fill the disk.
const REFUSALS_A_MINUTE: u32 = 120;

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
    ledger: Mutex<Ledger>,
    refusals: Mutex<HashMap<u32, (u64, u32)>>,
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

    /// Whether another refusal of this user is recorded.
    pub fn may_record_refusal(&self, uid: u32) -> bool {
        let minute = brevet_sys::clock::boottime_ms() / 60_000;
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|_, (at, _)| *at == minute);
        let (_, count) = refusals.entry(uid).or_insert((minute, 0));
        *count = count.saturating_add(1);
        *count <= REFUSALS_A_MINUTE
    }
}

/// A new id's parts: the moment and random bytes.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn id_parts(wall: brevet_core::time::Timestamp) -> Result<(i64, [u8; 10]), random::RandomError> {
    Ok((wall.millis(), random::bytes()?))
}
