//! What comes too often, what is never taken, and what a crash leaves.

use serde_json::{Value, json};

use super::mail::{Mail, is_there};
use super::{Receiver, quiet, settled};
use crate::agent::Agent;
use crate::support::{Server, request_policy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_requests_is_a_few_e_mails_and_hides_nothing_grave() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mail = Mail::start(folder.path());
    let ca = format!("ca = {:?}", folder.path().join("mail.pem"));
    let mut config = super::mail::config(folder.path(), mail.port, &ca);
    config.sweep = "10h".parse().unwrap();
    let server = Server::with(config).await;
    let mut agent = Agent::enrol(&server, "web-1").await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let new = json!({ "name": "the owner", "kind": "email", "address": "owner@example.com", "person": "owner" });
    server.owner.post("/notification-targets", new).await.ok();
    let mut records = Vec::new();
    for n in 0..130 {
        let mut request = agent.request("alice", &policy, "30m");
        request.reason = format!("reason {n}");
        records.push(agent.record(&brevet_core::record::Body::RequestCreated(Box::new(request))));
    }
    agent.deliver(records).await;
    settled(&server, "limit=500", "sent", 130).await;
    let mut mail = tokio::task::spawn_blocking(move || drain(mail, 2)).await.unwrap();
    let subjects: Vec<&str> = mail.got.iter().map(subject).collect();
    assert_eq!(subjects, ["Brevet: 100 notifications", "Brevet: 30 notifications"]);
    let body = mail.got[0]["body"].as_str().unwrap();
    assert_eq!(body.matches(&format!("{}/requests/req_", server.url)).count(), 100, "{body}");
    // One at a time until the mailbox had enough; then they wait, and what an owner is to know does not.
    for n in 2..20 {
        agent.ask("alice", &policy, "5m").await;
        settled(&server, "limit=500", "sent", 129 + n).await;
    }
    for _ in 0..3 {
        agent.ask("alice", &policy, "5m").await;
    }
    server.owner.put("/settings/autonomous", json!({ "value": "on" })).await.ok();
    settled(&server, "kind=setting.changed", "sent", 1).await;
    settled(&server, "state=pending", "pending", 3).await;
    server.app.clock.advance("11m".parse().unwrap());
    brevet_server::notification::once(&server.app).await.unwrap();
    settled(&server, "limit=500", "sent", 130 + 18 + 1 + 1).await;
    mail = tokio::task::spawn_blocking(move || drain(mail.mail, 20)).await.unwrap();
    assert_eq!(
        mail.got.iter().filter(|one| subject(one).contains("setting autonomous")).count(),
        1,
        "{:?}",
        mail.got.iter().map(subject).collect::<Vec<_>>()
    );
}

struct Drained {
    mail: Mail,
    got: Vec<Value>,
}

fn drain(mut mail: Mail, count: usize) -> Drained {
    let got = (0..count).map(|_| mail.next()).collect();
    Drained { mail, got }
}

