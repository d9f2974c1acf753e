//! The threads that accept users' connections. Each serves what it accepts, so that a connection is not handed over first;
//! somebody is always left to accept.

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brevet_sys::poll;

use crate::broker::Broker;
use crate::socket::{self, Counted};

/// Threads that stay to accept when nothing is to be served.
const READY: usize = 4;
const STACK: usize = 1 << 20;
/// How long to wait for a descriptor to come free.
const OUT_OF_DESCRIPTORS_MS: u64 = 100;

/// What they share.
struct Acceptors {
    broker: Arc<Broker>,
    counted: Arc<Counted>,
    listener: UnixListener,
    /// How many wait in `accept`, or are about to.
    ready: AtomicUsize,
}

/// Accepts from now on, until the process ends.
///
/// # Errors
/// When not even one thread can be made.
pub fn start(broker: &Arc<Broker>, listener: UnixListener) -> io::Result<()> {
    let counted = Arc::new(Counted::default());
    let acceptors = Arc::new(Acceptors { broker: Arc::clone(broker), counted, listener, ready: AtomicUsize::new(0) });
    (0..READY).try_for_each(|_| acceptors.one_more())
}

impl Acceptors {
    fn one_more(self: &Arc<Self>) -> io::Result<()> {
        let shared = Arc::clone(self);
        // Counted before it runs, so that nobody makes another meanwhile.
        self.ready.fetch_add(1, Ordering::AcqRel);
        let made = std::thread::Builder::new().name("client".to_owned()).stack_size(STACK).spawn(move || shared.accept());
        if made.is_err() {
            self.ready.fetch_sub(1, Ordering::AcqRel);
        }
        made.map(drop)
    }

    fn accept(self: &Arc<Self>) {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => continue,
                // Wait instead of spinning.
                Err(_) => {
                    drop(poll::wait(&[], Some(OUT_OF_DESCRIPTORS_MS)));
                    continue;
                }
            };
            // INVARIANT: whoever begins to serve leaves somebody to accept.
            if self.ready.fetch_sub(1, Ordering::AcqRel) <= 1
                && let Err(error) = self.one_more()
            {
                crate::say("broker", &format!("no thread for a client: {error}"));
                self.ready.fetch_add(1, Ordering::AcqRel);
                socket::busy(&stream);
                continue;
            }
            socket::serve_client(&self.broker, &self.counted, stream);
            if self.ready.fetch_add(1, Ordering::AcqRel) >= READY {
                self.ready.fetch_sub(1, Ordering::AcqRel);
                return;
            }
        }
    }
}
