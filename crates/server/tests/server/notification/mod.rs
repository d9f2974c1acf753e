//! What people are told: by a webhook that this test receives, and by a real mail server.

mod asked;
mod flood;
mod mail;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_core::record::{Body, RequestClosed};
use brevet_server::config::{Config, smtp::Webhooks};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Server, request_policy};

/// Takes webhooks, and answers as it is told.
#[derive(Clone, Default)]
struct Receiver {
    taken: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    status: Arc<Mutex<u16>>,
    /// What it refuses as long as it has this in it.
    refused: Arc<Mutex<Option<String>>>,
    /// Whether it leaves a call without an answer.
    silent: Arc<Mutex<bool>>,
    url: String,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self { url, status: Arc::new(Mutex::new(200)), ..Self::default() };
        let router = axum::Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    async fn wait_for(&self, count: usize) -> Vec<(HeaderMap, String)> {
        for _ in 0..400 {
            let taken = self.taken.lock().unwrap().clone();
            if taken.len() >= count {
                return taken;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{count} webhooks, came {:?}", self.taken.lock().unwrap())
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let refused = receiver.refused.lock().unwrap().as_ref().is_some_and(|refused| body.contains(refused));
    receiver.taken.lock().unwrap().push((headers, body));
    let silent = *receiver.silent.lock().unwrap();
    if silent {
        std::future::pending::<()>().await;
    }
    let status = if refused { 422 } else { *receiver.status.lock().unwrap() };
    (StatusCode::from_u16(status).unwrap(), [("location", "http://127.0.0.1:1/elsewhere")])
}

fn config() -> Config {
    Config { webhooks: Webhooks { allow_loopback: true }, ..crate::support::config() }
}

/// Nothing is sent but what a change wakes the sending for, or a test asks for.
fn quiet() -> Config {
    Config { sweep: "10h".parse().unwrap(), ..config() }
}

fn verified(secret: &str, headers: &HeaderMap, body: &str) -> Value {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(key.len(), 32);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(header("webhook-signature"), expected);
    serde_json::from_str(body).unwrap()
}

async fn settled(server: &Server, query: &str, state: &str, count: usize) -> Vec<Value> {
    for _ in 0..400 {
        let log = server.owner.read(&format!("/notifications?{query}")).await.ok();
        let items = log["items"].as_array().unwrap().clone();
        if items.iter().filter(|item| item["state"] == state).count() >= count {
            return items;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{count} of {query} {state}: {}", server.owner.read("/notifications").await.ok())
}

/// The log, once its newest entry could not be sent.
async fn failed_once(server: &Server, query: &str) -> Value {
    failed_with(server, query, "").await
}

/// The log, once its newest entry could not be sent for this reason.
async fn failed_with(server: &Server, query: &str, why: &str) -> Value {
    for _ in 0..400 {
        let log = server.owner.read(&format!("/notifications?{query}")).await.ok();
        if log["items"][0]["error"].as_str().is_some_and(|error| error.contains(why)) {
            return log;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing of {query} failed with {why:?}: {}", server.owner.read("/notifications").await.ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_signed_in_order_sent_again_and_never_follow_a_redirect() {
    let server = Server::with(config()).await;
    let receiver = Receiver::start().await;
    let new = json!({ "name": "chat", "kind": "webhook", "address": receiver.url, "events": ["request.", "grant.revoked"] });
    let made = server.owner.post("/notification-targets", new.clone()).await.ok();
    server.owner.post("/notification-targets", new).await.refused("name_taken");
    let secret = made["secret"].as_str().unwrap().to_owned();
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;

    receiver.answers(302);
    let mut request = agent.request("alice", &policy, "30m");
    request.reason = "<b>x</b>\u{1b}[2J\nBcc: eve".into();
    let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    agent.deliver(vec![record]).await;
    receiver.wait_for(1).await;
    let waits = settled(&server, "target=chat", "pending", 1).await;
    let log = failed_once(&server, "target=chat").await;
    assert!(log["items"][0]["error"].as_str().unwrap().contains("redirects are not followed"), "{log}");
    // What comes after it waits behind it.
    server.owner.post(&format!("/requests/{}/approve", request.id), json!({ "comment": "ok" })).await.ok();
    brevet_server::notification::once(&server.app).await.unwrap();
    assert_eq!(receiver.taken.lock().unwrap().len(), 1);
    receiver.answers(204);
    server.app.clock.advance("10s".parse().unwrap());
    server.app.outbox.wake.notify_one();
    let taken = receiver.wait_for(3).await;
    let kinds: Vec<String> =
        taken.iter().map(|(headers, body)| verified(&secret, headers, body)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["request.created", "request.created", "request.approved"]);
    assert_eq!(taken[0].0["webhook-id"], taken[1].0["webhook-id"]);
    assert_eq!(taken[1].0["webhook-id"].to_str().unwrap(), waits[0]["id"]);
    let said: Value = serde_json::from_str(&taken[1].1).unwrap();
    assert_eq!(said["data"]["url"], format!("{}/requests/{}", server.url, request.id));
    let text = said["data"]["text"].as_str().unwrap();
    assert!(text.contains("\\u{1b}[2J\\nBcc: eve") && !text.contains('\u{1b}'), "{text}");
    settled(&server, "target=chat", "sent", 2).await;
    // The secret is nowhere afterwards.
    let shown = server.owner.read("/notification-targets/chat").await.ok();
    assert_eq!((shown.get("secret"), &shown["waiting"]), (None, &json!(0)));
    let export = server.owner.http.get(format!("{}/api/v1/events/export?format=jsonl", server.url)).bearer_auth(&server.owner.token);
    let export = export.send().await.unwrap().text().await.unwrap();
    assert!(export.contains("notification.target_created") && !export.contains(secret.trim_start_matches("whsec_")));
    if !crate::postgres::wanted() {
        let (bytes, bare) = (server.database_bytes(), secret.trim_start_matches("whsec_").as_bytes());
        assert!(!bytes.windows(bare.len()).any(|window| window == bare));
    }
    let next = server.owner.call(reqwest::Method::POST, "/notification-targets/chat/secret", None, None).await.ok();
    assert_ne!(next["secret"], secret);
    let test = server.owner.call(reqwest::Method::POST, "/notification-targets/chat/test", None, None).await.ok();
    assert_eq!(test["kind"], "notification.test");
    let taken = receiver.wait_for(4).await;
    verified(next["secret"].as_str().unwrap(), &taken[3].0, &taken[3].1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_taken_is_given_up_with_one_event_and_can_be_sent_again() {
    let server = Server::with(quiet()).await;
    let (broken, whole) = (Receiver::start().await, Receiver::start().await);
    broken.answers(500);
    for (name, receiver) in [("broken", &broken), ("whole", &whole)] {
        let new = json!({ "name": name, "kind": "webhook", "address": receiver.url, "events": ["policy.", "notification.failed"] });
        server.owner.post("/notification-targets", new).await.ok();
    }
    server.owner.post("/policies", request_policy("p")).await.ok();
    // One that fails holds up no other.
    whole.wait_for(1).await;
    for (tries, pause) in ["5s", "30s", "2m", "10m", "30m", "1h", "3h", "8h", "12h"].into_iter().enumerate() {
        let status = 500 + u16::try_from(tries).unwrap();
        failed_with(&server, "target=broken", &format!("it answered {status}")).await;
        assert_eq!(broken.taken.lock().unwrap().len(), tries + 1, "before {pause} are over it is not tried again");
        broken.answers(status + 1);
        server.app.clock.advance(pause.parse().unwrap());
        brevet_server::notification::once(&server.app).await.unwrap();
    }
    let log = settled(&server, "target=broken", "failed", 1).await;
    assert_eq!((log.len(), &log[0]["attempts"]), (1, &json!(10)), "{log:?}");
    assert_eq!(server.owner.event_kinds().await.iter().filter(|kind| *kind == "notification.failed").count(), 1);
    let told = whole.wait_for(2).await;
    assert!(!told[0].1.contains("notification.failed"));
    assert!(told[1].1.contains("notification.failed") && told[1].1.contains("509"), "{}", told[1].1);
    broken.answers(200);
    let path = format!("/notifications/{}/retry", log[0]["id"].as_str().unwrap());
    server.owner.call(reqwest::Method::POST, &path, None, None).await.ok();
    settled(&server, "target=broken", "sent", 1).await;
    server.owner.call(reqwest::Method::POST, &path, None, None).await.refused("wrong_state");
    server.owner.read("/notifications?state=lost").await.refused("malformed");
    // Gone for good is one answer, not ten.
    broken.answers(410);
    server.owner.call(reqwest::Method::POST, "/policies/p/disable", None, None).await.ok();
    let log = settled(&server, "target=broken&state=failed", "failed", 1).await;
    assert_eq!(log[0]["attempts"], 1);
    // It is one more failure and no more news: an event again once something was taken in between.
    server.app.clock.advance("1h".parse().unwrap());
    server.owner.call(reqwest::Method::POST, "/policies/p/enable", None, None).await.ok();
    settled(&server, "target=broken&state=failed", "failed", 2).await;
    assert_eq!(server.owner.event_kinds().await.iter().filter(|kind| *kind == "notification.failed").count(), 2);
    // What waits for longer than two days is given up: here, because there is no mail server.
    let new = json!({ "name": "post", "kind": "email", "address": "a@example.com", "events": ["policy."] });
    server.owner.post("/notification-targets", new).await.ok();
    server.owner.call(reqwest::Method::POST, "/policies/p/disable", None, None).await.ok();
    let log = failed_once(&server, "target=post").await;
    assert!(log["items"][0]["error"].as_str().unwrap().contains("no [smtp]"), "{log}");
    server.app.clock.advance("49h".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    let log = settled(&server, "target=post", "failed", 1).await;
    assert!(log[0]["error"].as_str().unwrap().contains("two days"), "{log:?}");
    server.owner.delete("/notification-targets/broken").await.ok();
    server.owner.read("/notification-targets/broken").await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_owner_says_where_notifications_go_and_not_to_this_machine() {
    let server = Server::start().await;
    let admin = server.person("admin", &["administrator"], false).await;
    let new = |kind: &str, address: &str| json!({ "name": "x", "kind": kind, "address": address, "events": ["none.such"] });
    admin.post("/notification-targets", new("webhook", "https://hooks.example.com/x")).await.refused("forbidden");
    for (kind, address) in [
        ("webhook", "http://hooks.example.com/x"),
        ("webhook", "http://127.0.0.1:1/"),
        ("webhook", "https://127.0.0.1/"),
        ("webhook", "https://169.254.169.254/latest"),
        ("webhook", "https://u:p@example.com/"),
        ("email", "a@example.com\r\nBcc: eve@example.com"),
        ("email", "A <a@example.com>"),
    ] {
        let refused = server.owner.post("/notification-targets", new(kind, address)).await.refused("invalid");
        assert_eq!(refused["errors"][0]["field"], "address", "{refused}");
    }
    server
        .owner
        .post("/notification-targets", json!({ "name": "x", "kind": "email", "address": "a@example.com" }))
        .await
        .refused("invalid");
    let both = json!({ "name": "x", "kind": "email", "address": "a@example.com", "person": "owner", "events": ["all"] });
    server.owner.post("/notification-targets", both).await.refused("invalid");
    // A name that leads to this machine when it is looked up.
    server.owner.post("/notification-targets", new("webhook", "https://localhost:1/x")).await.ok();
    server.owner.call(reqwest::Method::POST, "/notification-targets/x/test", None, None).await.ok();
    let log = failed_once(&server, "target=x").await;
    assert!(log["items"][0]["error"].as_str().unwrap().contains("is this machine"), "{log}");
    assert_eq!(log["items"][0]["state"], "pending");
    // The path of a webhook is its receiver's secret: who may not change it does not see it, and no event has it.
    let new =
        json!({ "name": "hook", "kind": "webhook", "address": "https://hooks.example.com/services/T0/s3same?k=1", "events": ["all"] });
    server.owner.post("/notification-targets", new).await.ok();
    assert!(server.owner.read("/notification-targets/hook").await.ok()["address"].as_str().unwrap().ends_with("s3same?k=1"));
    for path in ["/notification-targets", "/notification-targets/hook"] {
        let seen = admin.read(path).await.ok().to_string();
        assert!(seen.contains("https://hooks.example.com/…") && !seen.contains("s3same"), "{seen}");
    }
    server.owner.put("/notification-targets/hook/enabled", json!({ "enabled": false })).await.ok();
    assert!(!server.owner.read("/events?limit=500").await.ok().to_string().contains("s3same"));
    // What somebody else changed is not changed or deleted unseen.
    let stale = Some(("if-match", "\"stale\""));
    let off = Some(json!({ "enabled": true }));
    server.owner.call(reqwest::Method::PUT, "/notification-targets/hook/enabled", off, stale).await.refused("version_mismatch");
    server.owner.call(reqwest::Method::DELETE, "/notification-targets/hook", None, stale).await.refused("version_mismatch");
    let path = "/notification-templates/default";
    let words = json!({ "subject": "x", "body": "y" });
    server.owner.call(reqwest::Method::PUT, path, Some(words.clone()), None).await.refused("precondition_required");
    let tag = server.owner.read(path).await.etag.unwrap();
    server.owner.call(reqwest::Method::PUT, path, Some(words.clone()), Some(("if-match", &tag))).await.ok();
    server.owner.call(reqwest::Method::PUT, path, Some(words), Some(("if-match", &tag))).await.refused("version_mismatch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_holds_what_the_event_says_or_neither_is_there() {
    let server = Server::with(config()).await;
    let new = json!({ "name": "x", "kind": "email", "address": "a@example.com", "events": ["policy."] });
    server.owner.post("/notification-targets", new).await.ok();
    // A change that is dropped leaves neither.
    server.owner.post("/apply", json!({ "file": { "policy": [request_policy("p")] }, "dry_run": true })).await.ok();
    assert_eq!(server.owner.read("/notifications").await.ok()["items"], json!([]));
    server.owner.post("/apply", json!({ "file": { "policy": [request_policy("p")] } })).await.ok();
    let log = server.owner.read("/notifications").await.ok();
    assert_eq!((log["items"].as_array().unwrap().len(), &log["items"][0]["kind"]), (1, &json!("policy.created")));
    server.owner.put("/notification-targets/x/enabled", json!({ "enabled": false })).await.ok();
    server.owner.call(reqwest::Method::POST, "/policies/p/disable", None, None).await.ok();
    assert_eq!(server.owner.read("/notifications").await.ok()["items"].as_array().unwrap().len(), 1);
    server.owner.call(reqwest::Method::POST, "/notification-targets/x/test", None, None).await.refused("wrong_state");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_can_be_changed_and_cannot_do_harm() {
    let server = Server::with(config()).await;
    let receiver = Receiver::start().await;
    let new = json!({ "name": "chat", "kind": "webhook", "address": receiver.url, "events": ["request.created"] });
    server.owner.post("/notification-targets", new).await.ok();
    let admin = server.person("admin", &["administrator"], false).await;
    let path = "/notification-templates/request.created";
    assert_eq!(admin.read(path).await.ok()["built_in"], true);
    for (subject, body) in
        [("a\nb", "x"), ("{{ nothing }}", "x"), ("x", "{% for a in range(9999999) %}x{% endfor %}"), ("x", "{{"), ("", "")]
    {
        admin.put(path, json!({ "subject": subject, "body": body })).await.refused("invalid");
    }
    admin.put("/notification-templates/nonsense", json!({ "subject": "x", "body": "x" })).await.refused("not_found");
    admin.put(path, json!({ "subject": "{{ user }} wants {{ reason }}", "body": "Look: {{ url }}" })).await.ok();
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut request = agent.request("alice", &policy, "30m");
    request.reason = "{{ url }}\r\nTo: eve".into();
    let record = agent.record(&Body::RequestCreated(Box::new(request)));
    agent.deliver(vec![record]).await;
    let taken = receiver.wait_for(1).await;
    let said: Value = serde_json::from_str(&taken[0].1).unwrap();
    assert_eq!(said["data"]["subject"], "alice wants {{ url }}\\r\\nTo: eve");
    assert!(said["data"]["text"].as_str().unwrap().starts_with("Look: https://localhost"));
    admin.delete(path).await.ok();
    admin.delete(path).await.refused("not_found");
    assert_eq!(admin.read(path).await.ok()["built_in"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_person_is_told_what_concerns_them_and_nobody_is_asked_what_is_decided() {
    let server = Server::with(config()).await;
    server.owner.post("/persons", json!({ "name": "Alice", "roles": ["approver"], "os_users": [{ "user": "alice" }] })).await.ok();
    server.person("bob", &["approver"], true).await;
    server.person("boss", &["approver"], true).await;
    server.person("au", &["auditor"], false).await;
    for person in ["Alice", "bob", "boss", "au", "owner"] {
        let new = json!({ "name": person, "kind": "email", "address": format!("{person}@example.com"), "person": person });
        server.owner.post("/notification-targets", new).await.ok();
    }
    let mut policy = request_policy("p");
    policy["request"] = json!({ "approvers": ["person:bob", "person:Alice"], "escalate_after": "10m", "escalate_to": ["person:boss"], "max_duration": "1h" });
    let policy = server.owner.post("/policies", policy).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let request = agent.ask("alice", &policy, "30m").await;
    let told = |log: &Value, kind: &str| {
        let of_kind = log["items"].as_array().unwrap().iter().filter(|item| item["kind"] == kind);
        let mut who: Vec<String> =
            of_kind.map(|item| format!("{} {}", item["target"].as_str().unwrap(), item["audience"].as_str().unwrap())).collect();
        who.sort();
        who
    };
    let log = server.owner.read("/notifications").await.ok();
    assert_eq!(told(&log, "request.created"), ["bob approver"], "{log}");
    server.app.clock.advance("11m".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    let log = server.owner.read("/notifications").await.ok();
    assert_eq!(told(&log, "request.escalated"), ["Alice requester", "boss approver"], "{log}");
    let withdrawn = agent.record(&Body::RequestWithdrawn(RequestClosed { request: request.id }));
    agent.deliver(vec![withdrawn]).await;
    for _ in 0..3 {
        server.app.clock.advance("10m".parse().unwrap());
        brevet_server::notification::once(&server.app).await.unwrap();
    }
    settled(&server, "target=bob&kind=request.created", "obsolete", 1).await;
    settled(&server, "target=boss", "obsolete", 1).await;
}
