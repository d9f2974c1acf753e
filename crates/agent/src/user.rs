//! Who `brevetd` runs as. It must never do its work as root.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use brevet_api::config::Config;

/// Why the agent's user is not one that can be used.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// NSS did not answer.
    #[error("cannot look up the agent's user '{name}'")]
    LookUp {
        /// As configured.
        name: String,
        /// Why.
        #[source]
        source: brevet_sys::nss::LookupError,
    },
    /// There is none of that name.
    #[error("the agent's user '{name}' does not exist; make it with: useradd --system --no-create-home --shell /usr/sbin/nologin {name}")]
    Absent {
        /// As configured.
        name: String,
    },
    /// Root is not acceptable.
    #[error("the agent's user '{name}' has uid 0; brevetd does not run as root: set another agent_user in the configuration")]
    Root {
        /// As configured.
        name: String,
    },
    /// Started by somebody else.
    #[error(
        "brevetd runs as '{name}' (uid {wanted}), not as uid {found}; start it as that user, or as root, from where it changes to that user"
    )]
    Other {
        /// As configured.
        name: String,
        /// Its uid.
        wanted: u32,
        /// Ours.
        found: u32,
    },
    /// Executing ourselves again failed.
    #[error("cannot change to the user '{name}'")]
    Change {
        /// As configured.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The agent's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentUser {
    /// Never 0.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
}

/// The user that the configuration names.
///
/// # Errors
/// When there is none, or it is root.
pub fn agent_user(config: &Config) -> Result<AgentUser, UserError> {
    let name = config.agent_user.clone();
    match brevet_sys::nss::user_by_name(name.as_bytes()) {
        Err(source) => Err(UserError::LookUp { name, source }),
        Ok(None) => Err(UserError::Absent { name }),
        Ok(Some(user)) if user.uid == 0 => Err(UserError::Root { name }),
        Ok(Some(user)) => Ok(AgentUser { uid: user.uid, gid: user.gid }),
    }
}

/// Makes sure that this process is the agent's user: as root it executes itself again as that user, without supplementary groups.
///
/// `arguments` are those of the new process; paths in them must be absolute, since its working directory is the root.
///
/// # Errors
/// When the user cannot be used, or we are neither it nor root.
pub fn become_agent_user(config: &Config, arguments: &[OsString]) -> Result<(), UserError> {
    let user = agent_user(config)?;
    let found = brevet_sys::process::effective_uid();
    let name = config.agent_user.clone();
    if found == user.uid {
        return Ok(());
    }
    if found != 0 {
        return Err(UserError::Other { name, wanted: user.uid, found });
    }
    // `uid` without `groups` also empties the supplementary groups; groups, gid and uid are set in this order and checked.
    let source = Command::new("/proc/self/exe").arg0("brevetd").args(arguments).current_dir("/").gid(user.gid).uid(user.uid).exec();
    Err(UserError::Change { name, source })
}
