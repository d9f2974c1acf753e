//! Who may call what: the real server's answers as one text, so that a change of rights is a readable difference.
//!
//! To take over a change that is meant: `BREVET_UPDATE=1 cargo nextest run -p brevet-server -E 'test(rights)'`.

use brevet_core::id::GrantId;
use brevet_core::policy::Containment;
use brevet_core::record::{Body, SessionStarted};
use brevet_server::http::routes::Operation;
use reqwest::Method;
use serde_json::Value;

use crate::agent::{facts, policy_ref, random10};
use crate::scopes::{Two, two};
use crate::support::Actor;

const HEAD: &str = "\
# Each route with each role, for something in scope and for something beyond it.
# Calls in scope have a wrong body or version, so that nothing changes: yes is that role and scope do not stand in the way of trying;
# what a right body may say is tested in scopes.rs.
# yes: the call is let through; no: refused (403); -: as if it were not there (404); 401: not known.
# \"of web\" are roles narrowed to the computer group web; the others hold for every computer.
";

const ROLES: [&str; 4] = ["owner", "administrator", "approver", "auditor"];

fn snapshot() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/rights.txt")
}

/// A session on each computer, under the grant that its request became, and an event of each.
async fn sessions(two: &mut Two) -> [[String; 3]; 2] {
    let mut out = [const { [const { String::new() }; 3] }; 2];
    for (at, made) in out.iter_mut().enumerate() {
        let path = format!("/requests/{}", two.requests[at]);
        let asked = two.server.owner.post(&format!("{path}/approve"), serde_json::json!({})).await.ok();
        let grant = asked["grant"].as_str().unwrap().to_owned();
        let agent = &mut two.agents[at];
        let policy = two.server.owner.read("/policies/p-all").await.ok();
        let request = agent.request("alice", &policy, "5m");
        let session = brevet_core::id::SessionId::new(agent.now.millis(), random10());
        let body = SessionStarted {
            session: session.clone(),
            grant: GrantId::parse(&grant).unwrap(),
            policy: policy_ref(&policy),
            user: request.user,
            command: brevet_core::request::Command { application: facts("/usr/bin/true"), ..request.command },
            containment: Containment::Cgroup,
            terminal: false,
            reason: None,
            ends: agent.now.plus("5m".parse().unwrap()),
        };
        let record = agent.record(&Body::SessionStarted(Box::new(body)));
        agent.deliver(vec![record]).await;
        two.requests[at] = agent.ask("alice", &policy, "30m").await.id.to_string();
        let event = two.server.owner.read(&format!("/events?session={session}")).await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
        *made = [grant, session.to_string(), event];
    }
    out
}

/// A path with what it is about in place: in scope, or beyond.
fn filled(two: &Two, made: &[[String; 3]; 2], path: &str, at: usize) -> String {
    let (computer, group) = [("web-1", "web"), ("db-1", "db")][at];
    let first = path.trim_start_matches('/').split('/').next().unwrap();
    let reference = match first {
        "computers" => computer.into(),
        "policies" => format!("p-{group}"),
        "autonomous" => format!("a-{group}"),
        "groups" => group.into(),
        "requests" => two.requests[at].clone(),
        "grants" => made[at][0].clone(),
        "sessions" => made[at][1].clone(),
        "events" => made[at][2].clone(),
        "persons" => "somebody".into(),
        "settings" => "autonomous".into(),
        "lists" => "L".into(),
        // Both computers have it.
        "applications" => brevet_server::applications::seen::id(&facts("/usr/bin/true")).unwrap(),
        "holds" => "H".into(),
        _ => "nothing".into(),
    };
    let fill = |part: &str| match part {
        "{user}" => "nobody".to_owned(),
        part if part.starts_with('{') => reference.clone(),
        part => part.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// Calls so that nothing changes where it is let through: a wrong body, or a version that nothing has.
async fn word(actor: &Actor, operation: &Operation, path: &str, example: Option<Value>) -> &'static str {
    let body = match operation.method {
        Method::POST | Method::PUT if operation.doc.body.is_some() => example.or_else(|| Some(serde_json::json!({ "no_such_field": 1 }))),
        _ => None,
    };
    let answer = actor.call(operation.method.clone(), path, body, Some(("if-match", "\"nothing\""))).await;
    match answer.status.as_u16() {
        401 => "401",
        403 => "no",
        404 => "-",
        _ => "yes",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_are_these() {
    let mut two = two().await;
    let made = sessions(&mut two).await;
    two.server.owner.post("/persons", serde_json::json!({ "name": "somebody", "roles": ["auditor"] })).await.ok();
    two.server.owner.post("/lists", serde_json::json!({ "name": "L", "rules": [{ "product": "apt" }] })).await.ok();
    two.server.owner.post("/holds", serde_json::json!({ "name": "H", "reason": "why" })).await.ok();
    let (_, operations) = brevet_server::http::api(&two.server.app);
    let described: Value = two.server.http.get(format!("{}/api/openapi.json", two.server.url)).send().await.unwrap().json().await.unwrap();
    let nobody = Actor { token: "brv_0000000000000000000000000000000000000000000".into(), ..two.server.owner.clone() };
    let mut actors = vec![("nobody".to_owned(), nobody)];
    for role in ROLES {
        actors.push((role.to_owned(), two.server.person(&format!("the {role}"), &[role], true).await));
    }
    for role in &ROLES[1..] {
        actors.push((format!("{role} of web"), two.narrowed(role).await));
    }
    let mut text = HEAD.to_owned();
    for operation in &operations {
        text.push_str(&format!("\n{} {}\n", operation.method, operation.path));
        let described = &described["paths"][format!("/api/v1{}", operation.path)][operation.method.as_str().to_lowercase()];
        let example = described["requestBody"]["content"]["application/json"]["example"].clone();
        let has_object = operation.path.contains('{');
        for (name, actor) in &actors {
            let within = word(actor, operation, &filled(&two, &made, operation.path, 0), None).await;
            let beyond = if has_object {
                // A right body: where it is let through although it must not be, it shows.
                let body = name.ends_with("of web").then(|| example.clone()).filter(|example| !example.is_null());
                word(actor, operation, &filled(&two, &made, operation.path, 1), body).await
            } else {
                ""
            };
            text.push_str(format!("  {name:21} {within:4} {beyond}").trim_end());
            text.push('\n');
        }
    }
    if std::env::var_os("BREVET_UPDATE").is_some() {
        std::fs::write(snapshot(), &text).unwrap();
    }
    let kept = std::fs::read_to_string(snapshot()).unwrap_or_default();
    let changed: Vec<String> =
        text.lines().zip(kept.lines()).filter(|(now, kept)| now != kept).map(|(now, kept)| format!("now {now:?}, was {kept:?}")).collect();
    let hint = "if it is meant: BREVET_UPDATE=1 cargo nextest run -p brevet-server -E 'test(rights)', and commit rights.txt";
    assert!(text == kept, "the rights changed ({} lines, {} before): {changed:#?}\n{hint}", text.lines().count(), kept.lines().count());
}
