//! Enrolment tokens, and the tokens of computers.

use brevet_core::document::Key;
use brevet_core::id::{ComputerId, Incarnation, InstanceId};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{Agent, parse_token, random10, seed};
use crate::support::Server;

async fn try_enrol(server: &Server, secret: &str, hostname: &str) -> (StatusCode, Value) {
    let key = |n| Key::from_seed(&seed(n)).public();
    let body = json!({
        "secret": secret, "hostname": hostname, "transport_key": key(1), "journal_key": key(2),
        "incarnation": Incarnation::new(1, random10()), "platform": "test", "version": "0",
    });
    let answer = server.http.post(format!("{}/agent/v1/enrol", server.url)).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_enrols_as_often_as_it_says_and_names_are_made_unique() {
    let server = Server::start().await;
    server.owner.post("/groups", json!({ "name": "web", "computers": [] })).await.ok();
    server.owner.post("/enrolment-tokens", json!({ "groups": ["nope"] })).await.refused("invalid");
    let made = server.owner.post("/enrolment-tokens", json!({ "uses": 2, "groups": ["web"] })).await.ok();
    let secret = parse_token(made["token"].as_str().unwrap()).secret;
    assert_eq!(try_enrol(&server, &secret, "box").await.1["name"], "box");
    assert_eq!(try_enrol(&server, &secret, "box").await.1["name"], "box-2");
    assert_eq!(try_enrol(&server, &secret, "box").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(try_enrol(&server, "wrong", "box").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(server.owner.read("/groups/web").await.ok()["computers"], json!(["box", "box-2"]));

    let one = server.owner.post("/enrolment-tokens", json!({})).await.ok();
    server.owner.delete(&format!("/enrolment-tokens/{}", one["id"].as_str().unwrap())).await.ok();
    assert_eq!(try_enrol(&server, &parse_token(one["token"].as_str().unwrap()).secret, "x").await.0, StatusCode::UNAUTHORIZED);
    let short = server.owner.post("/enrolment-tokens", json!({ "expires_in": "1m" })).await.ok();
    server.app.clock.advance("2m".parse().unwrap());
    assert_eq!(try_enrol(&server, &parse_token(short["token"].as_str().unwrap()).secret, "x").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computers_token_is_verified_strictly() {
    let server = Server::start().await;
    let agent = Agent::enrol(&server, "web-1").await;
    let other = Agent::enrol(&server, "web-2").await;
    let send = async |token: String| {
        let request = server.http.post(format!("{}/agent/v1/documents/missing", server.url)).bearer_auth(token);
        request.json(&json!({ "missing": [] })).send().await.unwrap().status()
    };
    let head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": agent.id });
    let token = agent.token().await;
    assert_eq!(send(token.clone()).await, StatusCode::OK);
    assert_eq!(send(token.clone()).await, StatusCode::OK, "a token may be used until it expires");
    let claims = agent.claims().await;
    assert_eq!(send(agent.sign(&claims)).await, StatusCode::OK);
    let mut again = claims.clone();
    again.exp += 1;
    assert_eq!(send(agent.sign(&again)).await, StatusCode::UNAUTHORIZED, "a nonce belongs to one token");
    for wrong in ["none", "HS256", "eddsa"] {
        let head = json!({ "alg": wrong, "typ": "JWT", "kid": agent.id });
        assert_eq!(send(agent.sign_as(&head, &agent.claims().await, &agent.transport)).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(send(agent.sign_as(&head, &agent.claims().await, &other.transport)).await, StatusCode::UNAUTHORIZED, "another's key");
    let mut claims = agent.claims().await;
    claims.aud = InstanceId::new(1, random10());
    assert_eq!(send(agent.sign(&claims)).await, StatusCode::UNAUTHORIZED, "another installation");
    let mut claims = agent.claims().await;
    claims.sub = ComputerId::new(1, random10());
    assert_eq!(send(agent.sign(&claims)).await, StatusCode::UNAUTHORIZED, "another subject");
    let mut claims = agent.claims().await;
    claims.exp = claims.iat - 1;
    assert_eq!(send(agent.sign(&claims)).await, StatusCode::UNAUTHORIZED, "expired");
    let mut claims = agent.claims().await;
    claims.exp = claims.iat + 601;
    assert_eq!(send(agent.sign(&claims)).await, StatusCode::UNAUTHORIZED, "lives too long");
    let mut claims = agent.claims().await;
    claims.nonce = "made-up".into();
    assert_eq!(send(agent.sign(&claims)).await, StatusCode::UNAUTHORIZED, "a nonce of its own");
    let late = agent.claims().await;
    server.app.clock.advance("3m".parse().unwrap());
    let mut late = late;
    late.exp += 300;
    assert_eq!(send(agent.sign(&late)).await, StatusCode::UNAUTHORIZED, "the nonce is too old");
    assert_eq!(send(format!("{}.x", agent.token().await)).await, StatusCode::UNAUTHORIZED);

    let mut stream = agent.stream(0, 0).await;
    server.owner.delete("/computers/web-1").await.ok();
    assert!(stream.ends().await);
    assert_eq!(send(agent.token().await).await, StatusCode::UNAUTHORIZED, "removed");
}
