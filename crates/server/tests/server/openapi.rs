//! The description: whole, without loose ends, and what it promises of every call.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, config, request_policy};

async fn described(server: &Server) -> Value {
    server.http.get(format!("{}/api/openapi.json", server.url)).send().await.unwrap().json().await.unwrap()
}

/// Every `$ref` in it.
fn references(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|inner| references(inner, out));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, out)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_is_described_wholly() {
    let server = Server::start().await;
    let document = described(&server).await;
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some_and(|schema| !schema.is_null()), "{reference} leads nowhere");
    }
    let mut ids = std::collections::HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}: its id is there twice");
            assert!(operation["tags"][0].is_string() && operation["security"][0]["token"].is_array(), "{place}");
            for parameter in operation["parameters"].as_array().unwrap() {
                let schema = &parameter["schema"];
                let typed = ["type", "$ref", "anyOf"].iter().any(|key| schema.get(key).is_some());
                assert!(typed, "{place}: {parameter} has no type");
            }
            if let Some(body) = operation.get("requestBody") {
                let example = &body["content"]["application/json"]["example"];
                assert!(!example.is_null(), "{place}: its body has no example: add one to http/openapi/examples.json");
            }
            let (status, success) = operation["responses"].as_object().unwrap().iter().find(|(status, _)| status.starts_with('2')).unwrap();
            let example = success["content"]["application/json"].get("example");
            let example = example.map(|example| example.get("items").map_or(example, |items| &items[0]));
            assert!(example.is_none_or(|e| !e.is_null()), "{place}: its answer has no example: add one to http/openapi/examples.json");
            assert!(success["headers"]["X-Request-Id"].is_object() && (status != "201" || success["headers"]["Location"].is_object()));
            for problem in ["401", "403", "429", "500"] {
                let content = &operation["responses"][problem]["content"]["application/problem+json"];
                assert!(content["schema"]["allOf"][1]["properties"]["code"]["enum"].is_array(), "{place}: {problem}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_toml_form_is_described_as_strictly_as_it_is_read() {
    let server = Server::start().await;
    let document = described(&server).await;
    for form in ["Policy", "List", "Group", "AutonomousRule", "File", "Rule", "Elevation", "RequestTerms", "Hours", "StoredPolicy"] {
        let schema = &document["components"]["schemas"][form];
        assert_eq!(schema["additionalProperties"], json!(false), "{form}: {schema}");
        assert!(schema["properties"].as_object().unwrap().len() > 1, "{form}");
    }
    let policy = &document["components"]["schemas"]["Policy"];
    let needed: Vec<&str> = policy["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(needed, ["name", "computers", "users", "mode", "applications"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_addresses_methods_queries_and_bodies_are_problems_too() {
    let server = Server::start().await;
    let owner = &server.owner;
    let raw = |method: Method, path: &str| server.http.request(method, format!("{}{path}", server.url)).bearer_auth(&owner.token);
    let answer = raw(Method::GET, "/api/v1/nothing").send().await.unwrap();
    assert_eq!((answer.status(), &answer.headers()["content-type"]), (StatusCode::NOT_FOUND, &"application/problem+json".parse().unwrap()));
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["code"], &body["request_id"]), (&json!("not_found"), &json!(id)));
    let page = server.http.get(body["type"].as_str().unwrap()).send().await.unwrap();
    assert!(page.status().is_success() && page.text().await.unwrap().contains("404 · not found"));

    let answer = raw(Method::PUT, "/api/v1/policies").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allowed = answer.headers()["allow"].to_str().unwrap().to_owned();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "method_not_allowed");

    for query in ["?colour=red", "?limit=0", "?limit=x", "?limit=1&limit=2", "?cursor=!", "?name=%00", "?mode=king"] {
        let refused = owner.read(&format!("/policies{query}")).await.refused("malformed");
        assert!(refused["detail"].is_string(), "{query}");
    }
    owner.read("/me?limit=1").await.refused("malformed");
    owner.read("/policies/a%00b").await.refused("not_found");
    owner.post("/policies", json!({ "name": "a\u{0}" })).await.refused("malformed");
    let text = raw(Method::POST, "/api/v1/policies").body("name = 1").send().await.unwrap();
    assert_eq!(text.json::<Value>().await.unwrap()["code"], "media_type");
    let large = format!("\"{}\"", "x".repeat(9 << 20));
    let large = raw(Method::POST, "/api/v1/policies").header("content-type", "application/json").body(large).send().await;
    if let Ok(answer) = large {
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "too_large");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_overwrites_what_they_have_not_seen() {
    let server = Server::start().await;
    let owner = &server.owner;
    let made = owner.post("/policies", request_policy("p")).await;
    let (path, tag) = (format!("/policies/{}", made.body["id"].as_str().unwrap()), made.etag.unwrap());
    let bare = |method: Method, path: &str, body: Option<Value>| {
        let (owner, path) = (owner.clone(), path.to_owned());
        async move { owner.call(method, &path, body, None).await }
    };
    bare(Method::PUT, &path, Some(request_policy("p"))).await.refused("precondition_required");
    bare(Method::DELETE, &path, None).await.refused("precondition_required");
    bare(Method::PUT, "/persons/owner/roles", Some(json!({ "roles": ["owner"] }))).await.refused("precondition_required");
    let with = |method: Method, path: &str, body: Option<Value>, tag: &str| {
        let (owner, path, tag) = (owner.clone(), path.to_owned(), tag.to_owned());
        async move { owner.call(method, &path, body, Some(("if-match", &tag))).await }
    };
    for wrong in ["1", "W/\"1\"", "\"1\", \"2\""] {
        with(Method::DELETE, &path, None, wrong).await.refused("malformed");
    }
    with(Method::POST, &format!("{path}/disable"), None, &tag).await.ok();
    for (method, body) in [(Method::DELETE, None), (Method::PUT, Some(request_policy("p")))] {
        with(method, &path, body, &tag).await.refused("version_mismatch");
    }
    // What has no version of its own has a tag of what can be changed in it.
    let objects = [
        ("/persons/owner", "/persons/owner/no-os-user", json!({ "no_os_user": false })),
        ("/settings/autonomous", "/settings/autonomous", json!({ "value": "on" })),
    ];
    for (shown, changed, body) in objects {
        let seen = owner.read(shown).await.etag.unwrap();
        if shown.starts_with("/persons") {
            server.person("another owner", &["owner"], false).await.call(Method::PUT, changed, Some(body.clone()), None).await.ok();
        } else {
            owner.call(Method::PUT, changed, Some(body.clone()), Some(("if-match", &seen))).await.ok();
        }
        with(Method::PUT, changed, Some(body), &seen).await.refused("version_mismatch");
        assert_ne!(owner.read(shown).await.etag.unwrap(), seen);
    }
    crate::agent::Agent::enrol(&server, "web-1").await;
    let seen = owner.read("/computers/web-1").await.etag.unwrap();
    owner.post("/computers/web-1/quarantine", json!({ "comment": "x" })).await.ok();
    with(Method::DELETE, "/computers/web-1", None, &seen).await.refused("version_mismatch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_one_key_is_done_once_however_often_it_comes_at_once() {
    let server = Server::start().await;
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let owner = server.owner.clone();
            tokio::spawn(async move {
                owner
                    .call(Method::POST, "/persons", Some(json!({ "name": "once", "roles": ["auditor"] })), Some(("idempotency-key", "k")))
                    .await
            })
        })
        .collect();
    let mut made = std::collections::HashSet::new();
    for call in calls {
        let answer = call.await.unwrap();
        match answer.status.as_u16() {
            201 => {
                made.insert(answer.body["id"].as_str().unwrap().to_owned());
            }
            _ => {
                answer.refused("idempotency_running");
            }
        }
    }
    assert_eq!(made.len(), 1);
    // The first owner's own creation is the other one.
    let kinds = server.owner.event_kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "person.created").count(), 2, "{kinds:?}");

    // Many tokens at once under one key: one is made, and its secret is shown to one caller only.
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let owner = server.owner.clone();
            tokio::spawn(
                async move { owner.call(Method::POST, "/tokens", Some(json!({ "name": "t" })), Some(("idempotency-key", "k"))).await },
            )
        })
        .collect();
    let mut shown = 0;
    for call in calls {
        let answer = call.await.unwrap();
        shown += usize::from(answer.status == StatusCode::CREATED);
        assert!(
            answer.status == StatusCode::CREATED
                || ["idempotency_running", "already_done"].contains(&answer.body["code"].as_str().unwrap())
        );
    }
    assert_eq!(shown, 1);
    let again = server.owner.call(Method::POST, "/tokens", Some(json!({ "name": "t" })), Some(("idempotency-key", "k"))).await;
    again.refused("already_done");
    assert_eq!(server.owner.read("/tokens").await.ok()["items"].as_array().unwrap().len(), 2);

    // A call that failed leaves its key free.
    let wrong = server.owner.call(Method::POST, "/groups", Some(json!({ "name": "g" })), Some(("idempotency-key", "g"))).await;
    wrong.refused("invalid");
    let right = json!({ "name": "g", "users": [] });
    let answer = server.owner.call(Method::POST, "/groups", Some(right), Some(("idempotency-key", "g"))).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    server.owner.call(Method::POST, "/groups", Some(json!({})), Some(("idempotency-key", "a b"))).await.refused("malformed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_server_died_is_free_again_and_one_whose_work_was_durable_is_not() {
    use brevet_server::store::entities::idempotency::{Column, Entity};
    use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
    let server = Server::start().await;
    let create = async |name: &str| {
        let body = json!({ "name": name, "users": [] });
        server.owner.call(Method::POST, "/groups", Some(body), Some(("idempotency-key", name))).await
    };
    let status = async |status: i64| {
        let all = Entity::update_many().col_expr(Column::Status, Expr::value(status)).filter(Column::Status.gte(0));
        all.exec(&server.app.store.pool).await.unwrap();
    };
    create("a").await.ok();
    // As a crash leaves it: after the work was durable, before the answer was kept.
    status(1).await;
    create("a").await.refused("idempotency_running");
    server.app.clock.advance("3m".parse().unwrap());
    create("a").await.refused("already_done");
    // And before anything was durable: at first it may still run, later it cannot.
    let now = server.app.clock.now().millis();
    Entity::update_many().col_expr(Column::Created, Expr::value(now)).exec(&server.app.store.pool).await.unwrap();
    status(0).await;
    create("a").await.refused("idempotency_running");
    server.owner.delete("/groups/a").await.ok();
    server.app.clock.advance("3m".parse().unwrap());
    create("a").await.ok();
    server.app.clock.advance("25h".parse().unwrap());
    create("a").await.refused("name_taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_calls_are_told_when_to_try_again_and_hinder_nobody_else() {
    let mut config = config();
    config.limits.token_calls_per_second = 1;
    config.limits.token_burst = 20;
    config.limits.address_calls_per_second = 1;
    config.limits.address_burst = 5;
    let server = Server::with(config).await;
    let quiet = server.token_for("owner", false).await;
    quiet.read("/me").await.ok();
    let agent = crate::agent::Agent::enrol(&server, "web-1").await;
    let url = format!("{}/api/v1/me", server.url);
    let stranger = || server.http.get(&url).bearer_auth("brv_0000000000000000000000000000000000000000000").send();
    let mut last = None;
    for _ in 0..20 {
        last = Some(stranger().await.unwrap());
    }
    let refused = last.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "rate_limited");
    quiet.read("/me").await.ok();
    // A computer that is known is not counted, however many strangers there are at its address.
    for _ in 0..20 {
        assert_eq!(agent.missing(&[]).await.len(), 0);
    }
    // What the strangers used up may have come back while the computer was served.
    let mut links = Vec::new();
    for _ in 0..20 {
        links.push(server.http.get(format!("{}/sign-in/wrong", server.url)).send().await.unwrap().status());
    }
    assert!(links.contains(&StatusCode::TOO_MANY_REQUESTS), "{links:?}");
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(server.owner.read("/me").await.status.as_u16());
    }
    assert!(answers.contains(&200) && answers.ends_with(&[429]), "{answers:?}");
    quiet.read("/me").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_dawdles_is_closed_and_a_body_that_does_is_given_up() {
    use std::io::{Read as _, Write as _};
    let mut config = config();
    config.limits.header_timeout = "1s".parse().unwrap();
    config.limits.body_timeout = "1s".parse().unwrap();
    let server = Server::with(config).await;
    let (place, token) = (server.place(), server.owner.token.clone());
    let slow = move |start: String, dawdles: bool| -> String {
        let mut stream = place.connect();
        stream.write_all(start.as_bytes()).unwrap();
        for _ in 0..40 {
            if !dawdles || stream.write_all(b"X").and_then(|()| stream.flush()).is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    };
    let silent = {
        let slow = slow.clone();
        tokio::task::spawn_blocking(move || slow("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ".into(), true))
    };
    let said = silent.await.unwrap();
    assert!(!said.contains("200 OK"), "{said}");
    let head = format!(
        "POST /api/v1/groups HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let said = tokio::task::spawn_blocking(move || slow(head, false)).await.unwrap();
    assert!(said.contains("408") && said.contains("too_slow"), "{said}");
}
