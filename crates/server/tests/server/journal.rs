//! The journal: applied once, refused when forged, quarantined when it contradicts itself.

use brevet_core::document::{Key, Kind};
use brevet_core::id::{GrantId, PolicyId};
use brevet_core::journal::{Chain, SignedHead};
use brevet_core::record::{
    Body, BrokerStarted, ClockJumped, DocumentConfirmed, DocumentRefused, JournalRepaired, RequestClosed, ValidityStarted,
};
use brevet_core::time::{BootTime, Now};
use reqwest::StatusCode;
use serde_json::json;

use crate::agent::{Agent, seed};
use crate::support::{Server, request_policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_or_overlapping_batch_is_applied_once() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let request = agent.request("alice", &policy, "30m");
    let first = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    let once = agent.batch(vec![first.clone()]);
    for _ in 0..3 {
        assert_eq!(agent.send(&once).await.1["journal"], "acknowledged");
    }
    let second = agent.record(&Body::RequestWithdrawn(RequestClosed { request: request.id.clone() }));
    agent.deliver(vec![first.clone(), second.clone()]).await;
    // An old head after newer records: everything is known, and the newest is acknowledged.
    let (_, answer) = agent.send(&once).await;
    assert_eq!(answer["journal"], "acknowledged");
    let kinds = server.owner.event_kinds().await;
    assert_eq!(kinds.iter().filter(|k| k.starts_with("request.")).count(), 2, "{kinds:?}");
    assert_eq!(server.owner.read(&format!("/requests/{}", request.id)).await.ok()["state"], "withdrawn");

    let page = server.owner.read("/computers/web-1/journal").await.ok();
    let records: Vec<brevet_core::journal::Record> = serde_json::from_value(page["records"].clone()).unwrap();
    assert_eq!(records, [first, second]);
    let mut chain = Chain::new(agent.id.clone(), agent.chain.incarnation.clone());
    for record in &records {
        chain.follow(record).unwrap();
    }
    let head: SignedHead = serde_json::from_value(page["head"].clone()).unwrap();
    assert!(head.chain == chain && head.verifies(&agent.journal.public()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_batch_changes_nothing_and_a_gap_is_answered_with_what_is_expected() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let record = agent.record_raw("broker.started", &json!({ "version": "0" }));
    let mut wrong_key = agent.batch(vec![record.clone()]);
    wrong_key.head = SignedHead::sign(&agent.chain, &Key::from_seed(&seed(9)));
    assert_eq!(agent.send(&wrong_key).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let mut changed = agent.batch(vec![record.clone()]);
    changed.records[0].body = Some("{}".into());
    assert_eq!(agent.send(&changed).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let mut head_only = agent.batch(vec![]);
    head_only.head.chain.seq = 7;
    head_only.head = SignedHead::sign(&head_only.head.chain, &agent.journal);
    assert_eq!(agent.send(&head_only).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let other = Agent::enrol(&server, "web-2").await;
    assert_eq!(other.send(&agent.batch(vec![record.clone()])).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let second = agent.record_raw("x.y", &json!({}));
    let (status, answer) = agent.send(&agent.batch(vec![second.clone()])).await;
    assert_eq!((status, &answer["journal"], &answer["seq"]), (StatusCode::OK, &json!("expected"), &json!(0)));
    assert!(!server.owner.event_kinds().await.iter().any(|k| k == "broker.started"));
    agent.deliver(vec![record, second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_and_an_old_image_are_told_apart_and_quarantined() {
    for (later, kind) in [(false, "journal.forked"), (true, "journal.rolled_back")] {
        let server = Server::start().await;
        server.owner.post("/policies", request_policy("p")).await.ok();
        let mut agent = Agent::enrol(&server, "web-1").await;
        let first = agent.record_raw("a.b", &json!({}));
        agent.deliver(vec![first]).await;
        let image = agent.chain.clone();
        let second = agent.record_raw("c.d", &json!({}));
        agent.deliver(vec![second]).await;
        agent.chain = image;
        if later {
            agent.now = agent.now.plus("1h".parse().unwrap());
        }
        let other = agent.record_raw("e.f", &json!({}));
        let (_, answer) = agent.send(&agent.batch(vec![other])).await;
        assert_eq!(answer["journal"], "quarantined", "{answer}");
        assert!(server.owner.event_kinds().await.iter().any(|k| k == kind));
        let computer = server.owner.read("/computers/web-1").await.ok();
        assert_eq!((&computer["state"], &computer["policies"]), (&json!("quarantined"), &serde_json::Value::Null));
        let admin = server.person("ad", &["administrator"], false).await;
        admin.post("/computers/web-1/release", json!({ "comment": "x" })).await.refused("forbidden");
        server.owner.post("/computers/web-1/release", json!({ "comment": "looked at it" })).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_journal_that_grows_ends_at_its_head() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let writer = tokio::spawn(async move {
        for n in 0..60 {
            let record = agent.record_raw("a.b", &json!({ "n": n }));
            agent.deliver(vec![record]).await;
        }
    });
    while !writer.is_finished() {
        let page = server.owner.read("/computers/web-1/journal").await.ok();
        let records: Vec<brevet_core::journal::Record> = serde_json::from_value(page["records"].clone()).unwrap();
        assert!(page["next"].is_null());
        let Some(last) = records.last() else { continue };
        let head: SignedHead = serde_json::from_value(page["head"].clone()).unwrap();
        assert_eq!(
            (head.chain.seq, head.chain.head),
            (last.parse_header().unwrap().seq, last.hash()),
            "the head is that of the last record"
        );
    }
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_say_in_words_what_happened() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let grant = GrantId::new(1, [1; 10]);
    let policy = PolicyId::new(1, [1; 10]);
    let digest = brevet_core::digest::Digest::of(b"x");
    let confirmed = |document, seq, grant, processes_ended| {
        Body::DocumentConfirmed(DocumentConfirmed { document, digest, seq: Some(seq), grant, request: None, processes_ended })
    };
    let at = |millis| Now { wall: agent.now, boot: BootTime { boot: "boot".into(), millis } };
    let bodies = [
        (
            Body::BrokerStarted(BrokerStarted { version: "1.2.3".into(), kernel: "6.1".into(), rebooted: true, sessions: vec![] }),
            "broker 1.2.3 started after a boot, on kernel 6.1".to_owned(),
        ),
        (confirmed(Kind::Manifest, 7, None, None), "manifest 7 is in force".to_owned()),
        (confirmed(Kind::Grant, 8, Some(grant.clone()), None), format!("grant {grant} can be used")),
        (
            confirmed(Kind::Revocation, 9, Some(grant.clone()), Some(4)),
            format!("revocation of grant {grant} took effect: 4 processes ended"),
        ),
        (
            confirmed(Kind::Revocation, 10, Some(grant.clone()), Some(1)),
            format!("revocation of grant {grant} took effect: 1 process ended"),
        ),
        (Body::JournalRepaired(JournalRepaired { bytes: 12 }), "the journal's torn end was cut off: 12 bytes".to_owned()),
        (
            Body::ValidityStarted(ValidityStarted { policy, user: Some(1000), renewal: 0, at: at(1) }),
            "a policy's time began, for the user with uid 1000".to_owned(),
        ),
        (
            Body::ClockJumped(ClockJumped { expected: agent.now, found: agent.now.plus("1h".parse().unwrap()) }),
            format!("the clock jumped by 3600 s: it showed {} instead of {}", agent.now.plus("1h".parse().unwrap()), agent.now),
        ),
        (
            Body::DocumentRefused(DocumentRefused {
                document: "application/vnd.brevet.grant+json".into(),
                code: "replayed".into(),
                reason: "number 3 was accepted before".into(),
                digest: None,
            }),
            "a grant document was refused: number 3 was accepted before".to_owned(),
        ),
    ];
    for (body, words) in bodies {
        let record = agent.record(&body);
        agent.deliver(vec![record]).await;
        let newest = server.owner.read("/events?limit=1").await.ok();
        assert_eq!(newest["items"][0]["summary"], json!(words), "{newest}");
    }
    let record = agent.record_raw("something.new", &json!({}));
    agent.deliver(vec![record]).await;
    assert_eq!(server.owner.read("/events?limit=1").await.ok()["items"][0]["summary"], "something new");
}

/// PostgreSQL takes a NUL in no text: a user who puts one into a reason must not keep the computer's later records out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nul_in_a_reason_keeps_no_record_from_being_stored() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut request = agent.request("alice", &policy, "30m");
    request.reason = "be\0fore".into();
    request.digest = request.compute_digest().unwrap();
    let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    agent.deliver(vec![record]).await;
    let shown = server.owner.read(&format!("/requests/{}", request.id)).await.ok();
    assert_eq!(shown["reason"], "be\0fore", "what was signed is kept as it is");
    let found = server.owner.read("/events?kind=request.created").await.ok();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}
