//! A request, its grant and its session as a model: server, broker, supervisor and a channel that loses, doubles and reorders.
//!
//! Everything that a message or a crash can interleave is tried by `stateright`. A grant's own rules are not modelled but run:
//! `GrantLife` takes the records that the broker keeps, as the broker does after every start. `let_finish` is left out.
//!
//! What is assumed: a tick is longer than it takes a living broker to act on what it knows; a supervisor keeps the deadlines it was last
//! told for as long as it lives. A broker that is down knows nothing; it knows again from its start on. Each part may die at any moment:
//! the server between taking records and committing them; the broker; the supervisor, and what it leaves running runs until a broker
//! lives that ends it. Of both at once nothing can be promised but that.

#![expect(clippy::unwrap_used, reason = "a model that meets the unexpected fails")]

use std::collections::BTreeSet;

use brevet_core::document::EndReason;
use brevet_core::grant::{GrantLife, GrantTerms, Step};
use brevet_core::policy::{Starts, Uses};
use brevet_core::request::RequestState;
use brevet_core::time::{BootTime, Length, Now, Timestamp};
use stateright::{Checker, HasDiscoveries, Model, Property};

type Tick = u8;

/// Ticks of a grant, of staleness and of grace.
const DURATION: Tick = 2;
const STALENESS: Tick = 1;
const GRACE: Tick = 1;

/// How much may happen.
#[derive(Clone)]
struct Bounds {
    ticks: Tick,
    crashes: u8,
    heartbeats: u8,
    batches: u8,
    launches: u8,
    flaw: Option<Flaw>,
}

