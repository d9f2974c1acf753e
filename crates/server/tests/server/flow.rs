//! The main story: enrol, a policy arrives, a request is approved for less time, used, revoked and confirmed.

use brevet_core::document::{Decline, EndReason, GrantDocument, Heartbeat, Kind, Manifest, PolicyDocument, Revocation, open};
use brevet_core::record::{Body, DocumentConfirmed, GrantActivated, GrantEnded, RevocationReceived};
use brevet_core::time::{BootTime, Length, Now};
use serde_json::json;

use crate::agent::{Agent, grant_id};
use crate::support::{Server, request_policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_reaches_its_computer_and_a_request_becomes_a_grant_that_can_be_revoked() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut stream = agent.stream(0, 0).await;
    let empty: Manifest = agent.expect(&mut stream).await;
    assert_eq!((empty.seq, empty.policies.len(), empty.name.as_str()), (1, 0, "web-1"));
    let beat: Heartbeat = agent.expect(&mut stream).await;
    assert_eq!((beat.epoch, beat.seq, beat.nonce.as_deref()), (1, 1, Some("n1")));

    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.seq, 2);
    let documents = agent.missing(&[manifest.policies[0].digest, manifest.settings]).await;
    assert_eq!(documents.len(), 2);
    let document: PolicyDocument = open(&documents[0], &agent.trust.keys_for(Kind::Policy)).unwrap();
    assert_eq!((document.policy.name.as_str(), document.version), ("p", 1));

    let request = agent.ask("alice", &policy, "30m").await;
    let listed = server.owner.read("/requests?state=pending").await.ok();
    assert_eq!(listed["items"][0]["code"], request.digest.short_code());
    assert_eq!(listed["items"][0]["command"], brevet_core::escape::command([b"true".as_slice(), b"a b"]));
    let approved = server
        .owner
        .post(&format!("/requests/{}/approve", request.id), json!({ "for": "10m", "comment": "ok", "code": request.digest.short_code() }))
        .await
        .ok();
    assert_eq!((&approved["state"], &approved["approvals"][0]["for"]), (&json!("approved"), &json!("10m")));

    let grant: GrantDocument = agent.expect(&mut stream).await;
    assert_eq!((grant.request_digest, grant.duration, grant.version, grant.seq), (request.digest, Length::from_minutes(10), 1, 3));
    assert_eq!(grant.approvals[0].comment, "ok");
    let id = grant_id(&approved["grant"]);
    assert_eq!(grant.grant, id);

    let at = Now { wall: agent.now, boot: BootTime { boot: "boot".into(), millis: 1 } };
    let ends = agent.now.plus(grant.duration);
    let used = Body::GrantActivated(GrantActivated { grant: id.clone(), at, ends, lasts_millis: 600_000 });
    let (received, used) = (agent.record(&Body::GrantReceived(Box::new(grant))), agent.record(&used));
    agent.deliver(vec![received, used]).await;
    assert_eq!(server.owner.read(&format!("/grants/{id}")).await.ok()["state"], "active");

    let longer = server.owner.post(&format!("/grants/{id}/extend"), json!({ "by": "20m" })).await.ok();
    assert_eq!((&longer["version"], &longer["duration"]), (&json!(2), &json!("30m")));
    server.owner.post(&format!("/grants/{id}/extend"), json!({ "by": "31m" })).await.refused("longer_than_policy");
    let extended: GrantDocument = agent.expect(&mut stream).await;
    assert_eq!((extended.version, extended.duration, extended.approvals.len()), (2, Length::from_minutes(30), 2));

    let revoked = server.owner.post(&format!("/grants/{id}/revoke"), json!({ "comment": "done", "now": true })).await.ok();
    assert_eq!(revoked["state"], "revoked");
    let again = server.owner.post(&format!("/grants/{id}/revoke"), json!({})).await.ok();
    assert_eq!(again["detail"], revoked["detail"]);
    let envelope = loop {
        let envelope = stream.next().await;
        if envelope.kind() == Some(Kind::Revocation) {
            break envelope;
        }
    };
    let revocation: Revocation = open(&envelope, &agent.trust.keys_for(Kind::Revocation)).unwrap();
    assert!(!revocation.with_grace);
    // It arrived; what it ends still has its grace.
    let arrived =
        Body::RevocationReceived(RevocationReceived { digest: envelope.digest().unwrap(), revocation: Box::new(revocation.clone()) });
    let records = vec![agent.record(&arrived)];
    agent.deliver(records).await;
    let last = server.owner.read(&format!("/grants/{id}")).await.ok()["deliveries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["document"], &last["state"]), (&json!("revocation"), &json!("delivered")));
    let ended = Body::GrantEnded(GrantEnded { grant: id.clone(), reason: EndReason::Revoked, detail: "by owner".into(), sessions: vec![] });
    let confirmed = Body::DocumentConfirmed(DocumentConfirmed {
        document: Kind::Revocation,
        digest: envelope.digest().unwrap(),
        seq: Some(revocation.seq),
        grant: Some(id.clone()),
        request: None,
        processes_ended: Some(3),
    });
    let records = vec![agent.record(&ended), agent.record(&confirmed)];
    agent.deliver(records).await;
    let shown = server.owner.read(&format!("/grants/{id}")).await.ok();
    let last = shown["deliveries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["document"], &last["state"], &last["processes_ended"]), (&json!("revocation"), &json!("confirmed"), &json!(3)));

    let kinds = server.owner.event_kinds().await;
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    for kind in ["request.created", "request.approved", "grant.issued", "grant.activated", "grant.extended", "grant.revoked", "grant.ended"]
    {
        assert_eq!(count(kind), 1, "{kind} in {kinds:?}");
    }
    // Who did it is the user only where they did something.
    for (kind, by) in
        [("request.created", "alice"), ("grant.activated", "alice"), ("grant.ended", "web-1"), ("document.confirmed", "web-1")]
    {
        let events = server.owner.read(&format!("/events?kind={kind}")).await.ok();
        assert_eq!((&events["items"][0]["actor"]["name"], &events["items"][0]["user"]), (&json!(by), &json!("alice")), "{kind}");
    }
    let of_grant = server.owner.read(&format!("/events?grant={id}&kind=grant.")).await.ok();
    assert!(of_grant["items"].as_array().unwrap().iter().all(|e| e["policy"] == policy["id"]), "{of_grant}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decline_travels_with_its_comment_and_the_stream_resumes_where_the_computer_stands() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let request = agent.ask("alice", &policy, "30m").await;
    let path = format!("/requests/{}/decline", request.id);
    server.owner.post(&path, json!({ "comment": " " })).await.refused("invalid");
    let declined = server.owner.post(&path, json!({ "comment": "not today" })).await.ok();
    assert_eq!((&declined["state"], &declined["declined"]["comment"]), (&json!("declined"), &json!("not today")));
    // The manifest was the first of the sequence; a computer that has it gets the decline alone.
    let mut stream = agent.stream(1, 1).await;
    let first = stream.next().await;
    let decline: Decline = open(&first, &agent.trust.keys_for(Kind::Decline)).unwrap();
    assert_eq!((decline.comment.as_str(), decline.seq, decline.request_digest), ("not today", 2, request.digest));
    let beat: Heartbeat = agent.expect(&mut stream).await;
    assert_eq!(beat.seq, 2);
    let next: Heartbeat = agent.expect(&mut stream).await;
    assert!(next.time > beat.time && next.nonce.is_none());
    let computer = server.owner.read("/computers/web-1").await.ok();
    assert_eq!((&computer["connected"], &computer["documents"]["held"]), (&json!(true), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_stream_ends_the_older_one() {
    let server = Server::start().await;
    let agent = Agent::enrol(&server, "web-1").await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(agent.stream(0, 0).await);
    }
    let mut newest = streams.pop().unwrap();
    for older in &mut streams {
        assert!(older.ends().await);
    }
    agent.expect::<Manifest>(&mut newest).await;
    assert_eq!(server.owner.read("/computers/web-1").await.ok()["connected"], true);
}
