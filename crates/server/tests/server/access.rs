//! Every route of the OpenAPI, without a token and with each role: a forgotten guard fails here.

use brevet_server::access::{Action, role_named};
use brevet_server::http;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Actor, Server};

/// A path whose parameters name nothing.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part }).collect::<Vec<_>>().join("/")
}

async fn call(actor: &Actor, method: &Method, path: &str) -> (StatusCode, serde_json::Value) {
    let body = matches!(*method, Method::POST | Method::PUT).then(|| json!({ "no_such_field": 1 }));
    let answer = actor.call(method.clone(), &filled(path), body, None).await;
    (answer.status, answer.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_has_only_so_many_tokens_that_have_not_ended() {
    let server = Server::start().await;
    let auditor = server.person("ann", &["auditor"], false).await;
    let make = |name: String| {
        let auditor = auditor.clone();
        async move { auditor.post("/tokens", json!({ "name": name, "expires_in": "1h" })).await }
    };
    let mut made = Vec::new();
    for number in 1..50 {
        made.push(make(format!("t{number}")).await.ok()["id"].as_str().unwrap().to_owned());
    }
    let refused = make("one more".into()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let refused = refused.refused("too_many");
    assert!(refused["detail"].as_str().unwrap().contains("\"ann\" has 50 tokens"), "{refused}");
    // An owner makes no more for them either; others have room of their own.
    server.owner.post("/tokens", json!({ "name": "x", "person": "ann" })).await.refused("too_many");
    server.owner.post("/tokens", json!({ "name": "x" })).await.ok();
    auditor.delete(&format!("/tokens/{}", made[0])).await.ok();
    make("in its place".into()).await.ok();
    make("one more".into()).await.refused("too_many");
    // Those that have ended by themselves do not count.
    server.app.clock.advance(brevet_core::time::Length::from_hours(2));
    make("later".into()).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_knows_who_calls_and_what_they_may() {
    let server = Server::start().await;
    let (_, operations) = http::api(&server.app);
    let described = server.http.get(format!("{}/api/openapi.json", server.url)).send().await.unwrap();
    let described: serde_json::Value = described.json().await.unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    assert!(operations.len() > 50);
    let nobody = Actor { token: "brv_0000000000000000000000000000000000000000000".into(), ..server.owner.clone() };
    let roles = ["owner", "administrator", "approver", "auditor"];
    let mut actors = Vec::new();
    for role in roles {
        actors.push((role, server.person(&format!("the {role}"), &[role], true).await));
    }
    for operation in &operations {
        let (method, path) = (&operation.method, operation.path);
        let key = format!("/api/v1{path}");
        assert!(described["paths"][&key][method.as_str().to_lowercase()].is_object(), "{method} {path} is not described");
        let (status, body) = call(&nobody, method, path).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthenticated")), "{method} {path} without a token");
        for (role, actor) in &actors {
            let (status, body) = call(actor, method, path).await;
            let allowed = operation.action.allowed_to(role_named(role).unwrap());
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{method} {path} as {role}: {body}");
            if allowed {
                assert!(status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED, "{method} {path} as {role}: {body}");
            } else {
                assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{method} {path} as {role}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_gives_no_more_than_its_person_and_stops_when_revoked_or_expired() {
    let server = Server::start().await;
    let auditor = server.person("au", &["auditor"], false).await;
    let beyond = auditor.post("/tokens", json!({ "name": "x", "roles": ["owner"] })).await.refused("invalid");
    assert_eq!(beyond["errors"][0]["reason"], "\"au\" does not have owner: \"au\" has auditor", "{beyond}");
    auditor.post("/tokens", json!({ "name": "x", "person": "owner" })).await.refused("forbidden");
    auditor.post("/tokens", json!({ "name": "x", "decides": true })).await.refused("invalid");
    let made = auditor.post("/tokens", json!({ "name": "x", "expires_in": "2h" })).await.ok();
    let second = Actor { token: made["token"].as_str().unwrap().into(), ..auditor.clone() };
    assert_eq!(second.read("/me").await.ok()["roles"], json!(["auditor"]));
    server.app.clock.advance("3h".parse().unwrap());
    let why = |refused: serde_json::Value| refused["detail"].as_str().unwrap().to_owned();
    assert!(why(second.read("/me").await.refused("unauthenticated")).starts_with("this token expired at "));
    auditor.delete(&format!("/tokens/{}", made["id"].as_str().unwrap())).await.ok();
    auditor.delete(&format!("/tokens/{}", made["id"].as_str().unwrap())).await.refused("wrong_state");
    server.owner.put("/persons/au/enabled", json!({ "enabled": false })).await.ok();
    assert_eq!(why(auditor.read("/me").await.refused("unauthenticated")), "this token's person is disabled");
    server.owner.put("/persons/au/enabled", json!({ "enabled": true })).await.ok();
    let made = auditor.post("/tokens", json!({ "name": "y" })).await.ok();
    let third = Actor { token: made["token"].as_str().unwrap().into(), ..auditor.clone() };
    auditor.delete(&format!("/tokens/{}", made["id"].as_str().unwrap())).await.ok();
    assert_eq!(why(third.read("/me").await.refused("unauthenticated")), "this token was revoked");
    let nobody = Actor { token: "brv_0000000000000000000000000000000000000000000".into(), ..auditor.clone() };
    assert_eq!(why(nobody.read("/me").await.refused("unauthenticated")), "there is no such token here");
    server.owner.put("/persons/owner/roles", json!({ "roles": ["auditor"] })).await.refused("last_owner");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_is_shown_to_whose_it_is_and_to_an_owner() {
    let server = Server::start().await;
    let (one, other) = (server.person("one", &["auditor"], false).await, server.person("other", &["administrator"], false).await);
    let made = one.post("/tokens", json!({ "name": "mine" })).await.ok();
    let path = format!("/tokens/{}", made["id"].as_str().unwrap());
    for actor in [&one, &server.owner] {
        let shown = actor.read(&path).await.ok();
        assert_eq!((&shown["name"], &shown["person_name"], &shown["revoked"]), (&json!("mine"), &json!("one"), &json!(false)));
        assert!(shown.get("token").is_none() && shown.get("hash").is_none(), "{shown}");
    }
    other.read(&path).await.refused("not_found");
    let made = server.owner.post("/enrolment-tokens", json!({ "name": "fleet", "uses": 3 })).await.ok();
    let path = format!("/enrolment-tokens/{}", made["id"].as_str().unwrap());
    let shown = other.read(&path).await.ok();
    assert_eq!((&shown["name"], &shown["uses"], &shown["used"]), (&json!("fleet"), &json!(3), &json!(0)));
    assert!(shown.get("token").is_none(), "{shown}");
    one.read(&path).await.refused("forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_was_removed_comes_in_nowhere_and_keeps_their_name_in_what_they_did() {
    let server = Server::start().await;
    let owner = &server.owner;
    let leaver = server.person("Leaver", &["owner", "approver"], false).await;
    leaver.post("/policies", crate::support::request_policy("theirs")).await.ok();
    owner.post("/persons/Leaver/os-users", json!({ "user": "leaver" })).await.ok();
    let link = owner.call(Method::POST, "/persons/Leaver/sign-in", None, None).await.ok();
    let id = owner.read("/persons/Leaver").await.ok()["id"].as_str().unwrap().to_owned();

    leaver.delete("/persons/Leaver").await.refused("forbidden");
    let stale = owner.call(Method::DELETE, "/persons/Leaver", None, Some(("if-match", "\"0\""))).await;
    stale.refused("version_mismatch");
    owner.delete("/persons/Leaver").await.ok();
    leaver.read("/me").await.refused("unauthenticated");
    let page = server.http.get(link["sign_in"].as_str().unwrap()).send().await.unwrap();
    assert!(!page.status().is_success(), "the link is over");

    let kept = owner.read("/persons/Leaver").await.ok();
    assert_eq!((&kept["id"], &kept["removed"], &kept["enabled"], &kept["os_users"]), (&json!(id), &json!(true), &json!(false), &json!([])));
    let listed = owner.read("/persons").await.ok();
    assert!(listed["items"].as_array().unwrap().iter().all(|person| person["name"] != "Leaver"), "{listed}");
    let history = owner.read("/policies/theirs/history").await.ok();
    assert_eq!(history["items"][0]["by"], "Leaver");
    let event = owner.read("/events?kind=person.removed").await.ok();
    assert_eq!(event["items"][0]["body"], json!({ "tokens": 1, "sessions": 0, "os_users": 1 }));

    // For good: nobody lets them in again, and nobody else is called so.
    owner.delete("/persons/Leaver").await.refused("wrong_state");
    owner.put("/persons/Leaver/enabled", json!({ "enabled": true })).await.refused("wrong_state");
    owner.put("/persons/Leaver/roles", json!({ "roles": ["auditor"] })).await.refused("wrong_state");
    owner.call(Method::POST, "/persons/Leaver/sign-in", None, None).await.refused("wrong_state");
    owner.post("/tokens", json!({ "name": "x", "person": "Leaver" })).await.refused("not_found");
    owner.post("/persons", json!({ "name": "Leaver", "roles": ["auditor"] })).await.refused("name_taken");
    owner.delete("/persons/owner").await.refused("forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_database_in_clear() {
    // What is stored is the same on both databases, and only SQLite's files are at hand.
    if crate::postgres::wanted() {
        return;
    }
    let server = Server::start().await;
    let approver = server.person("ap", &["approver"], true).await;
    let enrolment = crate::agent::parse_token(&server.enrolment_token().await).secret;
    let link = server.owner.call(Method::POST, "/persons/ap/sign-in", None, None).await.ok();
    let link = link["sign_in"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let bytes = server.database_bytes();
    assert!(bytes.len() > 10_000);
    for secret in [&server.owner.token, &approver.token, &enrolment, &link] {
        let bare = secret.trim_start_matches("brv_").as_bytes();
        assert!(!bytes.windows(bare.len()).any(|window| window == bare), "a secret is stored in clear");
    }
    assert!(Action::ALL.len() > 10);
}
