//! Records taken again, over reboots and over clocks set back.

mod launches;

use super::*;
use brevet_core::application::{Fact, Facts};
use brevet_core::digest::Digest;
use brevet_core::document::Decline;
use brevet_core::grant::GrantState;
use brevet_core::id::{ComputerId, Incarnation};
use brevet_core::policy::{Binds, Containment, Elevation, Uses};
use brevet_core::record::{GrantActivated, GrantEnded, LocalGrant, Origin, Outcome, SCHEMA, SessionEnded};
use brevet_core::request::{Command, PolicyRef};
use brevet_core::time::Length;
use brevet_core::user::User;

fn header(seq: u64, wall: i64, boot: &str, boottime: u64) -> Header {
    Header {
        computer: ComputerId::new(1, [1; 10]),
        incarnation: Incarnation::new(1, [2; 10]),
        seq,
        prev: Digest::of(b""),
        time: Timestamp::from_millis(wall),
        boot: boot.into(),
        boottime,
        kind: String::new(),
        schema: SCHEMA,
    }
}

pub(super) fn command() -> Command {
    let unknown = || "not looked at".to_owned();
    let application = Facts {
        path: "/usr/bin/true".into(),
        names: vec!["/usr/bin/true".into()],
        chain: Fact::Known(true),
        writable_by: None,
        sha256: Digest::of(b"true"),
        size: 4,
        owner: Fact::Known("root".into()),
        mode: 0o755,
        package: Fact::Unknown(unknown()),
        interpreter: None,
        parent: Fact::Unknown(unknown()),
        store: Fact::Known(None),
    };
    let target = User { uid: 0, name: "root".into() };
    Command { application, arguments: vec!["true".into()], directory: "/".into(), target, kept_environment: vec![] }
}

fn grant() -> GrantId {
    GrantId::new(1, [3; 10])
}

fn issued(uses: Uses) -> Body {
    Body::GrantIssued(Box::new(LocalGrant {
        id: grant(),
        origin: Origin::Autonomous,
        user: User { uid: 1000, name: "alice".into() },
        policy: PolicyRef { id: PolicyId::new(1, [4; 10]), version: 1, name: "p".into() },
        request: None,
        command: command(),
        elevation: Elevation::default(),
        binds: Binds::Command,
        uses,
        duration: Length::from_seconds(60),
        use_before: Timestamp::from_millis(1_000_000),
        reason: None,
        ticket: None,
    }))
}

fn activated(wall: i64, boot: &str, millis: u64) -> Body {
    let at = Now { wall: Timestamp::from_millis(wall), boot: BootTime { boot: boot.into(), millis } };
    Body::GrantActivated(GrantActivated { grant: grant(), at, ends: Timestamp::from_millis(wall), lasts_millis: 60_000 })
}

fn ended(reason: EndReason, detail: &str) -> Body {
    Body::GrantEnded(GrantEnded { grant: grant(), reason, detail: detail.into(), sessions: vec![] })
}

fn started() -> Body {
    Body::SessionStarted(Box::new(SessionStarted {
        session: SessionId::new(1, [5; 10]),
        grant: grant(),
        policy: PolicyRef { id: PolicyId::new(1, [4; 10]), version: 1, name: "p".into() },
        user: User { uid: 1000, name: "alice".into() },
        command: command(),
        containment: Containment::Cgroup,
        terminal: false,
        reason: None,
        ends: Timestamp::from_millis(1),
    }))
}

fn now(wall: i64, boot: &str, millis: u64) -> Now {
    Now { wall: Timestamp::from_millis(wall), boot: BootTime { boot: boot.into(), millis } }
}

fn keep(now: i64, acknowledged: u64, most: usize) -> Keep<'static> {
    Keep { now: Timestamp::from_millis(now), acknowledged, most, policies: None }
}

fn left(state: &State, now: &Now) -> u64 {
    state.grants[&grant()].life.remaining_millis(now)
}

#[test]
fn records_taken_again_neither_restart_nor_reopen_nor_use_up_twice() {
    let mut state = State::default();
    state.apply(&header(1, 0, "a", 0), &issued(Uses::Many));
    state.apply(&header(2, 10_000, "a", 10_000), &activated(10_000, "a", 10_000));
    state.apply(&header(3, 10_000, "a", 10_000), &started());
    state.apply(&header(4, 40_000, "a", 40_000), &activated(40_000, "a", 40_000));
    state.apply(&header(5, 40_000, "a", 40_000), &started());
    state.apply(&header(6, 40_000, "a", 40_000), &issued(Uses::Many));
    assert_eq!(left(&state, &now(40_000, "a", 40_000)), 30_000);
    assert_eq!(state.grants[&grant()].life.launches(), 1);
    state.apply(&header(7, 41_000, "a", 41_000), &ended(EndReason::Revoked, "Ada: enough"));
    state.apply(&header(8, 42_000, "a", 42_000), &ended(EndReason::Expired, "its time was up"));
    let entry = &state.grants[&grant()];
    assert_eq!((entry.life.state(), entry.ended.as_ref().unwrap().detail.as_str()), (GrantState::Revoked, "Ada: enough"));
    assert_eq!(entry.closed, Some(Timestamp::from_millis(41_000)));
    let end = |outcome| {
        let (session, grant) = (SessionId::new(1, [5; 10]), grant());
        Body::SessionEnded(SessionEnded { session, grant, outcome, processes_ended: 2 })
    };
    state.apply(&header(9, 43_000, "a", 43_000), &end(Outcome::Revoked));
    state.apply(&header(10, 44_000, "a", 44_000), &end(Outcome::Lost));
    assert_eq!(state.sessions.values().next().unwrap().life.outcome(), Some(&Outcome::Revoked));
}

