//! Thousands of launches: neither memory nor the snapshot grows with them, and nothing that still counts is forgotten.

use super::*;
use brevet_core::document::{Approval, GrantDocument, Key};
use brevet_core::id::PersonId;
use brevet_core::journal::{Chain, MAX_SNAPSHOT};
use brevet_core::policy::Starts;

use crate::journal::Journal;

fn id10(n: u64) -> [u8; 10] {
    let mut bytes = [9; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn policy() -> PolicyRef {
    PolicyRef { id: PolicyId::new(1, [4; 10]), version: 1, name: "p".into() }
}

/// What one automatic launch records: at its start, and at its end.
fn launch(n: u64, at: i64) -> (Vec<Body>, Vec<Body>) {
    let (grant, session) = (GrantId::new(at, id10(n)), SessionId::new(at, id10(n)));
    let Body::GrantIssued(made) = issued(Uses::Once) else { panic!() };
    let made = LocalGrant { id: grant.clone(), origin: Origin::Automatic, use_before: Timestamp::from_millis(4_000_000_000_000), ..*made };
    let activated = GrantActivated {
        grant: grant.clone(),
        at: now(at, "a", u64::try_from(at).unwrap()),
        ends: Timestamp::from_millis(at),
        lasts_millis: 60_000,
    };
    let Body::SessionStarted(begun) = started() else { panic!() };
    let begun = SessionStarted { session: session.clone(), grant: grant.clone(), ..*begun };
    let start = vec![Body::GrantIssued(Box::new(made)), Body::GrantActivated(activated), Body::SessionStarted(Box::new(begun))];
    let ended = SessionEnded { session, grant: grant.clone(), outcome: Outcome::Expired, processes_ended: 1 };
    let over = GrantEnded { grant, reason: EndReason::Finished, detail: "its session ended".into(), sessions: vec![] };
    (start, vec![Body::SessionEnded(ended), Body::GrantEnded(over)])
}

/// A journal with its fold, as the ledger has them.
struct Computer {
    directory: tempfile::TempDir,
    journal: Journal,
    state: State,
    at: i64,
}

impl Computer {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (journal, state) = Self::open(directory.path());
        Self { directory, journal, state, at: 1 }
    }

    fn open(directory: &std::path::Path) -> (Journal, State) {
        let start = Chain::new(ComputerId::new(1, [1; 10]), Incarnation::new(1, [2; 10]));
        let mut state = State::default();
        let mut fold = |header: &Header, body: Option<&Body>| match body {
            Some(body) => state.apply(header, body),
            None => state.seen(header),
        };
        let (journal, _) = Journal::open(directory, start, Key::from_seed(&[3; 32]), &mut fold).unwrap();
        (journal, state)
    }

    fn moment(&self) -> Now {
        now(self.at, "a", u64::try_from(self.at).unwrap())
    }

    fn record(&mut self, bodies: &[Body]) {
        self.at += 1_000;
        let headers = self.journal.append(&self.moment(), bodies).unwrap();
        for (header, body) in headers.iter().zip(bodies) {
            self.state.apply(header, body);
        }
    }

    fn rotate(&mut self, acknowledged: u64, most: usize) -> Option<usize> {
        let remembered = self.state.remembered(&keep(self.at, acknowledged, most));
        let snapshot = serde_json::to_value(&remembered).unwrap();
        let bytes = snapshot.to_string().len();
        let header = self.journal.rotate(&self.moment(), snapshot).unwrap()?;
        self.state = remembered;
        self.state.seen(&header);
        Some(bytes)
    }

    fn restart(&mut self) {
        let (journal, state) = Self::open(self.directory.path());
        assert_eq!(state, self.state, "the fold of what is on disk is what was in memory");
        (self.journal, self.state) = (journal, state);
    }
}

#[test]
fn five_thousand_launches_leave_a_small_state_over_rotations_and_restarts() {
    let mut computer = Computer::new();
    let (running, _) = launch(0, 1);
    computer.record(&running);
    for n in 1..=5_000 {
        let (start, end) = launch(n, computer.at);
        computer.record(&start);
        computer.record(&end);
        if computer.journal.wants_rotation() {
            let acknowledged = computer.journal.chain().seq;
            let bytes = computer.rotate(acknowledged, 256).expect("it fits");
            assert!(bytes < MAX_SNAPSHOT, "{bytes}");
            assert!(computer.state.grants.len() <= 258 && computer.state.sessions.len() <= 258);
            computer.journal.trim_before(acknowledged).unwrap();
            computer.restart();
        }
    }
    assert!(computer.state.grants.len() < 3_000, "{} grants", computer.state.grants.len());
    let still: Vec<_> = computer.state.running().map(|(id, _)| id.clone()).collect();
    assert_eq!(still, [SessionId::new(1, id10(0))], "what runs is not forgotten");
    assert!(computer.state.grants[&GrantId::new(1, id10(0))].is_open());
    // The newest are there to be looked at.
    assert!(computer.state.sessions.keys().any(|id| id.as_str().contains(SessionId::new(computer.at - 2_000, id10(5_000)).as_str())));
}

#[test]
fn what_the_server_has_not_acknowledged_is_kept_and_a_journal_that_cannot_be_trimmed_says_so() {
    let mut computer = Computer::new();
    for n in 1..=1_000 {
        let (start, end) = launch(n, computer.at);
        computer.record(&start);
        computer.record(&end);
    }
    assert_eq!(computer.rotate(0, 0), None, "a thousand that are owed do not fit, and none is dropped");
    assert_eq!(computer.state.sessions.len(), 1_000);
    let half = computer.journal.chain().seq / 2;
    let kept = computer.state.remembered(&keep(computer.at, half, 0));
    assert_eq!((kept.sessions.len(), kept.grants.len()), (500, 500));
    assert!(computer.rotate(computer.journal.chain().seq, 64).is_some());
    assert_eq!((computer.state.sessions.len(), computer.state.grants.len()), (64, 64));
    computer.restart();
}

/// A request of a user and the grant that answers it.
fn granted(n: u64, at: i64) -> (Request, GrantDocument) {
    let mut request: Request = serde_json::from_value(serde_json::json!({
        "id": RequestId::new(at, id10(n)), "digest": Digest::of(b"d"), "computer": ComputerId::new(1, [1; 10]),
        "user": { "uid": 1000, "name": "alice" }, "command": command(), "elevation": Elevation::default(), "policy": policy(),
        "terms": brevet_core::policy::RequestTerms::default(), "reason": "r", "ticket": null, "duration": "5m",
        "created": Timestamp::from_millis(at), "lapses": Timestamp::from_millis(at + 60_000),
    }))
    .unwrap();
    request.digest = request.compute_digest().unwrap();
    let time = Timestamp::from_millis(at);
    let grant = GrantDocument {
        schema: 1,
        requires: vec![],
        computer: ComputerId::new(1, [1; 10]),
        epoch: 1,
        seq: n,
        time,
        grant: GrantId::new(at, id10(n)),
        version: 1,
        request: request.id.clone(),
        request_digest: request.digest,
        duration: Length::from_seconds(60),
        starts: Starts::FirstUse,
        uses: Uses::Many,
        use_before: time.plus(Length::from_hours(8)),
        not_after: time.plus(Length::from_hours(16)),
        command_only: false,
        approvals: vec![Approval { person: PersonId::new(1, [1; 10]), name: "Ada".into(), time, comment: String::new(), signature: None }],
    };
    (request, grant)
}

#[test]
fn a_grant_of_the_server_is_known_until_its_absolute_end_and_can_never_come_again() {
    let mut computer = Computer::new();
    let mut all = Vec::new();
    for n in 1..=600 {
        let (request, grant) = granted(n, computer.at);
        let ended = GrantEnded { grant: grant.grant.clone(), reason: EndReason::Revoked, detail: "Ada".into(), sessions: vec![] };
        computer.record(&[Body::RequestCreated(Box::new(request)), Body::GrantReceived(Box::new(grant.clone())), Body::GrantEnded(ended)]);
        all.push(grant);
    }
    // An hour later their requests count against nobody.
    computer.at += Length::from_hours(2).millis() as i64;
    let acknowledged = computer.journal.chain().seq;
    computer.rotate(acknowledged, 64).expect("it fits");
    assert!(computer.state.grants.len() <= 128 && computer.state.requests.len() <= 128, "{}", computer.state.grants.len());
    assert!(all.iter().all(|g| computer.state.grants.contains_key(&g.grant) || computer.state.over.contains_key(&g.grant)));
    computer.restart();
    // Taken again, whatever brings it: nothing opens.
    for grant in &all {
        computer.record(&[Body::GrantReceived(Box::new(grant.clone()))]);
    }
    assert!(computer.state.grants.values().all(|grant| !grant.is_open()));
    // Past its absolute end no signature makes it usable: then it is forgotten.
    computer.at += Length::from_hours(17).millis() as i64;
    let acknowledged = computer.journal.chain().seq;
    computer.rotate(acknowledged, 0).expect("it fits");
    assert_eq!((computer.state.over.len(), computer.state.grants.len()), (0, 0));
}

#[test]
fn a_users_requests_of_the_last_hour_and_the_budgets_of_the_day_go_on_counting() {
    let mut computer = Computer::new();
    let rule = brevet_core::request::AutonomousRef { id: AutonomousId::new(1, [1; 10]), version: 1, name: "r".into() };
    for n in 1..=1_200 {
        let (request, _) = granted(n, computer.at);
        let approved = brevet_core::record::AutoApproved {
            request: request.id.clone(),
            rule: rule.clone(),
            conditions: vec![],
            grant: GrantId::new(1, id10(n)),
        };
        computer.record(&[Body::RequestCreated(Box::new(request)), Body::RequestAutoApproved(approved)]);
    }
    let acknowledged = computer.journal.chain().seq;
    let kept = computer.state.remembered(&keep(computer.at, acknowledged, 16));
    assert_eq!(u32::try_from(MOST_GIVEN), Ok(brevet_core::autonomous::MOST_PER_DAY), "a budget is at most what is remembered");
    assert_eq!(kept.given.len(), MOST_GIVEN);
    assert_eq!(kept.given_since(&rule.id, 1000, Timestamp::from_millis(0)), u32::MAX, "used up");
    assert_eq!(kept.requests.len(), 1_200, "1200 s are less than an hour");
    assert_eq!(computer.state.remembered(&keep(computer.at, acknowledged, 0)).requests.len(), 0, "unless there is no room at all");
}
