//! A `brevetd` whose server is the test: it sends what the test says and keeps the journal as a server would.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use brevet_api::frame::{self, MAX_LINK};
use brevet_api::link::{Down, State, Up};
use brevet_core::document::{Acknowledgement, Content, Envelope, SCHEMA, seal};
use brevet_core::id::PolicyId;
use brevet_core::journal::{Chain, Header};
use brevet_core::record::Body;
use brevet_core::request::Request;

use crate::computer::{Computer, PATIENCE, now};

#[derive(Default)]
struct Kept {
    records: Vec<(Header, Body)>,
    states: Vec<State>,
}

pub struct Agent<'a> {
    computer: &'a Computer,
    stream: UnixStream,
    kept: Arc<Mutex<Kept>>,
}

impl<'a> Agent<'a> {
    /// Connects and says hello; the journal is read from its beginning, every batch verified and acknowledged.
    pub fn connect(computer: &'a Computer) -> Self {
        let mut chain = Chain::new(computer.identity.computer.clone(), computer.identity.incarnation.clone());
        let stream = UnixStream::connect(computer.agent_socket()).unwrap();
        let kept = Arc::new(Mutex::new(Kept::default()));
        let reader = stream.try_clone().unwrap();
        let (journal_key, issuer) = (computer.journal_key.public(), brevet_core::document::Key::from_seed(&computer.issuer.seed()));
        let keeping = Arc::clone(&kept);
        std::thread::spawn(move || {
            let (mut from, mut to) = (&reader, &reader);
            while let Ok(up) = frame::read_control::<Up>(&mut from, MAX_LINK) {
                match up {
                    // What the server makes of them is seen end to end.
                    Up::Processes(_) => {}
                    Up::State(state) => keeping.lock().unwrap().states.push(state),
                    Up::Journal(batch) if batch.records[0].parse_header().unwrap().seq > chain.seq + 1 => {
                        // As a server that was restored: it lacks what came before.
                        let rewind = Down::Rewind { incarnation: chain.incarnation.clone(), seq: chain.seq };
                        drop(frame::write_control(&mut to, &rewind));
                    }
                    Up::Journal(batch) => {
                        for record in &batch.records {
                            // After a new connection a batch may come once more.
                            if record.parse_header().unwrap().seq <= chain.seq {
                                continue;
                            }
                            let header = chain.follow(record).unwrap();
                            let body = Body::parse(&header.kind, record.body.as_ref().unwrap()).unwrap().unwrap();
                            keeping.lock().unwrap().records.push((header, body));
                        }
                        assert!(batch.head.verifies(&journal_key) && batch.head.chain == chain);
                        let acknowledgement = Acknowledgement {
                            schema: SCHEMA,
                            computer: chain.computer.clone(),
                            incarnation: chain.incarnation.clone(),
                            seq: chain.seq,
                            head: chain.head,
                            time: now(),
                        };
                        let envelope = seal(&acknowledgement, &[&issuer]).unwrap();
                        drop(frame::write_control(&mut to, &Down::Document(envelope)));
                    }
                }
            }
        });
        let agent = Self { computer, stream, kept };
        agent.down(&Down::Hello { version: "test".into() });
        agent.wait_state("the first state", |_| true);
        agent
    }

    pub fn down(&self, down: &Down) {
        let mut stream = &self.stream;
        frame::write_control(&mut stream, down).unwrap();
    }

    pub fn send(&self, envelope: &Envelope) {
        self.down(&Down::Document(envelope.clone()));
    }

    /// Signs with the issuer key and sends.
    pub fn issue<C: Content>(&self, content: &C) {
        self.send(&seal(content, &[&self.computer.issuer]).unwrap());
    }

    /// Policies with these ids are in force, with a fresh heartbeat, when this returns.
    pub fn enforce(&self, policies: &[(PolicyId, Envelope)]) {
        let settings = self.computer.settings(false);
        self.send(&settings);
        for (_, envelope) in policies {
            self.send(envelope);
        }
        let named: Vec<_> = policies.iter().map(|(id, envelope)| (id.clone(), envelope)).collect();
        let manifest = self.computer.manifest(&named, &[], &settings);
        let seq = manifest.seq;
        self.issue(&manifest);
        self.send(&self.computer.heartbeat(None));
        // One state for the manifest and one for the heartbeat: whoever goes away now has left nothing unread.
        self.wait("the manifest and the heartbeat", |kept| {
            let after = |state: &&State| state.seq >= seq && state.missing.is_empty();
            (kept.states.iter().filter(after).count() >= 2).then_some(())
        });
    }

    pub fn wait_state(&self, what: &str, wanted: impl Fn(&State) -> bool) -> State {
        self.wait(what, |kept| kept.states.iter().rev().find(|state| wanted(state)).cloned())
    }

    /// As `wait_state`, for what takes a while.
    pub fn wait_long_for_state(&self, what: &str, wanted: impl Fn(&State) -> bool) {
        self.wait_until(Instant::now() + 8 * PATIENCE, what, |kept| kept.states.iter().rev().any(&wanted).then_some(()));
    }

    /// The first record for which `wanted` gives something.
    pub fn wait_record<T>(&self, what: &str, wanted: impl Fn(&Body) -> Option<T>) -> T {
        self.wait(what, |kept| kept.records.iter().find_map(|(_, body)| wanted(body)))
    }

    pub fn wait_request(&self) -> Request {
        self.wait_record("request.created", |body| match body {
            Body::RequestCreated(request) => Some((**request).clone()),
            _ => None,
        })
    }

    /// The request for this command.
    pub fn wait_request_of(&self, command: &str) -> Request {
        self.wait_record("request.created", |body| match body {
            Body::RequestCreated(request) if request.command.arguments[0].as_str() == Some(command) => Some((**request).clone()),
            _ => None,
        })
    }

    /// How many records are of this sort.
    #[cfg(feature = "fault-points")]
    pub fn count(&self, wanted: impl Fn(&Body) -> bool) -> usize {
        self.kept.lock().unwrap().records.iter().filter(|(_, body)| wanted(body)).count()
    }

    pub fn wait_refused_document(&self, code: &str) {
        self.wait_record(&format!("document.refused {code}"), |body| match body {
            Body::DocumentRefused(refused) if refused.code == code => Some(()),
            _ => None,
        });
    }

    pub fn wait_kind(&self, kind: &str) {
        self.wait_record(kind, |body| (body.kind() == kind).then_some(()));
    }

    pub fn kinds(&self) -> Vec<String> {
        self.kept.lock().unwrap().records.iter().map(|(header, _)| header.kind.clone()).collect()
    }

    fn wait<T>(&self, what: &str, look: impl Fn(&Kept) -> Option<T>) -> T {
        self.wait_until(Instant::now() + PATIENCE, what, look)
    }

    fn wait_until<T>(&self, until: Instant, what: &str, look: impl Fn(&Kept) -> Option<T>) -> T {
        loop {
            if let Some(found) = look(&self.kept.lock().unwrap()) {
                return found;
            }
            assert!(Instant::now() < until, "never came: {what}; records: {:?}", self.kinds());
            drop(brevet_sys::poll::wait(&[], Some(10)));
        }
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        drop(self.stream.shutdown(std::net::Shutdown::Both));
    }
}
