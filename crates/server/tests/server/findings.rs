//! What gives more than its author may mean is said wherever it is stored, checked or switched on, through lists on the server too.

use serde_json::{Value, json};

use crate::support::{Server, request_policy};

fn policy(name: &str, applications: Value, enabled: bool) -> Value {
    let mut policy = request_policy(name);
    policy["mode"] = json!("automatic");
    policy["applications"] = applications;
    policy["enabled"] = json!(enabled);
    policy
}

fn bash() -> Value {
    json!([{ "file": "/usr/bin/bash" }])
}

/// Each finding's or warning's name, field and code, of those that are a danger.
fn dangers(all: &Value) -> Vec<String> {
    let word = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    let dangers = all.as_array().into_iter().flatten().filter(|one| one["severity"] == "danger");
    dangers.map(|one| format!("{} {} {}", word(one, "name"), word(one, "field"), word(one, "code"))).collect()
}

const BASH: &str = "p applications[0].file runs_code";
const BY_LIST: &str = "p applications[0].list \"L\".rules[0].file runs_code";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storing_and_switching_on_says_what_a_policy_gives() {
    let server = Server::start().await;
    let owner = &server.owner;
    assert_eq!(dangers(&owner.post("/policies", policy("p", bash(), true)).await.ok()["findings"]), [BASH]);
    assert!(owner.read("/policies/p").await.ok().get("findings").is_none(), "a policy that is read is as it was written");
    assert_eq!(dangers(&owner.read("/policies/p/warnings").await.ok()["items"]), [BASH]);
    assert_eq!(dangers(&owner.put("/policies/p", policy("p", bash(), true)).await.ok()["findings"]), [BASH]);
    // What is disabled gives nothing, and can be asked about.
    assert!(owner.put("/policies/p", policy("p", bash(), false)).await.ok().get("findings").is_none());
    assert_eq!(dangers(&owner.read("/policies/p/warnings").await.ok()["items"]), [BASH]);
    assert_eq!(dangers(&owner.post("/policies/p/enable", json!({})).await.ok()["findings"]), [BASH]);
    assert!(owner.post("/policies/p/disable", json!({})).await.ok().get("findings").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_an_autonomous_rule_on_says_what_it_gives() {
    let server = Server::start().await;
    let owner = &server.owner;
    let rule = json!({
        "name": "p", "computers": "all", "users": ["alice"], "applications": bash(), "max_duration": "10m", "shadow": true,
    });
    assert!(owner.post("/autonomous", rule).await.ok().get("findings").is_none());
    assert_eq!(dangers(&owner.post("/autonomous/p/shadow", json!({ "shadow": false })).await.ok()["findings"]), [BASH]);
    assert!(owner.post("/autonomous/p/disable", json!({})).await.ok().get("findings").is_none());
    assert_eq!(dangers(&owner.post("/autonomous/p/enable", json!({})).await.ok()["findings"]), [BASH]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_looked_into_wherever_it_is_and_says_what_policies_give_by_it() {
    let server = Server::start().await;
    let owner = &server.owner;
    let list = |file: &str| json!({ "name": "L", "rules": [{ "file": file, "arguments": [] }] });
    owner.post("/lists", list("/opt/tools/report")).await.ok();
    let by_list = policy("p", json!([{ "list": "L" }]), true);
    assert_eq!(dangers(&owner.post("/policies", by_list.clone()).await.ok()["findings"]), [""; 0]);
    owner.post("/policies", policy("off", json!([{ "list": "L" }]), false)).await.ok();
    let checked = owner.post("/check", json!({ "definition": { "list": list("/usr/bin/bash") }, "replaces": "L" })).await.ok();
    assert_eq!(dangers(&checked["findings"]), [BY_LIST]);
    let apply = |file: Value| owner.post("/apply", json!({ "file": file, "dry_run": true }));
    assert_eq!(dangers(&apply(json!({ "list": [list("/usr/bin/bash")] })).await.ok()["findings"]), [BY_LIST]);
    // A policy of the file itself is said once.
    let both = json!({ "list": [list("/usr/bin/bash")], "policy": [by_list.clone()] });
    assert_eq!(dangers(&apply(both).await.ok()["findings"]), [BY_LIST]);
    assert_eq!(dangers(&owner.put("/lists/L", list("/usr/bin/bash")).await.ok()["findings"]), [BY_LIST]);
    // The list is on the server alone.
    assert_eq!(dangers(&apply(json!({ "policy": [by_list] })).await.ok()["findings"]), [BY_LIST]);
}
