//! Where enrolment leaves its files: all staged beside their place, then moved into it.
//!
//! INVARIANT: the computer is enrolled exactly when `broker/identity.json` exists. `broker` appears whole, by one rename, after
//! everything else is in place and on disk; a crash before that leaves a computer that is not enrolled and can be enrolled again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::config::Config;

use crate::user::AgentUser;

/// Why the files could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Already enrolled.
    #[error("this computer is enrolled already ({path} exists); to make it a new computer: brevetd enrol --replace --token-file FILE")]
    Enrolled {
        /// The identity.
        path: PathBuf,
    },
    /// Still in use.
    #[error("brevet-broker is running and uses the present enrolment; stop it first")]
    Running,
    /// Somebody else could change what the broker believes.
    #[error("{path} must belong to root and be writable by nobody else")]
    NotRoots {
        /// Which directory.
        path: PathBuf,
    },
    /// A step failed.
    #[error("cannot {step} {path}")]
    Step {
        /// Such as `write`.
        step: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn step(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    move |source| PlaceError::Step { step, path: path.to_owned(), source }
}

/// What is left on the computer.
pub struct Content {
    /// The broker's.
    pub journal_key: [u8; 32],
    /// `brevetd`'s.
    pub transport_key: [u8; 32],
    /// JSON of `Identity`.
    pub identity: Vec<u8>,
    /// JSON of the trust document's envelope.
    pub trust: Vec<u8>,
    /// JSON of `Server`.
    pub server: Vec<u8>,
}

/// Directories that are ready to be filled.
pub struct Staged {
    state: PathBuf,
    broker: PathBuf,
    agent: PathBuf,
    user: AgentUser,
}

impl Staged {
    /// Makes the staging directories; what an earlier, interrupted enrolment left of them is removed.
    ///
    /// # Errors
    /// When the computer is enrolled and shall stay so, or a directory cannot be made.
    pub fn begin(config: &Config, user: AgentUser, replace: bool) -> Result<Self, PlaceError> {
        let state = config.state_directory.clone();
        let broker = config.broker_directory();
        let identity = broker.join("identity.json");
        if identity.exists() {
            if !replace {
                return Err(PlaceError::Enrolled { path: identity });
            }
            if std::os::unix::net::UnixStream::connect(config.agent_socket()).is_ok() {
                return Err(PlaceError::Running);
            }
        }
        DirBuilder::new().recursive(true).mode(0o755).create(&state).map_err(step("make", &state))?;
        let facts = fs::symlink_metadata(&state).map_err(step("look at", &state))?;
        if !facts.is_dir() || facts.uid() != 0 || facts.mode() & 0o022 != 0 {
            return Err(PlaceError::NotRoots { path: state });
        }
        let staged = Self { broker, agent: config.agent_directory(), state, user };
        for directory in [staged.new_broker(), staged.new_agent()] {
            remove(&directory)?;
            make_directory(&directory)?;
        }
        make_directory(&staged.new_broker().join("documents"))?;
        Ok(staged)
    }

    /// Fills the staging directories and moves them into place. Gives where the earlier broker directory went, if there was one.
    ///
    /// # Errors
    /// With the step that failed.
    pub fn finish(self, content: &Content) -> Result<Option<PathBuf>, PlaceError> {
        let (broker, agent) = (self.new_broker(), self.new_agent());
        write(&broker.join("journal.key"), STANDARD.encode(content.journal_key).as_bytes())?;
        write(&broker.join("documents/trust.json"), &content.trust)?;
        write(&broker.join("identity.json"), &content.identity)?;
        for (name, bytes) in
            [("transport.key", STANDARD.encode(content.transport_key).into_bytes()), ("server.json", content.server.clone())]
        {
            let path = agent.join(name);
            write(&path, &bytes)?;
            chown(&path, Some(self.user.uid), Some(self.user.gid)).map_err(step("give away", &path))?;
        }
        chown(&agent, Some(self.user.uid), Some(self.user.gid)).map_err(step("give away", &agent))?;
        for directory in [broker.join("documents"), broker.clone(), agent.clone()] {
            sync_directory(&directory)?;
        }
        let kept = self.set_broker_aside()?;
        remove(&self.agent)?;
        fs::rename(&agent, &self.agent).map_err(step("move into place", &self.agent))?;
        sync_directory(&self.state)?;
        fs::rename(&broker, &self.broker).map_err(step("move into place", &self.broker))?;
        sync_directory(&self.state)?;
        Ok(kept)
    }

    /// From here until the end of `finish` the computer is not enrolled. Its journal is kept: it may hold what no server has yet.
    fn set_broker_aside(&self) -> Result<Option<PathBuf>, PlaceError> {
        // An absent or empty directory holds nothing; the rename later takes its place.
        if fs::read_dir(&self.broker).map_or(0, Iterator::count) == 0 {
            return Ok(None);
        }
        let free = (1..10_000).map(|n| self.state.join(format!("broker.replaced-{n}"))).find(|path| !path.exists());
        let kept = free.unwrap_or_else(|| self.state.join("broker.replaced"));
        fs::rename(&self.broker, &kept).map_err(step("set aside", &self.broker))?;
        sync_directory(&self.state)?;
        Ok(Some(kept))
    }

    fn new_broker(&self) -> PathBuf {
        self.state.join("broker.new")
    }

    fn new_agent(&self) -> PathBuf {
        self.state.join("agent.new")
    }
}

/// After a failure nothing of an unfinished enrolment stays, least of all keys.
impl Drop for Staged {
    fn drop(&mut self) {
        let _ = remove(&self.new_broker());
        let _ = remove(&self.new_agent());
    }
}

fn remove(directory: &Path) -> Result<(), PlaceError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(step("remove", directory)(error)),
        _ => Ok(()),
    }
}

/// Root's, 0700, whatever the umask.
fn make_directory(path: &Path) -> Result<(), PlaceError> {
    DirBuilder::new().mode(0o700).create(path).map_err(step("make", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(step("set the mode of", path))
}

/// A new file of root's, 0600, on disk when this returns.
fn write(path: &Path, bytes: &[u8]) -> Result<(), PlaceError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(step("make", path))?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(step("set the mode of", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(step("write", path))
}

fn sync_directory(path: &Path) -> Result<(), PlaceError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(step("sync", path))
}
