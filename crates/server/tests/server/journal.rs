//! The journal: applied once, refused when forged, quarantined when it contradicts itself.

use brevet_core::document::Key;
use brevet_core::journal::{Chain, SignedHead};
use brevet_core::record::{Body, RequestClosed};
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