/// Mistakes that the model must find, so that its silence means something.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    /// A broker that starts again does not end what is over.
    ForgetsOnStart,
    /// A heartbeat gives an ending session its time back.
    HeartbeatRevives,
    /// A heartbeat counts though a document before it is missing.
    IgnoresGaps,
    /// A session starts before its record is on disk.
    StartsBeforeRecord,
    /// The server acknowledges before its own commit.
    AcknowledgesEarly,
    /// A broker that starts again does not end what a dead supervisor left.
    LeavesOrphans,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Event {
    Asked,
    Withdrawn,
    Received,
    Declined,
    Launched,
    SessionEnded,
    GrantEnded(EndKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum EndKind {
    Revoked,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Document {
    Grant,
    Decline,
    Revocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
    /// The journal's first records, so many.
    Batch(u8),
    Acknowledged(u8),
    /// With its number in the computer's sequence.
    Document(u8, Document),
    Heartbeat {
        time: Tick,
        latest: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    grant_ends: Tick,
    stale_at: Tick,
    /// Once it is ending: when it is killed.
    killed_at: Option<Tick>,
    /// Its supervisor is dead: nobody keeps these.
    orphaned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    now: Tick,
    /// Whatever was ever sent may arrive at any time, again or never.
    channel: BTreeSet<Message>,
    // The server.
    request: Option<RequestState>,
    documents: Vec<Document>,
    received: Vec<Event>,
    committed: u8,
    /// Records up to there are in a transaction that is not committed.
    open: Option<u8>,
    // The broker's disk.
    journal: Vec<(Event, Tick)>,
    taken: u8,
    heard: Tick,
    // The broker's memory.
    up: bool,
    acknowledged: u8,
    to_start: bool,
    to_end: bool,
    to_sweep: bool,
    // The supervisor.
    session: Option<Session>,
    /// Since when a living broker has known that the session must end.
    known: Option<Tick>,
    left: Left,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Left {
    crashes: u8,
    heartbeats: u8,
    batches: u8,
    launches: u8,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Tick,
    Ask,
    Withdraw,
    Send,
    Approve,
    Decline,
    Revoke,
    Beat,
    Arrive(Message),
    Launch,
    Start,
    End,
    Finish,
    BrokerDies,
    BrokerStarts,
    ServerDies,
    Commit,
    SupervisorDies,
    Sweep,
}

fn at(tick: Tick) -> Now {
    Now { wall: Timestamp::from_millis(i64::from(tick) * 1000), boot: BootTime { boot: "boot".into(), millis: u64::from(tick) * 1000 } }
}

impl State {
    /// The grant as the records tell.
    fn life(&self) -> Option<GrantLife> {
        let mut life: Option<GrantLife> = None;
        for (event, tick) in &self.journal {
            let now = at(*tick);
            match (event, &mut life) {
                (Event::Received, None) => {
                    let terms = GrantTerms {
                        duration: Length::from_seconds(u64::from(DURATION)),
                        starts: Starts::FirstUse,
                        uses: Uses::Many,
                        use_before: Timestamp::from_millis(100_000),
                        not_after: None,
                    };
                    life = Some(GrantLife::new(1, terms, &now));
                }
                (Event::Launched, Some(life)) => {
                    let _ = life.apply(Step::Activated, &now).unwrap();
                    let _ = life.apply(Step::Launched, &now).unwrap();
                }
                (Event::GrantEnded(kind), Some(life)) => {
                    let reason = match kind {
                        EndKind::Revoked => EndReason::Revoked,
                        EndKind::Expired => EndReason::Expired,
                    };
                    let _ = life.apply(Step::Ended(reason), &now).unwrap();
                }
                _ => {}
            }
        }
        life
    }

    fn has(&self, wanted: Event) -> bool {
        self.journal.iter().any(|(event, _)| *event == wanted)
    }

    fn record(&mut self, event: Event) {
        self.journal.push((event, self.now));
    }

    fn may_launch(&self) -> bool {
        self.up
            && self.session.is_none()
            && !self.to_start
            && self.now <= self.heard + STALENESS
            && self.has(Event::Received)
            && self.life().is_some_and(|life| life.may_launch(&at(self.now)).is_ok())
    }

    fn is_over(&self) -> bool {
        self.journal.iter().any(|(event, _)| matches!(event, Event::GrantEnded(_)))
    }

    fn send_document(&mut self, document: Document) {
        self.documents.push(document);
        self.channel.insert(Message::Document(u8::try_from(self.documents.len()).unwrap(), document));
    }

    /// The end of a grant on record: from now the session must end.
    fn end_grant(&mut self, kind: EndKind) {
        if self.is_over() {
            return;
        }
        self.record(Event::GrantEnded(kind));
        self.to_start = false;
        if self.session.is_some() {
            self.to_end = true;
            self.known.get_or_insert(self.now);
        }
    }

    fn take_document(&mut self, number: u8, document: Document) {
        if number != self.taken + 1 {
            return;
        }
        self.taken = number;
        match document {
            Document::Grant if !self.has(Event::Received) && !self.has(Event::Withdrawn) => self.record(Event::Received),
            Document::Decline if !self.has(Event::Declined) => self.record(Event::Declined),
            Document::Revocation if self.has(Event::Received) => {
                // Active or not: `issued ─► revoked` and `active ─► revoked` both exist.
                self.end_grant(EndKind::Revoked);
            }
            Document::Grant | Document::Decline | Document::Revocation => {}
        }
    }

    /// The server takes the journal's first records, so many.
    fn receive(&mut self, upto: u8) {
        let new: Vec<Event> = self.journal.iter().take(usize::from(upto)).skip(self.received.len()).map(|(e, _)| *e).collect();
        for event in &new {
            if *event == Event::Asked {
                self.request = Some(RequestState::Pending);
            }
            if *event == Event::Withdrawn && self.request.is_some_and(|r| r.may_become(RequestState::Withdrawn)) {
                self.request = Some(RequestState::Withdrawn);
            }
        }
        self.received.extend(new);
    }

    fn is_orphaned(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.orphaned)
    }

    fn session_is_gone(&mut self) {
        self.session = None;
        (self.to_end, self.to_sweep, self.known) = (false, false, None);
        if self.up {
            self.record(Event::SessionEnded);
        }
    }
}

impl Model for Bounds {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            channel: BTreeSet::new(),
            request: None,
            documents: Vec::new(),
            received: Vec::new(),
            committed: 0,
            open: None,
            journal: Vec::new(),
            taken: 0,
            heard: 0,
            up: true,
            acknowledged: 0,
            to_start: false,
            to_end: false,
            to_sweep: false,
            session: None,
            known: None,
            left: Left { crashes: self.crashes, heartbeats: self.heartbeats, batches: self.batches, launches: self.launches },
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let mut may = |holds: bool, action: Action| actions.extend(holds.then_some(action));
        // A living broker acts before the next tick.
        may(state.now < self.ticks && !(state.up && (state.to_end || state.to_start || state.to_sweep)), Action::Tick);
        may(state.up && !state.has(Event::Asked), Action::Ask);
        let open = state.has(Event::Asked) && !state.has(Event::Received) && !state.has(Event::Declined);
        may(state.up && open && !state.has(Event::Withdrawn), Action::Withdraw);
        may(state.up && state.left.batches > 0 && usize::from(state.acknowledged) < state.journal.len(), Action::Send);
        let pending = state.request.is_some_and(|request| request.may_become(RequestState::Approved));
        may(pending, Action::Approve);
        may(pending, Action::Decline);
        may(state.documents == [Document::Grant], Action::Revoke);
        may(state.left.heartbeats > 0, Action::Beat);
        for message in &state.channel {
            let to_broker = !matches!(message, Message::Batch(_));
            may(state.up || !to_broker, Action::Arrive(*message));
        }
        may(state.left.launches > 0 && state.may_launch(), Action::Launch);
        may(state.up && state.to_start, Action::Start);
        may(state.up && state.to_end, Action::End);
        may(state.session.is_some(), Action::Finish);
        may(state.up && state.left.crashes > 0, Action::BrokerDies);
        may(!state.up, Action::BrokerStarts);
        let uncommitted = state.open.is_some() || usize::from(state.committed) < state.received.len();
        may(uncommitted && state.left.crashes > 0, Action::ServerDies);
        may(uncommitted, Action::Commit);
        may(state.left.crashes > 0 && state.session.as_ref().is_some_and(|session| !session.orphaned), Action::SupervisorDies);
        may(state.up && state.to_sweep, Action::Sweep);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        match action {
            Action::Tick => self.tick(&mut next),
            Action::Ask => next.record(Event::Asked),
            Action::Withdraw => next.record(Event::Withdrawn),
            Action::Send => {
                next.left.batches -= 1;
                next.channel.insert(Message::Batch(u8::try_from(next.journal.len()).unwrap()));
            }
            Action::Approve => {
                next.request = Some(RequestState::Approved);
                next.send_document(Document::Grant);
            }
            Action::Decline => {
                next.request = Some(RequestState::Declined);
                next.send_document(Document::Decline);
            }
            Action::Revoke => next.send_document(Document::Revocation),
            Action::Beat => {
                next.left.heartbeats -= 1;
                next.channel.insert(Message::Heartbeat { time: next.now, latest: u8::try_from(next.documents.len()).unwrap() });
            }
            Action::Arrive(message) => self.arrive(&mut next, message),
            Action::Launch => {
                next.left.launches -= 1;
                next.to_start = true;
                if self.flaw != Some(Flaw::StartsBeforeRecord) {
                    next.record(Event::Launched);
                }
            }
            Action::Start => {
                let late = self.flaw == Some(Flaw::StartsBeforeRecord);
                let begun = next.journal.iter().find(|(event, _)| *event == Event::Launched).map_or(next.now, |(_, tick)| *tick);
                next.to_start = false;
                next.session =
                    Some(Session { grant_ends: begun + DURATION, stale_at: next.heard + STALENESS, killed_at: None, orphaned: false });
                if late && next.left.crashes == 0 {
                    next.record(Event::Launched);
                }
            }
            Action::End => {
                next.to_end = false;
                let now = next.now;
                // One whose supervisor is dead hears of nothing.
                if let Some(session) = next.session.as_mut().filter(|session| !session.orphaned) {
                    session.killed_at = Some(session.killed_at.map_or(now + GRACE, |before| before.min(now + GRACE)));
                }
            }
            Action::Finish => next.session_is_gone(),
            Action::BrokerDies => {
                next.left.crashes -= 1;
                (next.up, next.acknowledged, next.known) = (false, 0, None);
                (next.to_start, next.to_end, next.to_sweep) = (false, false, false);
            }
            Action::BrokerStarts => {
                next.up = true;
                let unended = next.journal.iter().rev().find(|(e, _)| matches!(e, Event::Launched | Event::SessionEnded));
                if next.session.is_none() && unended.is_some_and(|(event, _)| *event == Event::Launched) {
                    next.record(Event::SessionEnded);
                }
                if next.session.is_some() && next.is_over() {
                    next.known = Some(next.now);
                    next.to_end = self.flaw != Some(Flaw::ForgetsOnStart);
                }
                let orphaned = next.session.as_ref().is_some_and(|session| session.orphaned);
                next.to_sweep = orphaned && self.flaw != Some(Flaw::LeavesOrphans);
            }
            Action::ServerDies => {
                next.left.crashes -= 1;
                next.open = None;
                next.received.truncate(usize::from(next.committed));
            }
            Action::Commit => {
                if let Some(upto) = next.open.take() {
                    next.receive(upto);
                    next.channel.insert(Message::Acknowledged(u8::try_from(next.received.len()).unwrap()));
                }
                next.committed = u8::try_from(next.received.len()).unwrap();
            }
            Action::SupervisorDies => {
                next.left.crashes -= 1;
                next.to_sweep = next.up;
                if let Some(session) = &mut next.session {
                    session.orphaned = true;
                }
            }
            Action::Sweep => next.session_is_gone(),
        }
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no session runs past its grant and grace", |_, state: &State| {
                let begun = state.journal.iter().find(|(event, _)| *event == Event::Launched).map_or(state.now, |(_, tick)| *tick);
                state.session.is_none() || state.is_orphaned() || state.now < begun + DURATION + GRACE
            }),
            Property::always("no session runs past staleness and grace", |_, state: &State| {
                state.session.is_none() || state.is_orphaned() || state.now < state.heard + STALENESS + GRACE
            }),
            Property::always("a living broker ends what a dead supervisor left", |_, state: &State| {
                !state.up || !state.is_orphaned() || state.to_sweep
            }),
            Property::always("no session runs a grace longer than the broker knew", |_, state: &State| {
                state.session.is_none() || state.known.is_none_or(|known| state.now < known + GRACE)
            }),
            Property::always("no session without its record and its grant", |_, state: &State| {
                state.session.is_none() || state.has(Event::Launched) && state.documents.first() == Some(&Document::Grant)
            }),
            Property::always("a fresh broker misses no document that the server told of", |_, state: &State| {
                // What the latest heartbeat that counted tells of was taken.
                let told = |message: &Message| matches!(message, Message::Heartbeat { time, latest } if *time == state.heard && *latest <= state.taken);
                state.heard == 0 || state.channel.iter().any(told)
            }),
            Property::always("the server has each event once and in order", |_, state: &State| {
                state.received.len() <= state.journal.len() && state.received.iter().zip(&state.journal).all(|(a, (b, _))| a == b)
            }),
            Property::always("no acknowledged event is lost", |_, state: &State| usize::from(state.acknowledged) <= state.received.len()),
            Property::always("an end is final", |_, state: &State| {
                !state.is_over()
                    || !state.journal.iter().skip_while(|(e, _)| !matches!(e, Event::GrantEnded(_))).any(|(e, _)| *e == Event::Launched)
            }),
            Property::sometimes("a session runs", |_, state: &State| state.session.is_some()),
            Property::sometimes("a session has lost its supervisor", |_, state: &State| state.is_orphaned()),
            Property::sometimes("records are taken and not committed", |_, state: &State| state.open.is_some()),
            Property::sometimes("a running session is being ended", |_, state: &State| {
                state.session.as_ref().is_some_and(|s| s.killed_at.is_some())
            }),
            Property::sometimes("a session runs while the broker is down and its grant was revoked", |_, state: &State| {
                !state.up && state.session.is_some() && state.has(Event::GrantEnded(EndKind::Revoked))
            }),
            Property::sometimes("a request is declined", |_, state: &State| state.has(Event::Declined)),
            Property::sometimes("a grant meets a withdrawn request", |_, state: &State| state.has(Event::Withdrawn) && state.taken == 1),
            Property::sometimes("a session's end is acknowledged", |_, state: &State| {
                state.journal.iter().take(usize::from(state.acknowledged)).any(|(event, _)| *event == Event::SessionEnded)
            }),
        ]
    }
}

