//! What one user makes large costs others no more than a page: lists are bounded by bytes, and everything is on one of their pages.

use std::collections::BTreeSet;

use brevet_core::id::{GrantId, SessionId};
use brevet_core::policy::Containment;
use brevet_core::record::{Body, SessionStarted};
use serde_json::{Value, json};

use crate::agent::{Agent, policy_ref, random10};
use crate::support::{Actor, Server, request_policy};

/// A page has at most so much in its items, unless one alone has more.
const PAGE: usize = 2 << 20;
const MANY: usize = 12;

/// Every page of a list: its items, and the bytes of each page.
async fn pages(actor: &Actor, path: &str) -> (Vec<Value>, Vec<usize>) {
    let (mut items, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = actor.read(&format!("{path}?limit=500{cursor}")).await.ok();
        sizes.push(page.to_string().len());
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        assert!(sizes.len() < 100, "it ends");
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, sizes),
        }
    }
}

#[track_caller]
fn whole((items, sizes): &(Vec<Value>, Vec<usize>), what: &str, wanted: usize) {
    let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), items.len()), (wanted, wanted), "{what}: each once");
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < PAGE + (4 << 10)), "{what}: {sizes:?}");
}

/// A computer on which one user asked so often for something with a quarter of a megabyte of arguments, was given it, and ran it.
async fn used(server: &Server) -> Agent {
    let mut agent = Agent::enrol(server, "web-1").await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    for _ in 0..MANY {
        let mut request = agent.request("alice", &policy, "30m");
        request.command.arguments.push("A".repeat(240_000).as_str().into());
        request.digest = request.compute_digest().unwrap();
        let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
        agent.deliver(vec![record]).await;
        let approved = server.owner.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
        let started = SessionStarted {
            session: SessionId::new(agent.now.millis(), random10()),
            grant: GrantId::parse(approved["grant"].as_str().unwrap()).unwrap(),
            policy: policy_ref(&policy),
            user: request.user.clone(),
            command: request.command.clone(),
            containment: Containment::Cgroup,
            terminal: false,
            reason: None,
            ends: agent.now,
        };
        let record = agent.record(&Body::SessionStarted(Box::new(started)));
        agent.deliver(vec![record]).await;
    }
    agent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_large_things_end_early_and_nothing_is_left_out() {
    let server = Server::start().await;
    used(&server).await;
    for path in ["/requests", "/grants", "/sessions"] {
        whole(&pages(&server.owner, path).await, path, MANY);
    }
    let events = pages(&server.owner, "/events").await;
    let all = events.0.len();
    whole(&events, "events", all);
    assert!(events.0.iter().filter(|event| event["kind"] == "request.created").count() == MANY, "{all}");
    let chosen = server.owner.read("/requests?limit=2").await.ok();
    assert_eq!((chosen["items"].as_array().unwrap().len(), chosen["next"].is_string()), (2, true), "the limit counts as before");

    let (mut after, mut records, mut sizes) = (0, 0, Vec::new());
    loop {
        let page = server.owner.read(&format!("/computers/web-1/journal?limit=1000&after={after}")).await.ok();
        records += page["records"].as_array().unwrap().len();
        sizes.push(page.to_string().len());
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert!(records == 2 * MANY && sizes.len() > 2, "{records} {sizes:?}");
    assert!(sizes.iter().all(|size| *size < 2 * PAGE), "a record is shown as text, in which each quote has a backslash: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_thing_that_is_larger_than_a_page_has_a_page_of_its_own() {
    let server = Server::start().await;
    let rules = |name: &str, count: usize| {
        let rules: Vec<Value> = (0..count).map(|n| json!({ "file": format!("/opt/{}/{n}", "x".repeat(3000)) })).collect();
        json!({ "name": name, "rules": rules })
    };
    for (name, count) in [("a", 1), ("b", 800), ("c", 1), ("d", 1)] {
        server.owner.post("/lists", rules(name, count)).await.ok();
    }
    let (items, sizes) = pages(&server.owner, "/lists").await;
    let names: Vec<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!((names, sizes.len()), (vec!["a", "b", "c", "d"], 3), "{sizes:?}");
    server.owner.put("/lists/b", rules("b", 799)).await.ok();
    let (versions, sizes) = pages(&server.owner, "/lists/b/history").await;
    assert_eq!((versions.len(), sizes.len()), (2, 2), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_large_grants_are_revoked_a_part_at_a_time() {
    let server = Server::start().await;
    used(&server).await;
    let (mut parts, mut done) = (0, 0);
    loop {
        let part = server.owner.post("/grants/revoke", json!({ "user": "alice", "limit": 500 })).await.ok();
        let count = part["items"].as_array().unwrap().len();
        assert!(part.to_string().len() < PAGE + (4 << 10) && count > 0);
        (parts, done) = (parts + 1, done + count);
        if part["left"] == 0 {
            break;
        }
    }
    assert!(parts > 1 && done == MANY, "{parts} {done}");
}
