//! Two servers on one PostgreSQL: what one changes reaches whoever is connected to the other, and both together are as exact as one.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brevet_core::document::{GrantDocument, Kind, Manifest};
use brevet_core::record::Body;
use brevet_server::bootstrap::{self, OpenError};
use brevet_server::config::Config;
use brevet_server::store::entities::{sequence, used_nonce, woken};
use brevet_server::store::{Change, Job, Turn};
use reqwest::{Client, Method, StatusCode};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use crate::agent::{Agent, Stream};
use crate::support::{Actor, Described, Server, copy_keys, request_policy};

/// Heartbeats are far away, so that only a change makes a stream look.
fn config() -> Config {
    let far = "1h".parse().unwrap();
    Config { heartbeat: far, sweep: far, look: far, ..crate::support::config() }
}

async fn two(config: Config) -> (Server, Server) {
    let one = Server::shared(config.clone()).await;
    let two = one.beside(config).await;
    (one, two)
}

/// The same computer, speaking to another server.
fn at(agent: Agent, server: &Server) -> Agent {
    Agent { url: server.url.clone(), http: server.http.clone(), ..agent }
}

async fn settled(stream: &mut Stream) {
    while stream.next().await.kind() != Some(Kind::Heartbeat) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_at_one_server_reaches_the_computer_at_the_other_by_notification() {
    let (a, b) = two(config()).await;
    let mut agent = at(Agent::enrol(&a, "web-1").await, &b);
    let mut stream = agent.stream(0, 0).await;
    settled(&mut stream).await;
    assert_eq!(a.owner.read("/computers/web-1").await.ok()["documents"]["sent"], 1);
    let policy = a.owner.post("/policies", request_policy("p")).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.policies.len(), 1);
    let request = agent.ask("alice", &policy, "30m").await;
    a.owner.post(&format!("/requests/{}/approve", request.id), json!({})).await.ok();
    let grant: GrantDocument = agent.expect(&mut stream).await;
    assert_eq!(grant.request, request.id);
}