impl Bounds {
    fn tick(&self, state: &mut State) {
        state.now += 1;
        let now = state.now;
        if let Some(session) = state.session.as_mut().filter(|session| !session.orphaned) {
            let ends = session.grant_ends.min(session.stale_at);
            if now >= ends {
                session.killed_at = Some(session.killed_at.map_or(ends + GRACE, |before| before.min(ends + GRACE)));
            }
            if session.killed_at.is_some_and(|killed| now >= killed) {
                state.session_is_gone();
            }
        }
        if !state.up || state.is_over() || !state.has(Event::Launched) {
            return;
        }
        let due = state.life().and_then(|life| life.due(&at(now)));
        if due == Some(EndReason::Expired) {
            // The supervisor has this end from its start: nothing is to be ordered.
            state.record(Event::GrantEnded(EndKind::Expired));
        }
    }

    fn arrive(&self, state: &mut State, message: Message) {
        match message {
            Message::Batch(upto) => {
                if self.flaw == Some(Flaw::AcknowledgesEarly) {
                    state.receive(upto);
                    state.channel.insert(Message::Acknowledged(u8::try_from(state.received.len()).unwrap()));
                } else {
                    state.open = Some(state.open.map_or(upto, |open| open.max(upto)));
                }
            }
            Message::Acknowledged(upto) => state.acknowledged = state.acknowledged.max(upto),
            Message::Document(number, document) => state.take_document(number, document),
            Message::Heartbeat { time, latest } => {
                let complete = latest <= state.taken || self.flaw == Some(Flaw::IgnoresGaps);
                if !complete || time <= state.heard {
                    return;
                }
                state.heard = time;
                let revive = self.flaw == Some(Flaw::HeartbeatRevives);
                if let Some(session) = state.session.as_mut().filter(|session| session.killed_at.is_none() || revive) {
                    session.stale_at = time + STALENESS;
                    session.killed_at = None;
                }
            }
        }
    }
}

