//! The session modules of the PAM service: loaded while the supervisor waits, opened for its session, closed at its end.
//!
//! It authenticates nobody and asks nobody anything. What was loaded ahead is not used once anything of PAM's
//! configuration or modules changed.

use brevet_sys::pam::{self, Item, PamError, Prompt, Transaction};
use brevet_sys::watch::Watch;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const CONFIGURATION: &str = "/etc/pam.d";

/// Where PAM's configuration and, on the systems that we know, its modules are.
const WATCHED: [&str; 7] = [
    CONFIGURATION,
    "/etc/security",
    "/usr/lib/pam.d",
    "/usr/lib/security",
    "/usr/lib64/security",
    "/usr/lib/x86_64-linux-gnu/security",
    "/usr/lib/aarch64-linux-gnu/security",
];

/// A service's configuration and modules, loaded ahead.
#[derive(Debug)]
pub(super) struct Loaded {
    service: String,
    transaction: Transaction<'static>,
    watch: Watch,
}

impl Loaded {
    /// Reads a service's configuration and loads its modules; none where that fails (the session tries again, and tells) or
    /// changes could not be noticed.
    pub(super) fn load(service: &str) -> Option<Self> {
        let watched: Vec<PathBuf> = WATCHED.iter().map(PathBuf::from).filter(|path| path.is_dir()).collect();
        let configured = watched.first()?.as_path() == Path::new(CONFIGURATION);
        let elsewhere = elsewhere(Path::new(CONFIGURATION));
        let all: Vec<&Path> = watched.iter().chain(&elsewhere).map(PathBuf::as_path).collect();
        // Watched first, so that a change while it is loaded counts.
        let watch = configured.then(|| Watch::new(&all).ok()).flatten()?;
        Some(Self { service: service.to_owned(), transaction: begin(service).ok()?, watch })
    }

    /// Whether it is as it was loaded.
    pub(super) fn holds(&self) -> bool {
        !self.watch.changed()
    }

    fn of(self, service: &str) -> Option<PamSession> {
        let holds = self.service == service && self.holds();
        holds.then_some(PamSession { transaction: self.transaction, watch: Some(self.watch) })
    }
}

/// A transaction, about nobody yet or with its session open.
#[derive(Debug)]
pub(super) struct PamSession {
    transaction: Transaction<'static>,
    /// WHY kept: closing a watch waits for the kernel, some milliseconds, which a start has not.
    watch: Option<Watch>,
}

/// Folders of files to which links in a folder lead, as `authselect` makes them.
fn elsewhere(folder: &Path) -> BTreeSet<PathBuf> {
    let links =
        std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.filter_map(|link| Some(link.path().canonicalize().ok()?.parent()?.to_owned())).collect()
}

fn begin(service: &str) -> Result<Transaction<'static>, PamError> {
    // Session modules may speak, but nobody answers here.
    let silent = Box::new(|prompt, _: &[u8]| matches!(prompt, Prompt::Info | Prompt::Error).then(Default::default));
    Transaction::start(service, None, silent)
}

impl PamSession {
    /// Opens the session of `target`, asked for by `requester`, with what was loaded ahead if that still holds.
    ///
    /// # Errors
    /// PAM's answer.
    pub(super) fn open(ahead: Option<Loaded>, service: &str, target: &str, requester: &str) -> Result<Self, PamError> {
        let mut session = match ahead.and_then(|ahead| ahead.of(service)) {
            Some(ahead) => ahead,
            None => Self { transaction: begin(service)?, watch: None },
        };
        session.transaction.set(Item::User, target.as_bytes())?;
        session.transaction.set(Item::RequestingUser, requester.as_bytes())?;
        session.transaction.open_session()?;
        Ok(session)
    }

    /// Lets go of what was for the start alone: a user has only so many watches.
    pub(super) fn settle(&mut self) {
        self.watch = None;
    }

    /// Closes it. Only for a process that ends next: nothing is unloaded any more.
    ///
    /// # Errors
    /// PAM's answer.
    pub(super) fn close(&mut self) -> Result<(), PamError> {
        let closed = self.transaction.close_session();
        pam::keep_modules();
        closed
    }
}
