//! What is sound and will not do what its author means is said before it hurts.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Actor, Server, request_policy};

async fn warnings(actor: &Actor, file: Value) -> Vec<String> {
    let done = actor.post("/apply", json!({ "file": file, "dry_run": true })).await.ok();
    let said = |w: &Value| {
        format!("{} {} {}: {}", w["kind"].as_str().unwrap(), w["field"].as_str().unwrap(), w["code"].as_str().unwrap(), w["hint"])
    };
    done["warnings"].as_array().map(|all| all.iter().map(said).collect()).unwrap_or_default()
}

fn policy(name: &str, fields: &[(&str, Value)]) -> Value {
    let mut policy = request_policy(name);
    for (field, value) in fields {
        policy[*field] = value.clone();
    }
    policy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_matches_nothing_is_warned_of() {
    let server = Server::start().await;
    let owner = &server.owner;
    server.person("Ann", &["approver"], true).await;
    Agent::enrol(&server, "web-1").await;
    assert_eq!(warnings(owner, json!({ "policy": [policy("fine", &[("computers", json!(["web-1"]))])] })).await, Vec::<String>::new());
    let slip = policy("p", &[("computers", json!(["web-1", "wbe-1"]))]);
    assert_eq!(
        warnings(owner, json!({ "policy": [slip] })).await,
        ["policy computers[1] unknown_computer: \"do you mean \\\"web-1\\\"?\""]
    );
    let nowhere = policy("p", &[("computers", json!(["elsewhere"]))]);
    let said = warnings(owner, json!({ "policy": [nowhere] })).await;
    assert!(said.len() == 2 && said[0].contains("computers[0] unknown_computer: null") && said[1].contains("no_computer"), "{said:?}");
    let groups = json!([{ "name": "none", "computers": [] }, { "name": "nobody", "users": [] }]);
    let empty = policy("p", &[("computers", json!(["group:none", "web-1"])), ("users", json!(["group:nobody"]))]);
    let said = warnings(owner, json!({ "group": groups, "policy": [empty] })).await;
    assert_eq!(said, ["policy computers[0] empty_group: null", "policy users[0] empty_group: null"]);
    let over = json!({ "kind": "window", "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" });
    let said = warnings(owner, json!({ "policy": [policy("p", &[("validity", over)])] })).await;
    assert!(said.len() == 1 && said[0].contains("validity.end over"), "{said:?}");
    let unused = policy("p", &[("computers", json!(["elsewhere"])), ("enabled", json!(false))]);
    assert_eq!(warnings(owner, json!({ "policy": [unused] })).await, Vec::<String>::new(), "a disabled one is kept on purpose");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deny_that_shadows_a_policy_is_said_at_both() {
    let server = Server::start().await;
    let owner = &server.owner;
    server.person("Ann", &["approver"], true).await;
    owner.post("/policies", policy("give", &[])).await.ok();
    let deny = policy("deny", &[("mode", json!("deny")), ("users", json!("all"))]);
    let said = warnings(owner, json!({ "policy": [deny] })).await;
    assert!(said.len() == 1 && said[0].contains("mode shadows"), "{said:?}");
    owner.post("/policies", deny).await.ok();
    let found = owner.read("/policies/give/warnings").await.ok();
    assert_eq!((&found["items"][0]["code"], &found["items"].as_array().unwrap().len()), (&json!("shadowed"), &1));
    assert!(found["items"][0]["reason"].as_str().unwrap().contains("\"deny\""));
    let narrower = policy("deny", &[("mode", json!("deny")), ("users", json!(["bob"]))]);
    owner.put("/policies/deny", narrower).await.ok();
    assert_eq!(owner.read("/policies/give/warnings").await.ok()["items"], json!([]));
    owner.read("/policies/nothing/warnings").await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deny_shadows_through_a_list_too() {
    let server = Server::start().await;
    let owner = &server.owner;
    server.person("Ann", &["approver"], true).await;
    let files = json!([{ "file": "/usr/bin/a" }, { "file": "/usr/bin/b", "arguments": ["-x"] }]);
    let list = json!([{ "name": "Two", "rules": files }]);
    let deny = |rules: Value| policy("deny", &[("mode", json!("deny")), ("users", json!("all")), ("applications", rules)]);
    let give = policy("give", &[("applications", json!([{ "list": "Two" }]))]);
    let both = json!([{ "file": "/usr/bin/a" }, { "file": "/usr/bin/b" }]);
    let said = warnings(owner, json!({ "list": list, "policy": [deny(both), give.clone()] })).await;
    assert!(said.len() == 2 && said[0].contains("mode shadows") && said[1].contains("mode shadowed"), "{said:?}");
    let said = warnings(owner, json!({ "list": list, "policy": [deny(json!([{ "list": "Two" }])), give.clone()] })).await;
    assert_eq!(said.len(), 2, "{said:?}");
    let less = json!([{ "file": "/usr/bin/a" }, { "file": "/usr/bin/b", "arguments": ["-y"] }]);
    assert_eq!(warnings(owner, json!({ "list": list, "policy": [deny(less), give] })).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvers_who_can_never_approve_are_warned_of() {
    let server = Server::start().await;
    let owner = &server.owner;
    Agent::enrol(&server, "web-1").await;
    server.person("Bob", &["approver"], true).await;
    server.person("Carol", &["auditor"], true).await;
    let asks = |approvers: Value, approvals: u32| {
        let mut asks = policy("p", &[("computers", json!(["web-1"]))]);
        asks["request"] = json!({ "approvers": approvers, "approvals": approvals });
        json!({ "policy": [asks] })
    };
    assert_eq!(warnings(owner, asks(json!(["person:Bob"]), 1)).await, Vec::<String>::new());
    assert_eq!(
        warnings(owner, asks(json!(["person:Bobb", "role:approver"]), 1)).await,
        ["policy request.approvers[0] unknown_person: \"do you mean \\\"Bob\\\"?\""]
    );
    let said = warnings(owner, asks(json!(["person:Carol"]), 1)).await;
    assert!(said.len() == 2 && said[0].contains("no_approver") && said[1].contains("request.approvals too_few_approvers"), "{said:?}");
    let said = warnings(owner, asks(json!(["role:approver"]), 5)).await;
    assert!(said.len() == 1 && said[0].contains("too_few_approvers"), "{said:?}");
    // Who may not read persons learns of none.
    owner.post("/policies", asks(json!(["person:Bobb"]), 5)["policy"][0].clone()).await.ok();
    let dora = server.person("Dora", &["approver"], false).await;
    assert_eq!(dora.read("/policies/p/warnings").await.ok()["items"], json!([]));
    assert_eq!(owner.read("/policies/p/warnings").await.ok()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_nearly_a_name_is_suggested_and_what_is_used_is_not_deleted() {
    let server = Server::start().await;
    let owner = &server.owner;
    server.person("Ann", &["approver"], true).await;
    owner.post("/lists", json!({ "name": "Package tools", "rules": [{ "product": "apt" }] })).await.ok();
    owner.post("/groups", json!({ "name": "team", "users": ["alice"] })).await.ok();
    let wrong = policy("p", &[("applications", json!([{ "list": "Pakage tools" }])), ("users", json!(["group:taem", "alcie"]))]);
    let refused = owner.post("/policies", wrong).await.refused("invalid");
    let reasons: Vec<&str> = refused["errors"].as_array().unwrap().iter().map(|e| e["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons[0], "there is no list \"Pakage tools\"; do you mean \"Package tools\"?");
    assert_eq!(reasons[1], "there is no group of users \"taem\"; do you mean \"team\"?");
    let slip = policy("p", &[("applications", json!([{ "list": "Package tools" }])), ("users", json!(["group:team", "alcie"]))]);
    let said = warnings(owner, json!({ "policy": [slip.clone()] })).await;
    assert_eq!(said, ["policy users[1] unknown_user: \"do you mean \\\"alice\\\"?\""]);
    owner.post("/policies", slip).await.ok();
    for used in ["/lists/Package tools", "/groups/team"] {
        let refused = owner.delete(used).await.refused("in_use");
        assert!(refused["detail"].as_str().unwrap().contains("\"p\""), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_has_its_history_after_its_end_too() {
    let server = Server::start().await;
    let owner = &server.owner;
    let made = [
        ("/lists", json!({ "name": "x", "rules": [{ "product": "apt" }] })),
        ("/groups", json!({ "name": "x", "users": ["alice"] })),
        (
            "/autonomous",
            json!({ "name": "x", "users": "all", "computers": "all", "applications": [{ "product": "apt" }], "max_duration": "1h" }),
        ),
    ];
    for (path, body) in made {
        let id = owner.post(path, body).await.ok()["id"].as_str().unwrap().to_owned();
        let history = owner.read(&format!("{path}/x/history")).await.ok();
        assert_eq!((&history["items"][0]["change"], &history["items"][0]["by"]), (&json!("created"), &json!("owner")), "{path}");
        owner.delete(&format!("{path}/x")).await.ok();
        let history = owner.read(&format!("{path}/{id}/history")).await.ok();
        let words: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|item| &item["change"]).collect();
        assert_eq!(words, ["deleted", "created"], "{path}");
        owner.read(&format!("{path}/x/history")).await.refused("not_found");
    }
}