fn check(bounds: Bounds) -> impl Checker<Bounds> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // WHY not breadth first: that keeps whole states until their turn comes, here more than 20 GB of them.
    bounds.checker().threads(threads).spawn_dfs().join()
}

fn small() -> Bounds {
    Bounds { ticks: 3, crashes: 1, heartbeats: 1, batches: 2, launches: 1, flaw: None }
}

#[test]
fn nothing_runs_too_long_and_nothing_acknowledged_is_lost() {
    // WHY a variable: the larger bounds take minutes; `make test-long` sets it.
    let larger = std::env::var_os("BREVET_LONG").is_some();
    let bounds = if larger { Bounds { ticks: 4, crashes: 2, heartbeats: 2, batches: 2, launches: 2, flaw: None } } else { small() };
    let checked = check(bounds);
    eprintln!("{} states, {} of them different", checked.state_count(), checked.unique_state_count());
    checked.assert_properties();
}

#[test]
fn the_model_finds_the_mistakes_that_it_is_there_for() {
    for (flaw, property) in [
        (Flaw::ForgetsOnStart, "no session runs a grace longer than the broker knew"),
        (Flaw::HeartbeatRevives, "no session runs a grace longer than the broker knew"),
        (Flaw::IgnoresGaps, "a fresh broker misses no document that the server told of"),
        (Flaw::StartsBeforeRecord, "no session without its record and its grant"),
        (Flaw::AcknowledgesEarly, "no acknowledged event is lost"),
        (Flaw::LeavesOrphans, "a living broker ends what a dead supervisor left"),
    ] {
        // The supervisor and the broker both die.
        let crashes = if flaw == Flaw::LeavesOrphans { 2 } else { small().crashes };
        let checked = Bounds { flaw: Some(flaw), crashes, ..small() }.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        assert!(checked.discovery(property).is_some(), "{property}");
    }
}
