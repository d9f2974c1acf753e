//! What takes an approval back, who is asked after a while, and ending many grants at once.

use brevet_core::record::{Body, RequestClosed};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Server, request_policy};

async fn two_approvals() -> (Server, Agent, Value) {
    let server = Server::start().await;
    let mut body = request_policy("two");
    body["request"] = json!({ "approvals": 2, "max_duration": "1h" });
    let policy = server.owner.post("/policies", body).await.ok();
    let agent = Agent::enrol(&server, "web-1").await;
    (server, agent, policy)
}

async fn count(server: &Server, kind: &str) -> usize {
    server.owner.event_kinds().await.iter().filter(|k| *k == kind).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_changes_loses_its_approvals_and_needs_the_code_of_what_was_seen() {
    let (server, mut agent, policy) = two_approvals().await;
    let boss = server.person("boss", &["approver"], true).await;
    let request = agent.ask("alice", &policy, "30m").await;
    let path = format!("/requests/{}", request.id);
    server.owner.post(&format!("{path}/approve"), json!({ "comment": "fine" })).await.ok();
    let mut other = request.clone();
    other.command.arguments = vec!["true".into(), "--everything".into()];
    other.digest = other.compute_digest().unwrap();
    let record = agent.record(&Body::RequestCreated(Box::new(other.clone())));
    agent.deliver(vec![record]).await;
    let shown = server.owner.read(&path).await.ok();
    assert_eq!((&shown["revision"], shown["approvals"].as_array().unwrap().len()), (&json!(2), 0), "{shown}");
    assert_eq!(shown["code"], other.digest.short_code());
    assert_eq!((count(&server, "request.changed").await, count(&server, "request.approvals_reset").await), (1, 1));
    // The first approval does not count, and nobody approves without saying what they saw.
    boss.post(&format!("{path}/approve"), json!({})).await.refused("wrong_state");
    boss.post(&format!("{path}/approve"), json!({ "code": request.digest.short_code() })).await.refused("wrong_state");
    let seen = json!({ "code": other.digest.short_code(), "comment": "seen" });
    assert_eq!(boss.post(&format!("{path}/approve"), seen.clone()).await.ok()["state"], "pending");
    let done = server.owner.post(&format!("{path}/approve"), seen).await.ok();
    assert_eq!((&done["state"], &done["approvals"][0]["comment"]), (&json!("approved"), &json!("seen")));
    // What is decided does not change any more, nor does another computer change it.
    let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    agent.deliver(vec![record]).await;
    let mut stranger = Agent::enrol(&server, "web-2").await;
    let record = stranger.record(&Body::RequestCreated(Box::new(request)));
    stranger.deliver(vec![record]).await;
    let shown = server.owner.read(&path).await.ok();
    assert_eq!((&shown["state"], &shown["revision"]), (&json!("approved"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_of_the_policy_takes_approvals_back() {
    let (server, mut agent, policy) = two_approvals().await;
    let boss = server.person("boss", &["approver"], true).await;
    let request = agent.ask("alice", &policy, "30m").await;
    let path = format!("/requests/{}", request.id);
    server.owner.post(&format!("{path}/approve"), json!({})).await.ok();
    let mut changed = request_policy("two");
    changed["request"] = json!({ "approvals": 2, "max_duration": "2h" });
    server.owner.put("/policies/two", changed).await.ok();
    assert_eq!(server.owner.read(&path).await.ok()["approvals"], json!([]));
    assert_eq!(boss.post(&format!("{path}/approve"), json!({})).await.ok()["state"], "pending");
    assert_eq!(server.owner.post(&format!("{path}/approve"), json!({})).await.ok()["state"], "approved");
    assert_eq!(count(&server, "request.approvals_reset").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_counts_only_while_its_person_may_decide() {
    let (server, mut agent, policy) = two_approvals().await;
    for (index, change) in ["disabled", "role", "requester"].into_iter().enumerate() {
        let name = format!("bob {index}");
        let bob = server.person(&name, &["approver"], true).await;
        let request = agent.ask("alice", &policy, "30m").await;
        let approve = format!("/requests/{}/approve", request.id);
        bob.post(&approve, json!({})).await.ok();
        match change {
            "disabled" => server.owner.put(&format!("/persons/{name}/enabled"), json!({ "enabled": false })).await.ok(),
            "role" => server.owner.put(&format!("/persons/{name}/roles"), json!({ "roles": ["auditor"] })).await.ok(),
            _ => server.owner.post(&format!("/persons/{name}/os-users"), json!({ "user": "alice" })).await.ok(),
        };
        let answer = server.owner.post(&approve, json!({})).await.ok();
        assert_eq!(answer["state"], "pending", "{change}");
        let third = server.person(&format!("carol {index}"), &["approver"], true).await;
        let answer = third.post(&approve, json!({})).await.ok();
        assert_eq!(answer["state"], "approved", "{change}");
        let who: Vec<&str> = answer["approvals"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
        assert_eq!(who, ["owner", &format!("carol {index}")]);
    }
    assert_eq!(count(&server, "request.approvals_reset").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requester_does_not_approve_through_a_token_that_they_made_for_somebody_else() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    server.owner.post("/persons", json!({ "name": "Alice", "roles": ["owner", "approver"], "os_users": [{ "user": "alice" }] })).await.ok();
    let alice = server.token_for("Alice", true).await;
    server.person("bob", &["approver"], true).await;
    let made = alice.post("/tokens", json!({ "name": "his", "person": "bob", "decides": true })).await.ok();
    let as_bob = crate::support::Actor { token: made["token"].as_str().unwrap().into(), ..alice.clone() };
    // And a token that this one makes is as well known to her.
    let again = as_bob.post("/tokens", json!({ "name": "again", "decides": true })).await.ok();
    let again = crate::support::Actor { token: again["token"].as_str().unwrap().into(), ..alice.clone() };
    let request = agent.ask("alice", &policy, "30m").await;
    for actor in [&alice, &as_bob, &again] {
        actor.post(&format!("/requests/{}/approve", request.id), json!({})).await.refused("own_request");
    }
    let tokens = server.owner.read("/tokens").await.ok();
    let his = tokens["items"].as_array().unwrap().iter().find(|t| t["name"] == "his").unwrap();
    assert_eq!(his["made_by"], server.owner.read("/persons/Alice").await.ok()["id"]);
    // Somebody else's request is none of hers.
    let request = agent.ask("eve", &policy, "30m").await;
    as_bob.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvers_are_reminded_once_and_then_others_may_decide_too() {
    let server = Server::start().await;
    let mut body = request_policy("p");
    body["request"] = json!({
        "approvers": ["person:boss"], "remind_after": "10m", "escalate_after": "30m", "escalate_to": ["role:owner"], "max_duration": "1h",
    });
    let policy = server.owner.post("/policies", body).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    server.person("boss", &["approver"], true).await;
    let (waits, decided) = (agent.ask("alice", &policy, "30m").await, agent.ask("alice", &policy, "30m").await);
    let withdrawn = agent.record(&Body::RequestWithdrawn(RequestClosed { request: decided.id.clone() }));
    agent.deliver(vec![withdrawn]).await;
    assert_eq!(server.owner.read(&format!("/requests/{}", decided.id)).await.ok()["state"], "withdrawn");
    let path = format!("/requests/{}", waits.id);
    server.owner.post(&format!("{path}/approve"), json!({})).await.refused("not_an_approver");
    server.app.clock.advance("11m".parse().unwrap());
    for _ in 0..2 {
        brevet_server::sweep::once(&server.app).await.unwrap();
    }
    assert_eq!((count(&server, "request.reminded").await, count(&server, "request.escalated").await), (1, 0));
    server.owner.post(&format!("{path}/approve"), json!({})).await.refused("not_an_approver");
    server.app.clock.advance("20m".parse().unwrap());
    for _ in 0..2 {
        brevet_server::sweep::once(&server.app).await.unwrap();
    }
    assert_eq!((count(&server, "request.reminded").await, count(&server, "request.escalated").await), (1, 1));
    let shown = server.owner.read(&path).await.ok();
    assert_eq!(shown["approvers"], json!(["person:boss", "role:owner"]));
    assert!(shown["reminded"].is_string() && shown["escalated"].is_string(), "{shown}");
    server.owner.post(&format!("{path}/approve"), json!({})).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_grants_of_a_user_a_computer_or_a_policy_end_in_one_call() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut other = request_policy("q");
    other["users"] = json!(["bob"]);
    let other = server.owner.post("/policies", other).await.ok();
    let (mut one, mut two) = (Agent::enrol(&server, "web-1").await, Agent::enrol(&server, "web-2").await);
    let mut grants = Vec::new();
    for (agent, user, policy) in [(&mut one, "alice", &policy), (&mut two, "alice", &policy)] {
        let request = agent.ask(user, policy, "30m").await;
        grants.push(server.owner.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok()["grant"].clone());
    }
    for agent in [&mut one, &mut two] {
        let request = agent.ask("bob", &other, "30m").await;
        grants.push(server.owner.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok()["grant"].clone());
    }
    let admin = server.person("admin", &["administrator"], false).await;
    admin.post("/grants/revoke", json!({})).await.refused("invalid");
    admin.post("/grants/revoke", json!({ "policy": "nope" })).await.refused("not_found");
    admin.post("/grants/revoke", json!({ "computer": "nope" })).await.refused("not_found");
    admin.post("/grants/revoke", json!({ "user": "alice", "limit": 0 })).await.refused("invalid");
    let would = admin.post("/grants/revoke", json!({ "user": "alice", "dry_run": true })).await.ok();
    assert_eq!((would["items"].as_array().unwrap().len(), &would["items"][0]["result"]), (2, &json!("would_revoke")));
    assert_eq!(count(&server, "grant.revoked").await, 0);
    let part = admin.post("/grants/revoke", json!({ "user": "alice", "limit": 1, "comment": "leaves" })).await.ok();
    assert_eq!((&part["left"], &part["items"][0]["result"]), (&json!(1), &json!("revoked")));
    let both = admin.post("/grants/revoke", json!({ "user": "bob", "computer": "web-2" })).await.ok();
    assert_eq!((both["items"].as_array().unwrap().len(), &both["items"][0]["id"]), (1, &grants[3]));
    assert_eq!(admin.post("/grants/revoke", json!({ "computer": "web-2" })).await.ok()["items"].as_array().unwrap().len(), 1);
    assert_eq!(admin.post("/grants/revoke", json!({ "policy": "q", "now": true })).await.ok()["items"].as_array().unwrap().len(), 1);
    assert_eq!(admin.post("/grants/revoke", json!({ "user": "alice" })).await.ok()["items"], json!([]));
    assert_eq!(count(&server, "grant.revoked").await, 4);
}
