//! Who may decide, within which limits, and what happens when two come at once.

use brevet_core::document::{EndReason, Kind};
use brevet_core::id::RequestId;
use brevet_core::record::{Body, DocumentRefused, GrantActivated, GrantEnded, RequestClosed};
use brevet_core::time::{BootTime, Now};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Actor, Server, request_policy};

async fn waiting(agent: &mut Agent, policy: &Value, user: &str) -> String {
    let request = agent.ask(user, policy, "30m").await;
    format!("/requests/{}", request.id)
}

async fn set_up() -> (Server, Agent, Value) {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let agent = Agent::enrol(&server, "web-1").await;
    (server, agent, policy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_decides_on_their_own_request_nor_without_a_recorded_identity() {
    let (server, mut agent, policy) = set_up().await;
    let request = waiting(&mut agent, &policy, "alice").await;
    let approve = format!("{request}/approve");

    server.owner.post("/persons", json!({ "name": "Alice", "roles": ["approver"] })).await.ok();
    let alice = server.token_for("Alice", true).await;
    alice.post(&approve, json!({})).await.refused("no_os_user_recorded");
    server.owner.post("/persons/Alice/os-users", json!({ "user": "alice", "computer": "web-1" })).await.ok();
    alice.post(&approve, json!({})).await.refused("own_request");
    alice.post(&format!("{request}/decline"), json!({ "comment": "no" })).await.refused("own_request");

    let quiet = server.token_for("Alice", false).await;
    quiet.post(&approve, json!({})).await.refused("token_may_not_decide");
    let auditor = server.person("au", &["auditor"], true).await;
    auditor.post(&approve, json!({})).await.refused("forbidden");

    // On another computer that OS user is somebody else.
    let mut other = Agent::enrol(&server, "web-2").await;
    let elsewhere = waiting(&mut other, &policy, "alice").await;
    alice.post(&format!("{elsewhere}/approve"), json!({})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_never_gives_more_than_was_asked_or_than_the_policy_allows() {
    let (server, mut agent, policy) = set_up().await;
    let request = waiting(&mut agent, &policy, "alice").await;
    let approve = format!("{request}/approve");
    server.owner.post(&approve, json!({ "for": "31m" })).await.refused("longer_than_asked");
    server.owner.post(&approve, json!({ "for": "0s" })).await.refused("invalid");
    server.owner.post(&approve, json!({ "code": "0000-0000" })).await.refused("wrong_state");
    server.owner.post(&approve, json!({ "unknown": 1 })).await.refused("malformed");
    // A computer that claims laxer terms than the server's policy has.
    let mut lax = agent.request("alice", &policy, "3h");
    lax.terms.max_duration = "5h".parse().unwrap();
    let record = agent.record(&brevet_core::record::Body::RequestCreated(Box::new(lax.clone())));
    agent.deliver(vec![record]).await;
    server.owner.post(&format!("/requests/{}/approve", lax.id), json!({})).await.refused("longer_than_policy");
    // A digest that does not fit its content.
    let mut forged = agent.request("alice", &policy, "5m");
    forged.command.directory = "/root".into();
    let record = agent.record(&brevet_core::record::Body::RequestCreated(Box::new(forged.clone())));
    agent.deliver(vec![record]).await;
    let path = format!("/requests/{}", forged.id);
    assert_eq!(server.owner.read(&path).await.ok()["consistent"], false);
    server.owner.post(&format!("{path}/approve"), json!({})).await.refused("inconsistent");
    server.owner.post(&format!("{path}/decline"), json!({ "comment": "forged" })).await.ok();
    // The policy is gone.
    server.owner.call(reqwest::Method::POST, "/policies/p/disable", None, None).await.ok();
    server.owner.post(&approve, json!({})).await.refused("wrong_state");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_decisions_at_once_exactly_one_counts() {
    let (server, mut agent, policy) = set_up().await;
    let mut actors: Vec<Actor> = Vec::new();
    for i in 0..6 {
        actors.push(server.person(&format!("approver {i}"), &["approver"], true).await);
    }
    let request = waiting(&mut agent, &policy, "alice").await;
    let tasks: Vec<_> = actors
        .into_iter()
        .enumerate()
        .map(|(i, actor)| {
            let request = request.clone();
            tokio::spawn(async move {
                if i % 2 == 0 {
                    actor.post(&format!("{request}/approve"), json!({})).await.status
                } else {
                    actor.post(&format!("{request}/decline"), json!({ "comment": "no" })).await.status
                }
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    let kinds = server.owner.event_kinds().await;
    assert_eq!(kinds.iter().filter(|k| *k == "request.approved" || *k == "request.declined").count(), 1, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_counts_different_persons_and_the_shortest_time() {
    let server = Server::start().await;
    let mut body = request_policy("two");
    body["request"] = json!({ "approvals": 2, "approvers": ["role:approver", "person:boss"], "max_duration": "1h" });
    let policy = server.owner.post("/policies", body).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let boss = server.person("boss", &["approver"], true).await;
    let request = waiting(&mut agent, &policy, "alice").await;
    let approve = format!("{request}/approve");
    let first = server.owner.post(&approve, json!({ "for": "20m" })).await.ok();
    assert_eq!((&first["state"], &first["approvals_needed"]), (&json!("pending"), &json!(2)));
    server.owner.post(&approve, json!({})).await.refused("already_decided");
    let second = boss.post(&approve, json!({ "for": "25m" })).await.ok();
    assert_eq!(second["state"], "approved");
    let grant = server.owner.read(&format!("/grants/{}", second["grant"].as_str().unwrap())).await.ok();
    assert_eq!((&grant["duration"], grant["approvals"].as_array().unwrap().len()), (&json!("20m"), 2));
    boss.post(&format!("/grants/{}/extend", second["grant"].as_str().unwrap()), json!({ "by": "5m" })).await.refused("wrong_state");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_lapse_and_computers_fall_silent_and_return() {
    let (server, mut agent, policy) = set_up().await;
    let request = waiting(&mut agent, &policy, "alice").await;
    server.app.clock.advance("2h".parse().unwrap());
    server.owner.post(&format!("{request}/approve"), json!({})).await.refused("wrong_state");
    brevet_server::sweep::once(&server.app).await.unwrap();
    assert_eq!(server.owner.read(&request).await.ok()["state"], "lapsed");
    assert_eq!(server.owner.read("/computers/web-1").await.ok()["lost"], true);
    let record = agent.record_raw("something.new", &json!({ "a": 1 }));
    agent.deliver(vec![record]).await;
    assert_eq!(server.owner.read("/computers/web-1").await.ok()["lost"], false);
    let kinds = server.owner.event_kinds().await;
    for kind in ["request.lapsed", "computer.lost", "computer.returned", "something.new"] {
        assert_eq!(kinds.iter().filter(|k| *k == kind).count(), 1, "{kind} in {kinds:?}");
    }
}

async fn approved(server: &Server, agent: &mut Agent, policy: &Value) -> String {
    let request = waiting(agent, policy, "alice").await;
    server.owner.post(&format!("{request}/approve"), json!({})).await.ok()["grant"].as_str().unwrap().to_owned()
}

async fn count(server: &Server, kind: &str) -> usize {
    server.owner.event_kinds().await.iter().filter(|k| *k == kind).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_nobody_used_ends_by_itself_and_the_computer_has_the_last_word() {
    let (server, mut agent, policy) = set_up().await;
    let (forgotten, used) = (approved(&server, &mut agent, &policy).await, approved(&server, &mut agent, &policy).await);
    brevet_server::sweep::once(&server.app).await.unwrap();
    assert_eq!(server.owner.read(&format!("/grants/{forgotten}")).await.ok()["state"], "issued");
    server.app.clock.advance("24h".parse().unwrap());
    for _ in 0..2 {
        brevet_server::sweep::once(&server.app).await.unwrap();
    }
    for id in [&forgotten, &used] {
        let grant = server.owner.read(&format!("/grants/{id}")).await.ok();
        assert_eq!(grant["state"], "unused", "{grant}");
    }
    assert_eq!(count(&server, "grant.unused").await, 2);
    // The computer was offline, and did use one of them in time.
    let id = crate::agent::grant_id(&json!(used));
    let at = Now { wall: agent.now, boot: BootTime { boot: "boot".into(), millis: 1 } };
    let first = GrantActivated { grant: id.clone(), at, ends: agent.now.plus("30m".parse().unwrap()), lasts_millis: 1_800_000 };
    let end = GrantEnded { grant: id, reason: EndReason::Expired, detail: "its time is over".into(), sessions: vec![] };
    let records = vec![agent.record(&Body::GrantActivated(first)), agent.record(&Body::GrantEnded(end))];
    agent.deliver(records).await;
    assert_eq!(server.owner.read(&format!("/grants/{used}")).await.ok()["state"], "expired");
    assert_eq!((count(&server, "grant.activated").await, count(&server, "grant.expired").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_its_computer_refuses_ends_at_once() {
    let (server, mut agent, policy) = set_up().await;
    let id = approved(&server, &mut agent, &policy).await;
    let mut stream = agent.stream(1, 0).await;
    let envelope = loop {
        let envelope = stream.next().await;
        if envelope.kind() == Some(Kind::Grant) {
            break envelope;
        }
    };
    let refused = |code: &str| DocumentRefused {
        document: envelope.payload_type.clone(),
        code: code.into(),
        reason: "the request is not pending any more".into(),
        digest: envelope.digest().ok(),
    };
    // What says only that it was there before, or that something is missing, ends nothing.
    for code in ["replayed", "gap", "rolled_back"] {
        let record = agent.record(&Body::DocumentRefused(refused(code)));
        agent.deliver(vec![record]).await;
        assert_eq!(server.owner.read(&format!("/grants/{id}")).await.ok()["state"], "issued", "{code}");
    }
    let record = agent.record(&Body::DocumentRefused(refused("request_closed")));
    agent.deliver(vec![record]).await;
    let grant = server.owner.read(&format!("/grants/{id}")).await.ok();
    assert_eq!(grant["state"], "unused");
    assert!(grant["detail"].as_str().unwrap().contains("not pending"), "{grant}");
    assert_eq!((count(&server, "grant.unused").await, count(&server, "document.refused").await), (1, 4));
    let events = server.owner.read(&format!("/events?grant={id}&kind=document.refused")).await.ok();
    assert_eq!(events["items"][0]["policy"], policy["id"], "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_lapses_on_both_sides_lapses_once() {
    let (server, mut agent, policy) = set_up().await;
    let (here_first, there_first) = (waiting(&mut agent, &policy, "alice").await, waiting(&mut agent, &policy, "alice").await);
    let lapse =
        |request: &str| Body::RequestLapsed(RequestClosed { request: RequestId::parse(request.trim_start_matches("/requests/")).unwrap() });
    let record = agent.record(&lapse(&there_first));
    agent.deliver(vec![record]).await;
    server.app.clock.advance("2h".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    let record = agent.record(&lapse(&here_first));
    agent.deliver(vec![record]).await;
    for request in [&here_first, &there_first] {
        assert_eq!(server.owner.read(request).await.ok()["state"], "lapsed");
        let id = request.trim_start_matches("/requests/");
        let events = server.owner.read(&format!("/events?request={id}&kind=request.lapsed")).await.ok();
        assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events}");
    }
}