/// Until the condition holds, at most ten seconds.
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_notifications_nothing_is_lost() {
    let quiet = Config { look: "1s".parse().unwrap(), notifications: false, ..config() };
    let (a, b) = two(quiet).await;
    let agent = at(Agent::enrol(&a, "web-1").await, &b);
    let mut stream = agent.stream(0, 0).await;
    settled(&mut stream).await;
    for n in 0..3 {
        a.owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
        let manifest: Manifest = agent.expect(&mut stream).await;
        assert_eq!(manifest.policies.len(), n + 1);
    }
    // Whether a computer is connected is known at both.
    assert!(until(|| async { a.owner.read("/computers/web-1").await.ok()["connected"] == true }).await);
    drop(stream);
    assert!(until(|| async { a.owner.read("/computers/web-1").await.ok()["connected"] == false }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_listening_connection_loses_nothing_and_is_made_again() {
    let (a, b) = two(Config { look: "1s".parse().unwrap(), ..config() }).await;
    let agent = at(Agent::enrol(&a, "web-1").await, &b);
    let mut stream = agent.stream(0, 0).await;
    settled(&mut stream).await;
    let listening = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let pids = || async {
        let rows = a.app.store.pool.query_all_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, listening)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index::<i32>(0).unwrap()).collect::<Vec<_>>()
    };
    assert!(until(|| async { pids().await.len() == 2 }).await);
    for n in 0..3 {
        let before = pids().await;
        for pid in &before {
            a.app.store.pool.execute_unprepared(&format!("SELECT pg_terminate_backend({pid})")).await.unwrap();
        }
        a.owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
        let manifest: Manifest = agent.expect(&mut stream).await;
        assert_eq!(manifest.policies.len(), n + 1);
        assert!(until(|| async { pids().await.iter().filter(|pid| !before.contains(pid)).count() == 2 }).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_of_one_server_is_good_at_the_other_and_for_one_token_in_all() {
    let (a, b) = two(config()).await;
    let agent = Agent::enrol(&a, "web-1").await;
    let claims = agent.claims().await;
    let token = agent.sign(&claims);
    let missing = |server: &Server, token: &str| {
        let request = server.http.post(format!("{}/agent/v1/documents/missing", server.url)).bearer_auth(token);
        async move { request.json(&json!({ "missing": [] })).send().await.unwrap().status() }
    };
    assert_eq!(missing(&b, &token).await, StatusCode::OK, "made at one, shown at the other");
    assert_eq!(missing(&a, &token).await, StatusCode::OK, "the same token");
    let mut other = claims.clone();
    other.exp -= 1;
    for server in [&a, &b] {
        assert_eq!(missing(server, &agent.sign(&other)).await, StatusCode::UNAUTHORIZED, "another token with the same nonce");
        assert_eq!(missing(server, &token).await, StatusCode::OK);
    }
    assert_eq!(used_nonce::Entity::find().count(&a.app.store.pool).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_stream_at_the_other_server_ends_the_older() {
    let (a, b) = two(config()).await;
    let agent = Agent::enrol(&a, "web-1").await;
    let mut older = agent.stream(0, 0).await;
    settled(&mut older).await;
    let agent = at(agent, &b);
    let mut newer = agent.stream(0, 0).await;
    settled(&mut newer).await;
    assert!(older.ends().await);
    a.owner.post("/policies", request_policy("p")).await.ok();
    let manifest: Manifest = agent.expect(&mut newer).await;
    assert_eq!(manifest.policies.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_two_servers_are_as_exact_as_one() {
    let (a, b) = two(config()).await;
    let mut agent = Agent::enrol(&a, "web-1").await;
    let policy = json!({
        "name": "p", "computers": "all", "users": ["alice"], "mode": "request",
        "applications": [{ "file": "/usr/bin/true" }], "request": { "max_duration": "1h", "approvals": 2 },
    });
    let policy = a.owner.post("/policies", policy).await.ok();
    let mut approvers = Vec::new();
    for n in 0..4 {
        approvers.push(a.person(&format!("approver-{n}"), &["approver"], true).await);
    }
    let mut grants = 0;
    for _ in 0..6 {
        let request = agent.ask("alice", &policy, "30m").await;
        let path = format!("/requests/{}/approve", request.id);
        let calls = approvers.iter().enumerate().map(|(n, actor)| {
            let server = if n % 2 == 0 { &a } else { &b };
            let actor = Actor { token: actor.token.clone(), ..server.owner.clone() };
            let path = path.clone();
            tokio::spawn(async move { actor.post(&path, json!({})).await })
        });
        let mut taken = 0;
        for call in calls.collect::<Vec<_>>() {
            let answer = call.await.unwrap();
            if answer.status.is_success() {
                taken += 1;
            } else {
                answer.refused("wrong_state");
            }
        }
        assert_eq!(taken, 2, "exactly the approvals that were needed");
        let events = a.owner.read(&format!("/events?kind=grant.issued&request={}", request.id)).await.ok();
        assert_eq!(events["items"].as_array().unwrap().len(), 1);
        grants += 1;
    }
    let rows = sequence::Entity::find().filter(sequence::Column::Kind.eq("grant")).order_by_asc(sequence::Column::Seq);
    let rows = rows.all(&a.app.store.pool).await.unwrap();
    assert_eq!(rows.len(), grants);
    let all = sequence::Entity::find().order_by_asc(sequence::Column::Seq).all(&a.app.store.pool).await.unwrap();
    let numbers: Vec<i64> = all.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=i64::try_from(all.len()).unwrap()).collect::<Vec<_>>(), "no place twice, none left out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_idempotency_key_at_two_servers_at_once_has_one_effect_and_one_answer() {
    let (a, b) = two(config()).await;
    for n in 0..6 {
        let body = request_policy(&format!("p{n}"));
        let key = format!("key-{n}");
        let calls: Vec<_> = [&a, &b, &a, &b]
            .into_iter()
            .map(|server| {
                let actor = server.owner.clone();
                let (body, key) = (body.clone(), key.clone());
                tokio::spawn(async move {
                    loop {
                        let answer = actor.call(Method::POST, "/policies", Some(body.clone()), Some(("idempotency-key", &key))).await;
                        if answer.body["code"] != "idempotency_running" {
                            return answer.ok();
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                })
            })
            .collect();
        let mut ids = Vec::new();
        for call in calls {
            ids.push(call.await.unwrap()["id"].clone());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
    assert_eq!(a.owner.read("/policies").await.ok()["items"].as_array().unwrap().len(), 6);
    assert_eq!(a.owner.event_kinds().await.iter().filter(|kind| *kind == "policy.created").count(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_the_middle_of_a_change_or_of_its_turn_keeps_nobody_waiting() {
    let (a, b) = two(config()).await;
    // Each server's first sweep may be at it.
    let held = Mutex::new(None);
    let take = async || {
        *held.lock().unwrap() = Turn::take(&a.app.store, Job::Sweep).await.unwrap();
        held.lock().unwrap().is_some()
    };
    assert!(until(take).await);
    assert!(Turn::take(&b.app.store, Job::Sweep).await.unwrap().is_none(), "one at a time");
    let change = Change::begin(&a.app).await.unwrap();
    let waiting = tokio::spawn(async move {
        let done = b.owner.post("/policies", request_policy("p")).await.ok();
        (b, done)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "one writer at a time");
    // What the kernel does for a process that was killed.
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND state = 'idle in transaction'";
    let sqlx = sea_orm::Database::connect(a.database.clone().unwrap()).await.unwrap();
    sqlx.execute_unprepared(others).await.unwrap();
    let (b, _) = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert!(change.commit().await.is_err());
    assert!(until(|| async { Turn::take(&b.app.store, Job::Sweep).await.unwrap().is_some() }).await);
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_without_the_keys_or_the_authority_of_the_first_does_not_start() {
    let a = Server::shared(config()).await;
    let other = tempfile::tempdir().unwrap();
    let open = || bootstrap::open(other.path(), a.url.clone(), a.database.as_deref(), config());
    copy_keys(a.data.path(), other.path());
    std::fs::remove_file(other.path().join("tls/ca.pem")).unwrap();
    assert!(matches!(open().await, Err(OpenError::NoAuthority(_))));
    copy_keys(a.data.path(), other.path());
    std::fs::copy(other.path().join("keys/policy.key"), other.path().join("keys/issuer.key")).unwrap();
    assert!(matches!(open().await, Err(OpenError::OtherKeys(_))));
    copy_keys(a.data.path(), other.path());
    assert!(open().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_leaves_its_row_if_and_only_if_it_happens() {
    let a = Server::shared(config()).await;
    let rows = || async { woken::Entity::find().count(&a.app.store.pool).await.unwrap() };
    let before = rows().await;
    a.owner.post("/policies", json!({ "name": "p" })).await.refused("malformed");
    assert_eq!(rows().await, before);
    a.owner.post("/policies", request_policy("p")).await.ok();
    assert_eq!(rows().await, before + 1);
}

/// A server as a process of its own, killed when dropped.
struct Process {
    child: Child,
    url: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn process(data: &Path, database: &str) -> Process {
    use std::io::BufRead as _;
    let config = data.join("server.toml");
    std::fs::write(&config, "heartbeat = \"1s\"\nsweep = \"1s\"\nlook = \"1s\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_brevet-server"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--database", database, "--data"]).arg(data).arg("--config").arg(config);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let url = loop {
        let line = lines.next().expect("the server listens").unwrap();
        if let Some(url) = line.strip_prefix("brevet-server: listening on ") {
            break url.to_owned();
        }
    };
    std::thread::spawn(move || for _ in lines {});
    Process { child, url }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_is_killed_and_the_other_goes_on_exactly_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let database = crate::postgres::fresh();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = bootstrap::bootstrap(first.path(), "https://localhost:1", Some(&database), None).await.unwrap();
    copy_keys(first.path(), second.path());
    let (a, b) = (process(first.path(), &database), process(second.path(), &database));
    let ca = reqwest::Certificate::from_pem(&std::fs::read(&made.ca).unwrap()).unwrap();
    let http = Client::builder().tls_certs_only([ca]).build().unwrap();
    let actor = |url: &str| Actor { described: Described(Arc::default()), http: http.clone(), url: url.into(), token: made.token.clone() };
    let (at_a, at_b) = (actor(&a.url), actor(&b.url));
    let policy = at_a.post("/policies", request_policy("p")).await.ok();
    let token = at_a.post("/enrolment-tokens", json!({})).await.ok();
    let mut agent = Agent::enrol_at(&at_a, token["token"].as_str().unwrap(), "web-1").await;
    agent.url.clone_from(&b.url);
    let mut stream = agent.stream(0, 0).await;
    settled(&mut stream).await;
    // One that lapses in a moment, both sweep; then the first is killed and another lapses.
    let lapse = |agent: &Agent| {
        let mut request = agent.request("alice", &policy, "30m");
        request.lapses = agent.now.plus("2s".parse().unwrap());
        request.digest = request.compute_digest().unwrap();
        request
    };
    let mut expected = Vec::new();
    let mut killed = Some(a);
    for round in 0..2 {
        let request = lapse(&agent);
        let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
        agent.deliver(vec![record]).await;
        if round == 1 {
            drop(killed.take());
        }
        let path = format!("/requests/{}", request.id);
        assert!(until(|| async { at_b.read(&path).await.ok()["state"] == "lapsed" }).await);
        expected.push(request.id.to_string());
    }
    let events: Value = at_b.read("/events?kind=request.lapsed").await.ok();
    let mut lapsed: Vec<&str> = events["items"].as_array().unwrap().iter().map(|e| e["request"].as_str().unwrap()).collect();
    lapsed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lapsed, expected, "each once");
    at_b.post("/policies", request_policy("q")).await.ok();
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.policies.len(), 2);
}
