//! Ten thousand policies, and a computer that never rests: what is large is taken whole, or refused with a reason.

use std::collections::BTreeSet;
use std::time::Instant;

use brevet_core::digest::Digest;
use brevet_core::document::{DocumentError, Kind, Manifest, PolicyDocument, open};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Server, request_policy};

const MANY: usize = 10_000;

/// Rules, users and modes as an estate of many teams has them.
fn policy(index: usize) -> Value {
    let rule = match index % 5 {
        0 => json!({ "hash": format!("sha256:{index:064x}") }),
        1 => json!({ "file": format!("/opt/files/tool-{index}") }),
        2 => json!({ "product": format!("product-{index}") }),
        3 => json!({ "vendor": format!("Vendor {index}") }),
        _ => json!({ "folder": format!("/opt/folders/team-{index}"), "subfolders": true }),
    };
    let mode = match index % 4 {
        0 => "deny",
        1 => "automatic",
        2 => "justify",
        _ => "request",
    };
    json!({ "name": format!("Policy {index}"), "users": [format!("user-{}", index % 1000)], "computers": "all", "mode": mode, "applications": [rule] })
}

/// Everything that the manifest names, in the steps in which `brevetd` fetches it.
async fn fetch(agent: &Agent, mut wanted: BTreeSet<Digest>) -> Result<usize, DocumentError> {
    let (keys, mut found) = (agent.trust.keys_for(Kind::Policy), 0);
    while !wanted.is_empty() {
        let some: Vec<Digest> = wanted.iter().take(256).copied().collect();
        let came = agent.missing(&some).await;
        assert!(!came.is_empty(), "{} are withheld", wanted.len());
        for envelope in came {
            assert!(wanted.remove(&envelope.digest()?), "nobody asked for it, or it came twice");
            found += usize::from(open::<PolicyDocument>(&envelope, &keys).is_ok());
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_policies_are_applied_in_one_transaction_and_reach_a_computer() {
    let server = Server::start().await;
    let agent = Agent::enrol(&server, "web-1").await;
    // As `brevetctl` sends it: every default spelled out.
    let file: brevet_core::file::File = serde_json::from_value(json!({ "policy": (0..MANY).map(policy).collect::<Vec<_>>() })).unwrap();
    let body = json!({ "file": file });
    let began = Instant::now();
    let applied = server.owner.post("/apply", body.clone()).await.ok();
    eprintln!("applied {MANY} in {:?}, a body of {} bytes", began.elapsed(), body.to_string().len());
    assert_eq!(applied["changes"].as_array().unwrap().len(), MANY);
    assert!(applied["changes"].as_array().unwrap().iter().all(|change| change["change"] == "created"));

    let mut stream = agent.stream(1, 1).await;
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.policies.len(), MANY);
    let began = Instant::now();
    let named: BTreeSet<Digest> = manifest.policies.iter().map(|entry| entry.digest).collect();
    assert_eq!(fetch(&agent, named.clone()).await.unwrap(), MANY);
    eprintln!("fetched in {:?}", began.elapsed());
    let sent = server.owner.read("/computers/web-1").await.ok();
    assert_eq!(sent["policies"].as_array().unwrap().len(), MANY);

    // One more change is one more document, not ten thousand.
    let began = Instant::now();
    server.owner.post("/policies", request_policy("one more")).await.ok();
    eprintln!("one more in {:?}", began.elapsed());
    let next: Manifest = agent.expect(&mut stream).await;
    let new: BTreeSet<Digest> = next.policies.iter().map(|entry| entry.digest).filter(|digest| !named.contains(digest)).collect();
    assert_eq!((next.policies.len(), fetch(&agent, new).await.unwrap()), (MANY + 1, 1));
    let again = server.owner.post("/apply", body).await.ok();
    assert!(again["changes"].as_array().unwrap().iter().all(|change| change["change"] == "unchanged"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_no_computer_would_take_is_refused_by_name_and_changes_nothing() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    let users: Vec<String> = (0..100_000).map(|n| format!("user-{n}")).collect();
    let mut policy = request_policy("p");
    policy["users"] = json!(["group:everybody"]);
    let file = json!({ "group": [{ "name": "everybody", "users": users }], "policy": [policy] });
    let refused = server.owner.post("/apply", json!({ "file": file })).await.refused("invalid");
    assert_eq!(refused["errors"][0]["field"], "applications");
    assert!(refused["errors"][0]["reason"].as_str().unwrap().contains("larger than a computer takes"), "{refused}");
    assert_eq!(server.owner.read("/policies").await.ok()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_that_never_rests_is_heard_on_with_the_token_that_it_has() {
    let server = Server::start().await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let token = agent.token().await;
    let mut newest = Vec::new();
    for n in 0..300 {
        let record = agent.record_raw("a.b", &json!({ "n": n }));
        newest = vec![record];
        let batch = agent.batch(newest.clone());
        let request = server.http.post(format!("{}/agent/v1/journal", server.url)).bearer_auth(&token).json(&batch);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "batch {n}");
    }
    // One that takes a new token each time is told what is wrong.
    for _ in 0..256 {
        let request = server.http.post(format!("{}/agent/v1/journal", server.url)).bearer_auth(agent.token().await);
        let answer = request.json(&agent.batch(newest.clone())).send().await.unwrap();
        if answer.status() == StatusCode::UNAUTHORIZED {
            let problem: Value = answer.json().await.unwrap();
            assert!(problem["detail"].as_str().unwrap().contains("use one until it expires"), "{problem}");
            return;
        }
    }
    panic!("tokens without end are not noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_that_was_away_for_long_gets_everything_before_a_heartbeat_vouches_for_it() {
    let server = Server::start().await;
    let agent = Agent::enrol(&server, "web-1").await;
    for n in 0..50 {
        server.owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
    }
    let mut stream = agent.stream(1, 0).await;
    let mut seqs = Vec::new();
    loop {
        let envelope = stream.next().await;
        match envelope.kind() {
            Some(Kind::Manifest) => seqs.push(open::<Manifest>(&envelope, &agent.trust.keys_for(Kind::Manifest)).unwrap().seq),
            Some(Kind::Heartbeat) => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(seqs, (1..=u64::try_from(seqs.len()).unwrap()).collect::<Vec<_>>());
    assert!(seqs.len() > 50, "the heartbeat came after {}", seqs.len());
}
