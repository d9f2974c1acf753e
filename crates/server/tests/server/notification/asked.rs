//! Whoever is asked to decide is exactly who may.

use serde_json::{Value, json};

use super::quiet;
use crate::agent::Agent;
use crate::support::{Actor, Server, request_policy};

/// Persons of every sort, each with an e-mail target under their name.
async fn people(server: &Server) -> Vec<(String, Actor)> {
    for (name, computers) in [("web", ["web-1"]), ("db", ["db-1"])] {
        server.owner.post("/groups", json!({ "name": name, "computers": computers })).await.ok();
    }
    let approver = |name: &str| json!({ "name": name, "roles": ["approver"] });
    let with = |mut body: Value, field: &str, value: Value| {
        body[field] = value;
        body
    };
    let os_user = |user: &str| json!([{ "user": user }]);
    let bodies = [
        with(approver("everywhere"), "os_users", os_user("e")),
        with(with(approver("of web"), "scopes", json!({ "approver": ["web"] })), "os_users", os_user("w")),
        with(with(approver("of db"), "scopes", json!({ "approver": ["db"] })), "os_users", os_user("d")),
        with(approver("who asks"), "os_users", os_user("alice")),
        with(approver("who asks elsewhere"), "os_users", json!([{ "user": "alice", "computer": "db-1" }])),
        approver("nobody said who on computers"),
        with(approver("disabled"), "os_users", os_user("x")),
        with(approver("not one any more"), "os_users", os_user("y")),
        json!({ "name": "an administrator", "roles": ["administrator"], "os_users": os_user("z") }),
        json!({ "name": "named, no approver", "roles": ["auditor"], "os_users": os_user("n") }),
        with(approver("boss"), "os_users", os_user("b")),
    ];
    let mut all = Vec::new();
    for body in bodies {
        let name = body["name"].as_str().unwrap().to_owned();
        server.owner.post("/persons", body).await.ok();
        let target = json!({ "name": name, "kind": "email", "address": "a@example.com", "person": name });
        server.owner.post("/notification-targets", target).await.ok();
        all.push((name.clone(), server.token_for(&name, true).await));
    }
    server.owner.put("/persons/disabled/enabled", json!({ "enabled": false })).await.ok();
    server.owner.put("/persons/not one any more/roles", json!({ "roles": ["auditor"] })).await.ok();
    all
}

/// Who was told of the newest event of this kind as an approver.
async fn asked(server: &Server, kind: &str) -> Vec<String> {
    let log = server.owner.read(&format!("/notifications?kind={kind}&limit=500")).await.ok();
    let items = log["items"].as_array().unwrap();
    let newest = items.first().map(|item| item["event"].clone());
    let of_it = items.iter().filter(|item| Some(&item["event"]) == newest.as_ref() && item["audience"] == "approver");
    let mut names: Vec<String> = of_it.map(|item| item["target"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Who may decide: tried with a code that is not the request's, which is only looked at where the person may.
async fn may(people: &[(String, Actor)], request: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (name, actor) in people {
        let answer = actor.post(&format!("/requests/{request}/approve"), json!({ "code": "not this" })).await;
        if answer.body["code"] == "wrong_state" {
            assert!(answer.body["detail"].as_str().unwrap().contains("the request's code is"), "{}", answer.body);
            names.push(name.clone());
        }
    }
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_asked_is_exactly_who_may_decide() {
    let server = Server::with(quiet()).await;
    let mut agents = [Agent::enrol(&server, "web-1").await, Agent::enrol(&server, "db-1").await];
    let people = people(&server).await;
    let policy = |name: &str, approvers: Value| {
        let mut body = request_policy(name);
        body["request"] = json!({
            "max_duration": "1h", "approvals": 2, "approvers": approvers, "remind_after": "10m", "escalate_after": "20m",
            "escalate_to": ["person:boss", "person:an administrator"],
        });
        body
    };
    let wide = server.owner.post("/policies", policy("wide", json!(["role:approver"]))).await.ok();
    let named = json!(["person:everywhere", "person:of db", "person:named, no approver", "person:an administrator"]);
    let named = server.owner.post("/policies", policy("named", named)).await.ok();

    let there = agents[1].ask("alice", &wide, "30m").await;
    let expected = ["boss", "everywhere", "of db"];
    assert_eq!((asked(&server, "request.created").await, may(&people, there.id.as_str()).await), (own(&expected), own(&expected)));
    let by_name = agents[0].ask("alice", &named, "30m").await;
    assert_eq!(
        (asked(&server, "request.created").await, may(&people, by_name.id.as_str()).await),
        (own(&["everywhere"]), own(&["everywhere"]))
    );
    let here = agents[0].ask("alice", &wide, "30m").await;
    let expected = ["boss", "everywhere", "of web", "who asks elsewhere"];
    assert_eq!((asked(&server, "request.created").await, may(&people, here.id.as_str()).await), (own(&expected), own(&expected)));

    // Whoever approved already, and whoever lost a right since, is not asked again; nor who has an account no longer.
    let (_, boss) = people.iter().find(|(name, _)| name == "boss").unwrap();
    for request in [&here, &there] {
        boss.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
    }
    server.owner.put("/persons/of web/roles", json!({ "roles": ["approver"], "scopes": { "approver": ["db"] } })).await.ok();
    server.app.clock.advance("11m".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    let reminded = server.owner.read(&format!("/events?kind=request.reminded&request={}", here.id)).await.ok();
    let log = server.owner.read("/notifications?kind=request.reminded&limit=500").await.ok();
    let of_it = log["items"].as_array().unwrap().iter().filter(|item| item["event"] == reminded["items"][0]["id"]);
    let mut again: Vec<&str> = of_it.map(|item| item["target"].as_str().unwrap()).collect();
    again.sort_unstable();
    assert_eq!(again, ["everywhere", "who asks elsewhere"]);

    // Those whom an escalation names are asked then, as far as they may.
    server.app.clock.advance("10m".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    let escalated = server.owner.read("/notifications?kind=request.escalated&target=boss").await.ok();
    assert_eq!(escalated["items"].as_array().unwrap().len(), 1, "only of the request that they had not approved: {escalated}");
    let others = server.owner.read("/notifications?kind=request.escalated&target=an administrator").await.ok();
    assert_eq!(others["items"], json!([]));
}

fn own(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_right_while_it_waited_is_told_nothing() {
    let server = Server::with(quiet()).await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    for name in ["stays", "goes", "sleeps"] {
        server.person(name, &["approver"], true).await;
        let target = json!({ "name": name, "kind": "email", "address": "a@example.com", "person": name });
        server.owner.post("/notification-targets", target).await.ok();
        // There is no mail server: what is to be sent waits.
    }
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    agent.ask("alice", &policy, "30m").await;
    for name in ["stays", "goes", "sleeps"] {
        super::failed_once(&server, &format!("target={name}")).await;
    }
    server.owner.put("/persons/goes/roles", json!({ "roles": ["auditor"] })).await.ok();
    server.owner.put("/persons/sleeps/enabled", json!({ "enabled": false })).await.ok();
    server.app.clock.advance("10s".parse().unwrap());
    brevet_server::notification::once(&server.app).await.unwrap();
    for name in ["goes", "sleeps"] {
        super::settled(&server, &format!("target={name}"), "obsolete", 1).await;
    }
    super::settled(&server, "target=stays", "pending", 1).await;
}