#[test]
fn a_reboot_with_the_clock_set_back_gives_no_time_back() {
    let mut state = State::default();
    state.apply(&header(1, 0, "a", 0), &issued(Uses::Many));
    state.apply(&header(2, 0, "a", 0), &activated(0, "a", 0));
    // Only the clock that nobody sets has gone on; the records in between tell so.
    state.seen(&header(3, 1_000, "a", 40_000));
    let booted = Body::BrokerStarted(brevet_core::record::BrokerStarted {
        version: String::new(),
        kernel: String::new(),
        rebooted: true,
        sessions: vec![],
    });
    state.apply(&header(4, 1_000, "b", 500), &booted);
    assert_eq!(left(&state, &now(1_000, "b", 500)), 20_000);
    assert_eq!(left(&state, &now(1_000, "b", 15_500)), 5_000);
    // And it is so in a snapshot.
    let mut again = State::default();
    let snapshot = serde_json::to_value(state.remembered(&keep(1_000, 0, 256))).unwrap();
    again.apply(&header(5, 1_000, "b", 15_500), &Body::StateSnapshot(snapshot));
    assert_eq!(left(&again, &now(1_000, "b", 15_500)), 5_000);
}

#[test]
fn a_fixed_validity_runs_on_over_a_reboot_with_the_clock_set_back() {
    let mut state = State::default();
    let policy = PolicyId::new(1, [4; 10]);
    let begin = |at| Body::ValidityStarted(ValidityStarted { policy: policy.clone(), user: None, renewal: 0, at });
    state.apply(&header(1, 0, "a", 0), &begin(now(0, "a", 0)));
    state.seen(&header(2, 1_000, "a", 40_000));
    state.seen(&header(3, 1_000, "b", 0));
    state.apply(&header(4, 2_000, "b", 1_000), &begin(now(2_000, "b", 1_000)));
    let elapsed = state.validity_of(&policy, 0, None).unwrap().running.elapsed(&now(2_000, "b", 1_000));
    assert_eq!(elapsed, 41_000);
}

#[test]
fn what_a_snapshot_says_of_declines_and_ends_is_kept_and_an_unreadable_one_is_noticed() {
    let mut state = State::default();
    let id = RequestId::new(1, [6; 10]);
    let request = serde_json::from_value::<Request>(serde_json::json!({
        "id": id, "digest": Digest::of(b"d"), "computer": ComputerId::new(1, [1; 10]), "user": {"uid": 1000, "name": "alice"},
        "command": command(), "elevation": Elevation::default(),
        "policy": PolicyRef { id: PolicyId::new(1, [4; 10]), version: 1, name: "p".into() },
        "terms": brevet_core::policy::RequestTerms::default(), "reason": "r", "ticket": null, "duration": "5m",
        "created": Timestamp::from_millis(0), "lapses": Timestamp::from_millis(9),
    }))
    .unwrap();
    state.apply(&header(1, 0, "a", 0), &Body::RequestCreated(Box::new(request)));
    let decline = Decline {
        schema: 1,
        computer: ComputerId::new(1, [1; 10]),
        epoch: 1,
        seq: 2,
        time: Timestamp::from_millis(5),
        request: id.clone(),
        request_digest: Digest::of(b"d"),
        by: "Ada".into(),
        comment: "use the other server".into(),
    };
    state.apply(&header(2, 5, "a", 5), &Body::DeclineReceived(Box::new(decline)));
    let mut again = State::default();
    let snapshot = serde_json::to_value(state.remembered(&keep(6, 0, 256))).unwrap();
    again.apply(&header(3, 6, "a", 6), &Body::StateSnapshot(snapshot));
    assert_eq!(again.requests[&id].state, RequestState::Declined);
    assert_eq!(again.requests[&id].answer, Some(Answer { by: vec!["Ada".into()], comments: vec!["use the other server".into()] }));
    assert!(again.unreadable.is_none());
    again.apply(&header(4, 7, "a", 7), &Body::StateSnapshot(serde_json::json!({"grants": 5})));
    assert!(again.unreadable.is_some());
}
