//! The broker role's life: everything in its order, then serving until it is told to stop.
//!
//! What needs rights that the confined broker lacks (the launcher) comes first; nothing is served before the journal was
//! verified and running sessions were taken up; the filter is on before the first byte of a client is read.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::config::{Config, ConfigError, DEFAULT_PATH, Identity};
use brevet_core::application::Fact;
use brevet_core::document::Key;
use brevet_core::id::SessionId;
use brevet_core::journal::Chain;
use brevet_core::record::{Body, BrokerStarted, JournalRepaired};
use brevet_core::time::Timestamp;
use brevet_sys::poll::{self, Interest};
use brevet_sys::{cgroup, clock, memory, process, seccomp, signal};
use zeroize::Zeroizing;

use crate::acceptors;
use crate::broker::Broker;
use crate::clock::{Clock, Reading};
use crate::documents::{Documents, StoreError};
use crate::facts::{self, Viewer};
use crate::journal::{Journal, JournalError, Opened};
use crate::ledger::{EffectError, Ledger, Members};
use crate::names::Answer;
use crate::socket::{SocketError, Sockets, take_agent};
use crate::state::State;
use crate::supervisor::client::Session;
use crate::{launcher, sessions};

/// Why the broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Not root.
    #[error("the broker must run as root")]
    NotRoot,
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Somebody else could change what the broker relies on.
    #[error("{path} must be root's alone: {reason}")]
    NotRootsAlone {
        /// Which file.
        path: PathBuf,
        /// Who else.
        reason: String,
    },
    /// Never enrolled.
    #[error("this computer is not enrolled: run brevetd enrol --token-file FILE as root first ({0} is missing)")]
    NotEnrolled(PathBuf),
    /// A file of the broker's.
    #[error("cannot {doing} {path}")]
    File {
        /// The step.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What enrolment left cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another broker has the state.
    #[error("another broker runs with the state in {0}")]
    Running(PathBuf),
    /// A step of the system's.
    #[error(transparent)]
    System(#[from] brevet_sys::Error),
    /// No launcher.
    #[error("cannot start the launcher")]
    Launcher(#[from] launcher::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Records are missing at its end.
    #[error(
        "the journal ends with record {seq}, but the server has acknowledged {acknowledged}: something was removed; keep a copy of the directory for inspection, then enrol this computer anew"
    )]
    Shortened {
        /// The last record.
        seq: u64,
        /// What the server holds.
        acknowledged: u64,
    },
    /// Documents.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sockets.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Starts, serves, and stops.
///
/// # Errors
/// When the broker cannot start; once it serves, only when the system fails it.
pub fn run(config_path: Option<&Path>) -> Result<(), ServeError> {
    if process::effective_uid() != 0 {
        return Err(ServeError::NotRoot);
    }
    process::forbid_dumping()?;
    process::set_umask(0o077);
    let config = load_config(config_path)?;
    let state_directory = config.broker_directory();
    let identity = read_identity(&state_directory)?;
    let _lock = lock(&state_directory)?;
    let cgroup = find_cgroup(&config)?;
    let ahead = launcher::Ahead { service: &config.pam_service, sessions: &state_directory.join("sessions"), groups: &cgroup };
    let launcher = Arc::new(launcher::Client::start(Path::new("/proc/self/exe"), Some(ahead))?);
    // After the launcher has begun, so that no session inherits it.
    process::raise_descriptor_limit()?;
    let (ledger, repaired, rebooted) = open_ledger(&state_directory, &identity)?;
    let broker = Arc::new(Broker::new(config, cgroup, launcher, ledger));
    let taken = sessions::take_up(&broker);
    record_start(&broker, &taken, &repaired, rebooted)?;
    let agent = agent_uid(&broker);
    let sockets = Sockets::bind(&broker.config, agent)?;
    let signals = signal::SignalFd::new(&[signal::TERMINATE, signal::INTERRUPT])?;
    seccomp::confine_to_unix_sockets()?;
    start_threads(&broker, taken);
    broker.keep_waiting();
    let served = serve(&broker, sockets, agent, &signals);
    broker.ledger().journal.close();
    served
}

fn load_config(path: Option<&Path>) -> Result<Config, ServeError> {
    let file = path.unwrap_or(Path::new(DEFAULT_PATH));
    if path.is_some() || file.exists() {
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        roots_alone(&absolute)?;
    }
    Ok(Config::load(path)?)
}

fn roots_alone(path: &Path) -> Result<(), ServeError> {
    let wrong = |reason: String| ServeError::NotRootsAlone { path: path.to_owned(), reason };
    match facts::chain_of(path, &Viewer::default()) {
        Ok((Fact::Known(true), _)) => Ok(()),
        Ok((_, who)) => Err(wrong(who.unwrap_or_else(|| "it is not known who else could change it".to_owned()))),
        Err(error) => Err(wrong(error)),
    }
}

fn read_identity(directory: &Path) -> Result<Identity, ServeError> {
    let path = directory.join("identity.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ServeError::NotEnrolled(path)),
        Err(source) => return Err(ServeError::File { doing: "read", path, source }),
    };
    roots_alone(&path)?;
    serde_json::from_str(&text).map_err(|error| ServeError::Content { path, reason: error.to_string() })
}

fn read_key(directory: &Path) -> Result<Key, ServeError> {
    let path = directory.join("journal.key");
    roots_alone(&path)?;
    let text = fs::read_to_string(&path).map_err(|source| ServeError::File { doing: "read", path: path.clone(), source })?;
    let text = Zeroizing::new(text);
    let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new).ok();
    let seed = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(Zeroizing::new);
    let seed = seed.ok_or_else(|| ServeError::Content { path, reason: "expected base64 of 32 bytes".to_owned() })?;
    Ok(Key::from_seed(&seed))
}