fn subject(message: &Value) -> &str {
    let all = message["headers"].as_array().unwrap().iter();
    all.filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case("subject"))
        .map(|header| header[1].as_str().unwrap())
        .next()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_never_taken_holds_up_no_other_of_its_target() {
    let server = Server::with(quiet()).await;
    let receiver = Receiver::start().await;
    *receiver.refused.lock().unwrap() = Some("poison".into());
    let new = json!({ "name": "chat", "kind": "webhook", "address": receiver.url, "events": ["policy."] });
    server.owner.post("/notification-targets", new).await.ok();
    server.owner.post("/policies", request_policy("poison")).await.ok();
    super::failed_once(&server, "target=chat").await;
    for name in ["one", "two"] {
        server.owner.post("/policies", request_policy(name)).await.ok();
    }
    for _ in 0..5 {
        server.app.clock.advance("31s".parse().unwrap());
        brevet_server::notification::once(&server.app).await.unwrap();
    }
    settled(&server, "target=chat", "sent", 2).await;
    let log = settled(&server, "target=chat&state=pending", "pending", 1).await;
    assert!(log[0]["error"].as_str().unwrap().contains("422") && log[0]["attempts"].as_u64().unwrap() >= 2, "{log:?}");
    assert_eq!(server.owner.read("/notification-targets/chat").await.ok()["waiting"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_does_not_answer_holds_up_no_other_target() {
    let server = Server::with(quiet()).await;
    let (silent, whole) = (Receiver::start().await, Receiver::start().await);
    *silent.silent.lock().unwrap() = true;
    for (name, receiver) in [("a silent one", &silent), ("whole", &whole)] {
        let new = json!({ "name": name, "kind": "webhook", "address": receiver.url, "events": ["policy."] });
        server.owner.post("/notification-targets", new).await.ok();
    }
    for n in 0..3 {
        server.owner.post("/policies", request_policy(&format!("p{n}"))).await.ok();
    }
    // All three, while the first that went to the other is still without an answer.
    whole.wait_for(3).await;
    settled(&server, "target=whole", "sent", 3).await;
    assert_eq!(silent.taken.lock().unwrap().len(), 1);
    let log = server.owner.read("/notifications?target=a silent one").await.ok();
    assert!(log["items"].as_array().unwrap().iter().all(|item| item["state"] == "pending"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_when_the_server_died_is_sent_again_under_the_same_name() {
    let server = Server::with(quiet()).await;
    let receiver = Receiver::start().await;
    *receiver.silent.lock().unwrap() = true;
    let new = json!({ "name": "chat", "kind": "webhook", "address": receiver.url, "events": ["policy."] });
    server.owner.post("/notification-targets", new).await.ok();
    server.owner.post("/policies", request_policy("p")).await.ok();
    let first = receiver.wait_for(1).await;
    // It has it, and we do not know.
    let (token, database) = (server.owner.token.clone(), server.database.clone());
    let later = Server::again_with(server.stop().await, database.as_deref(), &token, quiet()).await;
    *receiver.silent.lock().unwrap() = false;
    assert_eq!(brevet_server::notification::once(&later.app).await.unwrap(), 0, "nobody else sends what somebody is sending");
    later.app.clock.advance("121s".parse().unwrap());
    brevet_server::notification::once(&later.app).await.unwrap();
    let both = receiver.wait_for(2).await;
    assert_eq!((first[0].0["webhook-id"].clone(), &first[0].1), (both[1].0["webhook-id"].clone(), &both[1].1));
    let log = settled(&later, "target=chat", "sent", 1).await;
    assert_eq!(log[0]["attempts"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_servers_key_signs_nothing() {
    let server = Server::with(quiet()).await;
    let receiver = Receiver::start().await;
    let new = json!({ "name": "chat", "kind": "webhook", "address": receiver.url, "events": ["policy."] });
    let secret = server.owner.post("/notification-targets", new).await.ok()["secret"].clone();
    let (token, database) = (server.owner.token.clone(), server.database.clone());
    let data = server.stop().await;
    std::fs::remove_file(data.path().join("keys/notification.key")).unwrap();
    let later = Server::again_with(data, database.as_deref(), &token, quiet()).await;
    later.owner.post("/policies", request_policy("p")).await.ok();
    let log = super::failed_once(&later, "target=chat").await;
    assert!(log["items"][0]["error"].as_str().unwrap().contains("keys/notification.key"), "{log}");
    assert!(receiver.taken.lock().unwrap().is_empty());
    let next = later.owner.call(reqwest::Method::POST, "/notification-targets/chat/secret", None, None).await.ok()["secret"].clone();
    assert_ne!(secret, next);
    later.app.clock.advance("10s".parse().unwrap());
    brevet_server::notification::once(&later.app).await.unwrap();
    let taken = receiver.wait_for(1).await;
    super::verified(next.as_str().unwrap(), &taken[0].0, &taken[0].1);
}
