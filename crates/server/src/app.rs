//! What every handler shares: the store, the keys, the clock, and who is connected.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use brevet_core::document::PublicKey;
use brevet_core::id::{ComputerId, InstanceId};
use tokio::sync::watch;

use crate::agents::tokens::Nonces;
use crate::clock::{Clock, Hourly};
use crate::config::Config;
use crate::definitions::current::Kept;
use crate::http::limits::Limits;
use crate::keys::Keys;
use crate::notification::outbox::Outbox;
use crate::replicas::Replica;
use crate::store::Store;
use crate::tls::Authority;

/// The running server.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What it consists of.
pub struct Inner {
    /// The database.
    pub store: Store,
    /// The signing keys.
    pub keys: Keys,
    /// The clock.
    pub clock: Clock,
    /// The installation.
    pub instance: InstanceId,
    /// The key that computers pin.
    pub root: PublicKey,
    /// The public address, without a slash at the end.
    pub url: String,
    /// The certificate authority.
    pub authority: Authority,
    /// Times and intervals.
    pub config: Config,
    /// Policies and what they name, in memory.
    pub definitions: Kept,
    /// Streams of documents.
    pub hub: Hub,
    /// How often tokens and addresses called lately.
    pub limits: Limits,
    /// When old text is looked for again.
    pub redaction: Hourly,
    /// What was signed of the audit log.
    pub log: crate::audit::log::Kept,
    /// Nonces and tokens of computers.
    pub nonces: Nonces,
    /// This server among those that share the database.
    pub replica: Replica,
    /// What is to be told to people.
    pub outbox: Outbox,
    /// What is counted at the sign-in.
    pub sign_in: crate::sign_in::State,
    /// Room for pages that are kept up to date.
    pub live: Arc<crate::console::Live>,
    /// Becomes true when the server is to stop.
    pub stopping: watch::Sender<bool>,
}

impl App {
    /// Puts it together.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Open streams, each woken when its computer has new documents. Holds nothing that the database does not.
pub struct Hub {
    streams: Mutex<HashMap<ComputerId, Open>>,
    opened: AtomicU64,
    news: watch::Sender<u64>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { streams: Mutex::default(), opened: AtomicU64::new(0), news: watch::channel(0).0 }
    }
}

/// A computer's open streams. Only the newest goes on: an older one is a connection that the computer gave up, perhaps
/// without the server having heard of it.
struct Open {
    wake: watch::Sender<u64>,
    newest: u64,
    count: usize,
}

impl Hub {
    /// Has a computer's stream look for documents.
    pub fn wake(&self, computer: &ComputerId) {
        if let Some(open) = self.lock().get(computer) {
            open.wake.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    /// Has every stream look for documents.
    pub fn wake_all(&self) {
        for open in self.lock().values() {
            open.wake.send_modify(|n| *n = n.wrapping_add(1));
        }
    }

    /// There are new events, here or at another server.
    pub fn tell(&self) {
        self.news.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// How often that was told since this server started.
    #[must_use]
    pub fn told(&self) -> u64 {
        *self.news.borrow()
    }

    /// Changes when there are new events.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Computers with a stream open here.
    #[must_use]
    pub fn here(&self) -> Vec<ComputerId> {
        self.lock().keys().cloned().collect()
    }

    /// Whether a computer has a stream open here.
    #[must_use]
    pub fn connected(&self, computer: &ComputerId) -> bool {
        self.lock().contains_key(computer)
    }

    /// A new stream of this computer; it ends those before it.
    #[must_use]
    pub fn open(&self, app: &App, computer: &ComputerId) -> Listener {
        let mut streams = self.lock();
        let open = streams.entry(computer.clone()).or_insert_with(|| Open { wake: watch::channel(0).0, newest: 0, count: 0 });
        open.count += 1;
        open.newest = self.opened.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        open.wake.send_modify(|n| *n = n.wrapping_add(1));
        Listener { app: app.clone(), computer: computer.clone(), number: open.newest, woken: open.wake.subscribe() }
    }

    fn is_newest(&self, computer: &ComputerId, number: u64) -> bool {
        self.lock().get(computer).is_some_and(|open| open.newest == number)
    }

    fn close(&self, computer: &ComputerId) {
        let mut streams = self.lock();
        if let Some(open) = streams.get_mut(computer) {
            open.count = open.count.saturating_sub(1);
            if open.count == 0 {
                streams.remove(computer);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ComputerId, Open>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream; closing it is dropping it.
pub struct Listener {
    app: App,
    computer: ComputerId,
    number: u64,
    /// Changes when there is something to look for.
    pub woken: watch::Receiver<u64>,
}

impl Listener {
    /// Names this stream among those of all servers.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.app.replica.id, self.number)
    }

    /// Whether no newer stream took its place here.
    #[must_use]
    pub fn is_newest(&self) -> bool {
        self.app.hub.is_newest(&self.computer, self.number)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.app.hub.close(&self.computer);
        let (app, computer, stream) = (self.app.clone(), self.computer.clone(), self.name());
        let told = app.store.shared() && !*app.stopping.borrow();
        if let Some(runtime) = tokio::runtime::Handle::try_current().ok().filter(|_| told) {
            runtime.spawn(async move { crate::computers::presence::closed(&app, &computer, &stream).await });
        }
    }
}