/// Held as long as the broker lives.
fn lock(directory: &Path) -> Result<File, ServeError> {
    let path = directory.join("lock");
    let failed = |source| ServeError::File { doing: "lock", path: path.clone(), source };
    fs::set_permissions(directory, Permissions::from_mode(0o700)).map_err(failed)?;
    let sessions = directory.join("sessions");
    fs::create_dir_all(&sessions).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::Running(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn find_cgroup(config: &Config) -> Result<PathBuf, ServeError> {
    let path = cgroup::own()?.join(&config.cgroup);
    match fs::create_dir(&path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(ServeError::File { doing: "make the group", path, source }),
        _ => Ok(path),
    }
}

fn open_ledger(directory: &Path, identity: &Identity) -> Result<(Ledger, Opened, bool), ServeError> {
    let boot = clock::boot_id()?;
    let reading = Reading::take();
    let documents = Documents::open(&directory.join("documents"), identity.clone(), reading.boot)?;
    let mut state = State::default();
    let start = Chain::new(identity.computer.clone(), identity.incarnation.clone());
    let (journal, opened) = Journal::open(&directory.join("journal"), start, read_key(directory)?, &mut |header, body| match body {
        Some(body) => state.apply(header, body),
        None => state.seen(header),
    })?;
    if let Some(reason) = state.unreadable.take() {
        return Err(ServeError::Content { path: directory.join("journal"), reason });
    }
    let (seq, acknowledged) = (journal.chain().seq, documents.position.acknowledged);
    if seq < acknowledged {
        return Err(ServeError::Shortened { seq, acknowledged });
    }
    let rebooted = state.last.as_ref().is_some_and(|last| last.boot.boot != boot);
    let marks = [state.last.as_ref().map(|last| last.wall), documents.position.mark, documents.position.last_heartbeat];
    let mark = marks.into_iter().flatten().max().unwrap_or(Timestamp::from_millis(0));
    Ok((Ledger::new(journal, state, documents, Clock::new(boot, mark, reading)), opened, rebooted))
}

fn record_start(broker: &Broker, taken: &[(SessionId, Arc<Session>)], opened: &Opened, rebooted: bool) -> Result<(), ServeError> {
    let mut bodies = Vec::new();
    if let Some(bytes) = opened.torn_bytes {
        bodies.push(Body::JournalRepaired(JournalRepaired { bytes }));
    }
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    bodies.push(Body::BrokerStarted(BrokerStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel,
        rebooted,
        sessions: taken.iter().map(|(id, _)| id.clone()).collect(),
    }));
    let members = broker.members();
    let mut ledger = broker.ledger();
    ledger.commit(&bodies)?;
    ledger.note_facts()?;
    let now = ledger.now();
    ledger.documents_changed(&members, &now)?;
    Ok(())
}

fn agent_uid(broker: &Broker) -> Option<u32> {
    match broker.names.user_by_name(&broker.config.agent_user) {
        Answer::Known(user) => Some(user.uid),
        Answer::Absent | Answer::Unknown(_) => {
            let name = &broker.config.agent_user;
            crate::say("broker", &format!("there is no user \"{name}\": only root can use brevetd's socket"));
            None
        }
    }
}

fn start_threads(broker: &Arc<Broker>, taken: Vec<(SessionId, Arc<Session>)>) {
    for (id, session) in taken {
        let broker = Arc::clone(broker);
        std::thread::spawn(move || sessions::watch(&broker, &id, &session));
    }
    let broker = Arc::clone(broker);
    std::thread::spawn(move || upkeep(&broker));
}

/// What time does by itself, until the broker stops.
fn upkeep(broker: &Broker) {
    let Ok(changed) = broker.ledger().watch() else { return };
    let set = clock::Changes::new();
    if let Err(error) = &set {
        crate::say("broker", &format!("a change of the wall clock is noticed up to a minute late: {}", crate::chain(error)));
    }
    while !broker.is_stopping() {
        changed.clear();
        if let Ok(set) = &set {
            set.clear();
        }
        let wait = due(broker).unwrap_or_else(|error| {
            crate::say("broker", &format!("upkeep failed: {}", crate::chain(&error)));
            5_000
        });
        if broker.ledger().takes_release() {
            memory::release_freed();
        }
        let wait = [broker.examiner.rest(), broker.launcher.rest()].into_iter().flatten().fold(wait, u64::min);
        let set = set.as_ref().ok().map(|set| (set.as_fd(), Interest::READ));
        let descriptors: Vec<_> = std::iter::once((changed.reader.as_fd(), Interest::READ)).chain(set).collect();
        if poll::wait(&descriptors, Some(wait.saturating_add(1))).is_err() {
            return;
        }
    }
}

/// Does what is due; answers the milliseconds until something is again.
fn due(broker: &Broker) -> Result<u64, EffectError> {
    let wait = broker.ledger().upkeep()?;
    if next_look(broker) > 0 {
        return Ok(wait);
    }
    // A deny begins now. What it matches whoever is in which group ends at once; the rest when a directory has answered, which may hang.
    let revoke = |members: &Members| {
        let mut ledger = broker.ledger();
        let now = ledger.now();
        ledger.revoke_uncovered(members, &now)
    };
    revoke(&Members::new())?;
    revoke(&broker.members())?;
    Ok(0)
}

fn next_look(broker: &Broker) -> u64 {
    let mut ledger = broker.ledger();
    let now = ledger.now();
    ledger.next_look(&now)
}

/// Until the broker is told to stop, or its launcher is gone. Users are served by threads of their own.
fn serve(broker: &Arc<Broker>, sockets: Sockets, agent: Option<u32>, signals: &signal::SignalFd) -> Result<(), ServeError> {
    let listening = |source| ServeError::File { doing: "listen on", path: broker.config.runtime_directory.clone(), source };
    sockets.agent.set_nonblocking(true).map_err(listening)?;
    acceptors::start(broker, sockets.broker).map_err(listening)?;
    crate::say_plain("brevet-broker: ready");
    loop {
        let descriptors =
            [(signals.as_fd(), Interest::READ), (broker.launcher.pidfd(), Interest::READ), (sockets.agent.as_fd(), Interest::READ)];
        let ready = poll::wait(&descriptors, None)?;
        let is = |index: usize| ready.get(index).is_some_and(|ready| ready.readable());
        if is(0) && signals.next().is_some() {
            broker.stopping.store(true, Ordering::Release);
            broker.ledger().wake();
            return Ok(());
        }
        if is(1) {
            // Without its launcher the broker can start nothing; whoever started the broker starts both anew. Sessions go on.
            return Err(launcher::Error::Gone.into());
        }
        if is(2) {
            match sockets.agent.accept() {
                Ok((stream, _)) if stream.set_nonblocking(false).is_ok() => take_agent(broker, agent, stream),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Out of descriptors: wait for one to come free instead of spinning.
                Err(_) => drop(poll::wait(&[(signals.as_fd(), Interest::READ)], Some(100))),
            }
        }
    }
}

/// The role's whole life.
#[must_use]
pub fn main(config_path: Option<&Path>) -> std::process::ExitCode {
    match run(config_path) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            crate::say_plain(&format!("brevet-broker: {}", brevet_core::escape::terminal(crate::chain(&error).as_bytes())));
            std::process::ExitCode::FAILURE
        }
    }
}
