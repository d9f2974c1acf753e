//! The connection to the database is torn at every statement of the important actions: afterwards the change and its event are both
//! there or neither is, and trying again has one effect. On PostgreSQL the backend is really terminated.

use std::collections::BTreeMap;

use brevet_core::record::Body;
use brevet_server::config::Config;
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, FromQueryResult as _, JsonValue, Statement};
use serde_json::{Value, json};

use crate::agent::{Agent, parse_token, random10, seed};
use crate::support::{Actor, Server, request_policy};

/// Everything that the database holds, table by table; except what is no state.
async fn content(server: &Server) -> BTreeMap<String, Vec<String>> {
    content_of(&server.app.store.pool).await
}

pub async fn content_of(pool: &DatabaseConnection) -> BTreeMap<String, Vec<String>> {
    let backend = pool.get_database_backend();
    let names = match backend {
        DbBackend::Postgres => "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    };
    let mut all = BTreeMap::new();
    for row in pool.query_all_raw(Statement::from_string(backend, names)).await.unwrap() {
        let name: String = row.try_get("", "name").unwrap();
        if ["replica", "used_nonce", "woken", "idempotency", "seaql_migrations"].contains(&name.as_str()) {
            continue;
        }
        let select = Statement::from_string(backend, format!("SELECT * FROM \"{name}\""));
        let rows = JsonValue::find_by_statement(select).all(pool).await.unwrap();
        let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
        rows.sort_unstable();
        all.insert(name, rows);
    }
    all
}

fn count(content: &BTreeMap<String, Vec<String>>, kind: &str) -> usize {
    content["event"].iter().filter(|row| row.contains(&format!("\"kind\":\"{kind}\""))).count()
}

/// One action, tried until it has its effect. `kind` is its event.
struct Action<F> {
    name: &'static str,
    kind: &'static str,
    attempt: F,
}

/// Tears at point after point until the action passes untorn. After each tear everything is as before; but for the point after the
/// commit, where the effect is durable, and trying again adds nothing.
async fn torn_everywhere<F: AsyncFn() -> bool>(server: &Server, action: Action<F>) {
    let Action { name, kind, attempt } = action;
    let tear = &server.app.store.tear;
    let before = content(server).await;
    let events = count(&before, kind);
    let mut points = 0;
    loop {
        tear.arm(points);
        let answered = attempt().await;
        if tear.disarm() {
            assert!(answered, "{name}: nothing was torn, and it failed");
            break;
        }
        let after = content(server).await;
        if answered || after != before {
            let differs: Vec<_> = after.keys().filter(|table| after.get(*table) != before.get(*table)).collect();
            assert_eq!(count(&after, kind), events + 1, "{name} torn at {points}: a change without its event: {differs:?}");
            assert!(points > 2, "{name}: durable before it was written");
            let _ = attempt().await;
            break;
        }
        points += 1;
        assert!(points < 400, "{name} does not end");
    }
    let after = content(server).await;
    assert_eq!(count(&after, kind), events + 1, "{name}: exactly one effect after {points} tears");
    assert!(points > 3, "{name} was torn at {points} points only");
}

async fn start() -> Server {
    let quiet = "1h".parse().unwrap();
    let server = Server::with(Config { heartbeat: quiet, sweep: quiet, look: quiet, ..crate::support::config() }).await;
    // Its first use is remembered; from here on reading writes nothing.
    server.owner.read("/me").await.ok();
    server
}

/// Without a key: what must have one effect even so.
fn call(actor: &Actor, method: Method, path: String, body: Value) -> impl AsyncFn() -> bool {
    async move || actor.call(method.clone(), &path, Some(body.clone()), None).await.status.is_success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_are_whole_or_not_at_all() {
    let server = start().await;
    let owner = &server.owner;
    let policy = owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let asked = agent.ask("alice", &policy, "30m").await;
    let approve = call(owner, Method::POST, format!("/requests/{}/approve", asked.id), json!({}));
    torn_everywhere(&server, Action { name: "approve", kind: "request.approved", attempt: approve }).await;
    let grant = owner.read(&format!("/requests/{}", asked.id)).await.ok()["grant"].as_str().unwrap().to_owned();
    let extend = json!({ "by": "1m" });
    let extend = call(owner, Method::POST, format!("/grants/{grant}/extend"), extend);
    extend_once(&server, extend, &grant).await;
    let revoke = call(owner, Method::POST, format!("/grants/{grant}/revoke"), json!({}));
    torn_everywhere(&server, Action { name: "revoke", kind: "grant.revoked", attempt: revoke }).await;
    let asked = agent.ask("alice", &policy, "30m").await;
    let decline = call(owner, Method::POST, format!("/requests/{}/decline", asked.id), json!({ "comment": "no" }));
    torn_everywhere(&server, Action { name: "decline", kind: "request.declined", attempt: decline }).await;
}

/// Extending twice is a legitimate wish, so that only a key or its state tells one wish from two: here it is tried until it answers.
async fn extend_once(server: &Server, extend: impl AsyncFn() -> bool, grant: &str) {
    let tear = &server.app.store.tear;
    let before = content(server).await;
    for point in 0..400 {
        tear.arm(point);
        let answered = extend().await;
        if tear.disarm() {
            assert!(answered);
            break;
        }
        let after = content(server).await;
        if after != before {
            assert_eq!(count(&after, "grant.extended"), 1, "torn at {point}");
            let version = server.owner.read(&format!("/grants/{grant}")).await.ok()["version"].clone();
            assert_eq!(version, 2, "torn at {point}");
            return;
        }
    }
    assert_eq!(count(&content(server).await, "grant.extended"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_and_settings_are_whole_or_not_at_all() {
    let server = start().await;
    let owner = &server.owner;
    Agent::enrol(&server, "web-1").await;
    let create = call(owner, Method::POST, "/policies".into(), request_policy("p"));
    torn_everywhere(&server, Action { name: "create", kind: "policy.created", attempt: create }).await;
    let everything = json!({ "file": { "policy": [request_policy("q")], "group": [{ "name": "g", "computers": ["web-1"] }] } });
    let apply = call(owner, Method::POST, "/apply".into(), everything);
    torn_everywhere(&server, Action { name: "apply", kind: "policy.created", attempt: apply }).await;
    let set = call(owner, Method::PUT, "/settings/autonomous".into(), json!({ "value": "on" }));
    torn_everywhere(&server, Action { name: "setting", kind: "setting.changed", attempt: set }).await;
    let quarantine = call(owner, Method::POST, "/computers/web-1/quarantine".into(), json!({ "comment": "x" }));
    torn_everywhere(&server, Action { name: "quarantine", kind: "computer.quarantined", attempt: quarantine }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_computers_say_is_taken_whole_or_not_at_all() {
    let server = start().await;
    server.owner.post("/policies", request_policy("p")).await.ok();
    let policy = server.owner.read("/policies/p").await.ok();
    let token = parse_token(&server.enrolment_token().await);
    let now = server.app.clock.now();
    let body = json!({
        "secret": token.secret, "hostname": "web-1", "platform": "test", "version": "0",
        "transport_key": brevet_core::document::Key::from_seed(&seed(1)).public(),
        "journal_key": brevet_core::document::Key::from_seed(&seed(2)).public(),
        "incarnation": brevet_core::id::Incarnation::new(now.millis(), random10()),
    });
    let enrol = async || {
        let answer = server.http.post(format!("{}/agent/v1/enrol", server.url)).json(&body).send().await.unwrap();
        answer.status().is_success()
    };
    torn_everywhere(&server, Action { name: "enrol", kind: "computer.enrolled", attempt: enrol }).await;

    let mut agent = Agent::enrol(&server, "web-2").await;
    let asked = Body::RequestCreated(Box::new(agent.request("alice", &policy, "30m")));
    let records = vec![agent.record_raw("x.y", &json!({})), agent.record(&asked)];
    let batch = agent.batch(records);
    let send = async || agent.send(&batch).await.1["journal"] == "acknowledged";
    torn_everywhere(&server, Action { name: "journal", kind: "request.created", attempt: send }).await;
    let stored = server.owner.read("/computers/web-2/journal").await.ok();
    assert_eq!(stored["records"].as_array().unwrap().len(), 2);

    server.app.clock.advance("2h".parse().unwrap());
    // The computers' silence is another matter, and noticed first.
    brevet_server::computers::presence::find_lost(&server.app).await.unwrap();
    let sweep = async || brevet_server::sweep::once(&server.app).await.is_ok();
    torn_everywhere(&server, Action { name: "sweep", kind: "request.lapsed", attempt: sweep }).await;
}

/// Between the commit and the answer: the caller tries again with its key, and is answered without a second effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_lost_the_answer_tries_again_with_the_key_and_has_one_effect() {
    let server = start().await;
    let mut body = request_policy("p");
    for (n, tail) in [0u32, 1, 2].into_iter().enumerate() {
        // How many points the call has, found by counting on a call that passes.
        let name = format!("p{n}");
        body["name"] = json!(name);
        let key = format!("key-{n}");
        let send = async || server.owner.call(Method::POST, "/policies", Some(body.clone()), Some(("idempotency-key", &key))).await;
        for point in 0.. {
            assert!(point < 400, "it does not end");
            server.app.store.tear.arm(point);
            let answer = send().await;
            let untorn = server.app.store.tear.disarm();
            let there = server.owner.read(&format!("/policies/{name}")).await.status.is_success();
            if there && (untorn || !answer.status.is_success()) {
                break;
            }
            // What was lost with its call is free again after two minutes.
            server.app.clock.advance("3m".parse().unwrap());
        }
        for _ in 0..=tail {
            let again = send().await;
            if again.status.is_success() {
                continue;
            }
            assert!(["idempotency_running", "already_done"].contains(&again.body["code"].as_str().unwrap()), "{}", again.body);
            server.app.clock.advance("3m".parse().unwrap());
        }
    }
    let kinds = server.owner.event_kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "policy.created").count(), 3, "{kinds:?}");
}
