//! The session modules of the PAM service: loaded while the supervisor waits, opened for its session, closed at its end.
//!
//! It authenticates nobody and asks nobody anything. What was loaded ahead is not used once anything of PAM's
//! configuration or modules changed.

use brevet_sys::pam::{self, Item, PamError, Prompt, Transaction};
use brevet_sys::watch::Watch;
use std::path::Path;

/// Where PAM's configuration and, on the systems that we know, its modules are.
const WATCHED: [&str; 7] = [
    "/etc/pam.d",
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
        let watched: Vec<&Path> = WATCHED.iter().map(Path::new).filter(|path| path.is_dir()).collect();
        let configured = watched.first() == WATCHED.first().map(Path::new).as_ref();
        // Watched first, so that a change while it is loaded counts.
        let watch = configured.then(|| Watch::new(&watched).ok()).flatten()?;
        Some(Self { service: service.to_owned(), transaction: begin(service).ok()?, watch })
    }

    /// Whether it is as it was loaded.
    pub(super) fn holds(&self) -> bool {
        !self.watch.changed()
    }

    fn of(self, service: &str) -> Option<PamSession> {
        let holds = self.service == service && self.holds();
        holds.then_some(PamSession { transaction: self.transaction, _watch: Some(self.watch) })
    }
}

/// A transaction, about nobody yet or with its session open.
#[derive(Debug)]
pub(super) struct PamSession {
    transaction: Transaction<'static>,
    /// WHY kept: closing a watch waits for the kernel, some milliseconds, which a start has not.
    _watch: Option<Watch>,
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
            None => Self { transaction: begin(service)?, _watch: None },
        };
        session.transaction.set(Item::User, target.as_bytes())?;
        session.transaction.set(Item::RequestingUser, requester.as_bytes())?;
        session.transaction.open_session()?;
        Ok(session)
    }

    /// Closes it, and this process is about to end.
    ///
    /// # Errors
    /// PAM's answer.
    pub(super) fn close(&mut self) -> Result<(), PamError> {
        let closed = self.transaction.close_session();
        pam::keep_modules();
        closed
    }
}
