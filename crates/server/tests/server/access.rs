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
    auditor.post("/tokens", json!({ "name": "x", "roles": ["owner"] })).await.refused("invalid");
    auditor.post("/tokens", json!({ "name": "x", "person": "owner" })).await.refused("forbidden");
    auditor.post("/tokens", json!({ "name": "x", "decides": true })).await.refused("invalid");
    let made = auditor.post("/tokens", json!({ "name": "x", "expires_in": "2h" })).await.ok();
    let second = Actor { token: made["token"].as_str().unwrap().into(), ..auditor.clone() };
    assert_eq!(second.read("/me").await.ok()["roles"], json!(["auditor"]));
    server.app.clock.advance("3h".parse().unwrap());
    second.read("/me").await.refused("unauthenticated");
    auditor.delete(&format!("/tokens/{}", made["id"].as_str().unwrap())).await.ok();
    auditor.delete(&format!("/tokens/{}", made["id"].as_str().unwrap())).await.refused("wrong_state");
    server.owner.put("/persons/au/enabled", json!({ "enabled": false })).await.ok();
    auditor.read("/me").await.refused("unauthenticated");
    server.owner.put("/persons/owner/roles", json!({ "roles": ["auditor"] })).await.refused("last_owner");
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
