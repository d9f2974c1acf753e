//! Policies, lists, groups, autonomous rules: apply, versions, references, and what reaches the computers.

use brevet_core::document::{Kind, Manifest, PolicyDocument, SettingsDocument, open};
use reqwest::Method;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Actor, Server, request_policy};

fn file() -> Value {
    json!({
        "group": [{ "name": "web", "computers": ["web-1"] }, { "name": "team", "users": ["alice"] }],
        "list": [{ "name": "L", "rules": [{ "product": "apt" }] }],
        "policy": [{
            "name": "p", "computers": ["group:web"], "users": ["group:team", "os-group:ops"], "mode": "request",
            "applications": [{ "list": "L" }],
        }],
        "autonomous": [{
            "name": "a", "computers": "all", "users": "all", "applications": [{ "list": "L" }], "max_duration": "10m",
        }],
    })
}

async fn apply(actor: &Actor, file: &Value, dry_run: bool, prune: bool) -> Vec<String> {
    let done = actor.post("/apply", json!({ "file": file, "dry_run": dry_run, "prune": prune })).await.ok();
    let word = |c: &Value| format!("{} {} {}", c["kind"].as_str().unwrap(), c["name"].as_str().unwrap(), c["change"].as_str().unwrap());
    done["changes"].as_array().unwrap().iter().map(word).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_is_idempotent_and_applying_what_is_shown_changes_nothing() {
    let server = Server::start().await;
    let created = ["group web created", "group team created", "list L created", "policy p created", "autonomous a created"];
    assert_eq!(apply(&server.owner, &file(), true, false).await, created);
    assert_eq!(server.owner.read("/policies").await.ok()["items"], json!([]), "a dry run changes nothing");
    assert_eq!(apply(&server.owner, &file(), false, false).await, created);
    let shown = server.owner.read("/file").await.ok();
    assert!(apply(&server.owner, &shown, false, true).await.iter().all(|change| change.ends_with("unchanged")));
    let mut changed = file();
    changed["policy"][0]["description"] = json!("d");
    changed["autonomous"] = json!([]);
    let done = apply(&server.owner, &changed, false, true).await;
    assert_eq!(done, ["group web unchanged", "group team unchanged", "list L unchanged", "policy p changed", "autonomous a deleted"]);
    // The list is still named by the policy: the whole file is refused, and nothing of it happens.
    let without = json!({ "policy": changed["policy"], "group": changed["group"] });
    let refused = server.owner.post("/apply", json!({ "file": without, "prune": true })).await.refused("invalid");
    assert_eq!(refused["errors"][0]["field"], "policy[0].applications[0].list");
    server.owner.read("/lists/L").await.ok();
    let history = server.owner.read("/policies/p/history").await.ok();
    assert_eq!((&history["items"][0]["version"], &history["items"][1]["change"]), (&json!(2), &json!("created")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_names_and_references_are_kept_consistent() {
    let server = Server::start().await;
    apply(&server.owner, &file(), false, false).await;
    server.owner.delete("/lists/L").await.refused("in_use");
    server.owner.put("/groups/web", json!({ "name": "web2", "computers": [] })).await.refused("in_use");
    server.owner.post("/lists", json!({ "name": "L", "rules": [{ "product": "x" }] })).await.refused("name_taken");
    server.owner.post("/groups", json!({ "name": "both", "users": [], "computers": [] })).await.refused("invalid");
    let shown = server.owner.read("/policies/p").await;
    assert_eq!(shown.etag.as_deref(), Some("\"1\""));
    let policy = file()["policy"][0].clone();
    let mut next = policy.clone();
    next["message"] = json!("ask ops");
    let put = server.owner.call(Method::PUT, "/policies/p", Some(next.clone()), Some(("if-match", "\"1\""))).await.ok();
    assert_eq!(put["version"], 2);
    server.owner.call(Method::PUT, "/policies/p", Some(policy), Some(("if-match", "\"1\""))).await.refused("version_mismatch");
    let same = server.owner.put("/policies/p", next).await.ok();
    assert_eq!(same["version"], 2, "the same again changes nothing");
    server.owner.call(Method::POST, "/policies/p/renew", None, None).await.refused("invalid");
    let key = Some(("idempotency-key", "k1"));
    let first = server.owner.call(Method::POST, "/policies", Some(request_policy("q")), key).await;
    let again = server.owner.call(Method::POST, "/policies", Some(request_policy("q")), key).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    server.owner.call(Method::POST, "/policies", Some(request_policy("r")), key).await.refused("idempotency_mismatch");
    server.owner.delete("/policies/q").await.ok();
    server.owner.read("/policies/q").await.refused("not_found");
    server.owner.post("/policies", request_policy("q")).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn computers_get_what_concerns_them_and_only_when_it_changed() {
    let server = Server::start().await;
    let agent = Agent::enrol(&server, "web-1").await;
    let other = Agent::enrol(&server, "db-1").await;
    let mut stream = agent.stream(0, 0).await;
    agent.expect::<Manifest>(&mut stream).await;
    apply(&server.owner, &file(), false, false).await;
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!((manifest.seq, manifest.policies.len(), manifest.autonomous.len()), (2, 1, 1));
    let documents = agent.missing(&[manifest.policies[0].digest]).await;
    let document: PolicyDocument = open(&documents[0], &agent.trust.keys_for(Kind::Policy)).unwrap();
    assert_eq!((document.version, document.lists["L"].len(), &document.user_groups["team"]), (1, 1, &vec!["alice".to_owned()]));
    assert_eq!(other.missing(&[manifest.policies[0].digest]).await.len(), 0, "another computer's policy is not shown");

    // A list that a policy names changes the policy's document, so its version.
    let list = json!({ "name": "L", "rules": [{ "product": "apt" }, { "product": "dpkg" }] });
    server.owner.put("/lists/L", list).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    let documents = agent.missing(&[manifest.policies[0].digest]).await;
    let document: PolicyDocument = open(&documents[0], &agent.trust.keys_for(Kind::Policy)).unwrap();
    assert_eq!((document.version, document.lists["L"].len()), (2, 2));
    assert_eq!(server.owner.read("/policies/p").await.ok()["version"], 2);

    server.owner.put("/settings/autonomous", json!({ "value": "on" })).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    let documents = agent.missing(&[manifest.settings]).await;
    let settings: SettingsDocument = open(&documents[0], &agent.trust.keys_for(Kind::Settings)).unwrap();
    assert!(settings.autonomous && settings.version == 2);

    server.owner.call(Method::POST, "/policies/p/disable", None, None).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.policies.len(), 0);
    let seqs = ["web-1", "db-1"].map(|name| format!("/computers/{name}"));
    let sent = [server.owner.read(&seqs[0]).await.ok(), server.owner.read(&seqs[1]).await.ok()].map(|c| c["documents"]["sent"].clone());
    // The other computer heard of the autonomous rule, the list in it, and the setting; never of the policy.
    assert_eq!(sent, [json!(5), json!(4)]);
}
