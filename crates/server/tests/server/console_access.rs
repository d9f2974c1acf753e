//! The console's pages of requests and of active access: what is shown to whom, what the forms do, and what they refuse.

use brevet_core::application::{Fact, Package};
use brevet_core::document::{GrantDocument, Kind, Revocation, open};
use brevet_core::policy::Containment;
use brevet_core::record::{Body, DocumentConfirmed, GrantActivated, SessionStarted};
use brevet_core::request::Command;
use brevet_core::time::{BootTime, Now};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::{Agent, facts, grant_id, policy_ref, random10};
use crate::scopes::two;
use crate::support::{Server, request_policy};
use crate::visitor::Visitor;

const SCRIPT: &str = "<script>alert(1)</script>\u{1b}[2J\u{202e}";

#[track_caller]
fn is_harmless(text: &str) {
    assert!(!text.contains("<script>alert") && !text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}

/// A server with a policy and a computer; alice asks on it.
async fn asked(times: usize) -> (Server, Agent, Value, Vec<String>) {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut ids = Vec::new();
    for _ in 0..times {
        // Ids rise with time.
        agent.now = agent.now.plus("1s".parse().unwrap());
        ids.push(agent.ask("alice", &policy, "30m").await.id.to_string());
    }
    (server, agent, policy, ids)
}

async fn code(server: &Server, id: &str) -> String {
    server.owner.read(&format!("/requests/{id}")).await.ok()["code"].as_str().unwrap().to_owned()
}

async fn state(server: &Server, id: &str) -> String {
    server.owner.read(&format!("/requests/{id}")).await.ok()["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_listed_oldest_first_and_its_page_says_everything() {
    let (server, mut agent, policy, ids) = asked(2).await;
    let mut request = agent.request("alice", &policy, "30m");
    request.reason = format!("reason {SCRIPT}");
    request.ticket = Some(format!("ticket {SCRIPT}"));
    request.command.arguments.push(format!("argument {SCRIPT}").as_str().into());
    request.command.directory = format!("/directory {SCRIPT}").as_str().into();
    request.command.kept_environment = vec![("LANG".into(), SCRIPT.into())];
    request.command.application.chain = Fact::Known(false);
    request.command.application.writable_by = Some(format!("mallory {SCRIPT}"));
    let package =
        Package { name: "tool".into(), version: "1.2".into(), vendor: Some(format!("vendor {SCRIPT}")), unchanged: Fact::Known(false) };
    request.command.application.package = Fact::Known(Some(package));
    request.digest = request.compute_digest().unwrap();
    let id = request.id.to_string();
    let record = agent.record(&Body::RequestCreated(Box::new(request)));
    agent.deliver(vec![record]).await;

    let owner = Visitor::owner(&server).await;
    let list = owner.get("/requests").await.ok();
    let at = |id: &str| list.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id} in {list}"));
    assert!(at(&ids[0]) < at(&ids[1]), "the oldest first");
    is_harmless(&list);
    let text = owner.get(&format!("/requests/{id}")).await.ok();
    is_harmless(&text);
    for part in
        ["argument &#60;script", "reason &#60;script", "ticket &#60;script", "/directory &#60;script", "LANG", "NOT root alone", "mallory"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    for part in [
        "tool 1.2",
        "NO: it is not what the package installed",
        "whoever has the role approver",
        "exactly these arguments",
        "It is as it was then",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("never seen before"), "the others are of another file: {text}");
    assert!(owner.get(&format!("/requests/{}", ids[0])).await.ok().contains("asked for <a href=\"/applications/"));
    let code = code(&server, &id).await;
    assert!(text.contains(&format!("Short code: </span>{code}")), "{text}");
    assert!(text.contains(&ids[0]), "their recent history: {text}");
    // What the policy says now stands beside what it said then.
    server.owner.call(reqwest::Method::POST, "/policies/p/disable", None, None).await.ok();
    assert!(owner.get(&format!("/requests/{id}")).await.ok().contains("It is disabled now"));
    // A filter for what is not there says so, and is no failure.
    let nothing = owner.get("/requests?computer=web-2").await.ok();
    assert!(nothing.contains("there is no computer") && nothing.contains("No request here"), "{nothing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_decided_each_with_a_result_of_its_own() {
    let (server, _agent, _, ids) = asked(3).await;
    let owner = Visitor::owner(&server).await;
    let mut chosen = Vec::new();
    for id in &ids {
        chosen.push(("request", format!("{id} {}", code(&server, id).await)));
    }
    let with = |comment: &str, decision: &str| {
        let mut form = chosen.clone();
        form.extend([("comment", comment.to_owned()), ("decision", decision.to_owned())]);
        form
    };
    // Without a comment nothing is declined, and what was chosen stays chosen.
    let wrong = owner.post("/requests/decide?state=pending", with(" ", "decline")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("say why, for the users") && wrong.text.matches(" checked").count() == 3, "{}", wrong.text);
    let none = owner.post("/requests/decide", [("comment", "keep <this>"), ("decision", "approve")]).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.text.contains("choose one or more") && none.text.contains("keep &#60;this&#62;"), "{}", none.text);
    assert_eq!(state(&server, &ids[0]).await, "pending");
    // Somebody else is faster with the second, and the third was never seen as it is.
    let bob = server.person("bob", &["approver"], true).await;
    bob.post(&format!("/requests/{}/decline", ids[1]), json!({ "comment": format!("bob's {SCRIPT}") })).await.ok();
    chosen[2].1 = format!("{} AAAA-AAAA-AAAA", ids[2]);
    let mut form = chosen.clone();
    form.extend([("comment", "fine".to_owned()), ("decision", "approve".to_owned())]);
    let done = owner.post("/requests/decide", form).await.ok();
    is_harmless(&done);
    assert!(done.contains("1 of 3 decided"), "{done}");
    assert!(done.contains("declined by bob") && done.contains("the request is declined") && done.contains("code is"), "{done}");
    assert_eq!((state(&server, &ids[0]).await, state(&server, &ids[1]).await), ("approved".into(), "declined".into()));
    assert_eq!(state(&server, &ids[2]).await, "pending");
    // Declined together.
    let form = [("request", format!("{} x", ids[2])), ("comment", "no".into()), ("decision", "decline".into())];
    assert!(owner.post("/requests/decide", form).await.ok().contains("1 of 1 decided"));
    assert_eq!(state(&server, &ids[2]).await, "declined");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_too_late_reads_who_decided_what() {
    let (server, _agent, _, ids) = asked(1).await;
    let owner = Visitor::owner(&server).await;
    let path = format!("/requests/{}", ids[0]);
    let declined = owner.post(&format!("{path}/decline"), [("code", "x"), ("comment", "")]).await;
    assert_eq!(declined.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(declined.text.contains("id=\"comment-wrong\">say why, for the user"), "{}", declined.text);
    let bob = server.person("bob", &["approver"], true).await;
    bob.post(&format!("{path}/decline"), json!({ "comment": "not today" })).await.ok();
    let code = code(&server, &ids[0]).await;
    let late = owner.post(&format!("{path}/approve"), [("code", code.as_str()), ("comment", "my words")]).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["Nothing was decided", "It was declined by bob", "not today", "You had written: my words"] {
        assert!(late.text.contains(part), "{part} in {}", late.text);
    }
    assert!(!late.text.contains("formaction"), "there is nothing to decide any more: {}", late.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_decide_is_offered_nothing_and_another_scope_is_not_there() {
    let two = two().await;
    let server = &two.server;
    server.person("eve", &["auditor"], true).await;
    let auditor = Visitor::of(server, "eve").await;
    let path = format!("/requests/{}", two.requests[0]);
    for shown in [auditor.get("/requests").await.ok(), auditor.get(&path).await.ok()] {
        assert!(!shown.contains("<button class=\"btn btn-success"), "{shown}");
    }
    let code = code(server, &two.requests[0]).await;
    let forced = auditor.post(&format!("{path}/approve"), [("code", code.as_str())]).await;
    assert_eq!((forced.status, state(server, &two.requests[0]).await.as_str()), (StatusCode::FORBIDDEN, "pending"));
    two.narrowed("approver").await;
    let narrowed = Visitor::of(server, "approver of web").await;
    let beyond = format!("/requests/{}", two.requests[1]);
    assert_eq!(narrowed.get(&beyond).await.status, StatusCode::NOT_FOUND);
    assert!(!narrowed.get("/requests").await.ok().contains("db-1"));
    let form = [("request", format!("{} x", two.requests[1])), ("comment", "x".into()), ("decision", "decline".into())];
    let done = narrowed.post("/requests/decide", form).await.ok();
    assert!(done.contains("0 of 1 decided") && !done.contains("db-1") && !done.contains("alice"), "{done}");
    assert_eq!(state(server, &two.requests[1]).await, "pending");
}

/// A grant of alice, used, with a session under it.
pub async fn active(server: &Server, agent: &mut Agent, policy: &Value, request: &str) -> (String, String) {
    let approved = server.owner.post(&format!("/requests/{request}/approve"), json!({ "for": "10m" })).await.ok();
    let grant = approved["grant"].as_str().unwrap().to_owned();
    let mut stream = agent.stream(0, 0).await;
    let document: GrantDocument = agent.expect(&mut stream).await;
    let at = Now { wall: agent.now, boot: BootTime { boot: "boot".into(), millis: 1 } };
    let ends = agent.now.plus(document.duration);
    let asked = agent.request("alice", policy, "5m");
    let session = brevet_core::id::SessionId::new(agent.now.millis(), random10());
    let started = SessionStarted {
        session: session.clone(),
        grant: document.grant.clone(),
        policy: policy_ref(policy),
        user: asked.user,
        command: Command { application: facts("/usr/bin/true"), ..asked.command },
        containment: Containment::Cgroup,
        terminal: false,
        reason: Some(SCRIPT.into()),
        ends,
    };
    let records = vec![
        agent.record(&Body::GrantReceived(Box::new(document.clone()))),
        agent.record(&Body::GrantActivated(GrantActivated { grant: document.grant, at, ends, lasts_millis: 600_000 })),
        agent.record(&Body::SessionStarted(Box::new(started))),
    ];
    agent.deliver(records).await;
    (grant, session.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_is_shown_extended_and_ended_and_the_receipt_appears() {
    let (server, mut agent, policy, ids) = asked(1).await;
    let (grant, session) = active(&server, &mut agent, &policy, &ids[0]).await;
    let owner = Visitor::owner(&server).await;
    let list = owner.get("/access").await.ok();
    is_harmless(&list);
    assert!(list.contains(&format!("/grants/{grant}")) && list.contains(&format!("/sessions/{session}")), "{list}");
    assert!(list.contains("data-until"), "how long it still holds: {list}");
    assert!(!owner.get("/access?state=expired").await.ok().contains(&grant));
    let shown = owner.get(&format!("/sessions/{session}")).await.ok();
    is_harmless(&shown);
    assert!(shown.contains(&format!("/grants/{grant}")) && shown.contains("session.started"), "{shown}");
    let path = format!("/grants/{grant}");
    let shown = owner.get(&path).await.ok();
    for part in [format!("/requests/{}", ids[0]), format!("/sessions/{session}"), "grant.activated".into(), "(1 sessions".into()] {
        assert!(shown.contains(&part), "{part} in {shown}");
    }
    let to = format!("{path}/extend");
    let extend = |by: &str, version: &str| {
        owner.post(&to, [("by", by.to_owned()), ("comment", "keep <this>".to_owned()), ("version", version.to_owned())])
    };
    for (by, why) in [("soon", "id=\"by-wrong\""), ("2h", "the policy allows 1h")] {
        let wrong = extend(by, "1").await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let text = wrong.text;
        assert!(text.contains(why) && text.contains("keep &#60;this&#62;") && text.contains(&format!("value=\"{by}\"")), "{text}");
    }
    assert_eq!(extend("5m", "1").await.status, StatusCode::SEE_OTHER);
    // The same form again is not a second extension.
    let again = extend("5m", "1").await;
    assert!(again.text.contains("somebody extended it meanwhile, to 15m in all"), "{}", again.text);
    assert_eq!(server.owner.read(&path).await.ok()["duration"], "15m");

    let mut stream = agent.stream(0, 0).await;
    let ended = owner.post(&format!("{path}/revoke"), [("comment", "enough"), ("now", "true")]).await;
    assert_eq!((ended.status, ended.location.as_str()), (StatusCode::SEE_OTHER, format!("{path}?said=revoked").as_str()));
    let envelope = loop {
        let envelope = stream.next().await;
        if envelope.kind() == Some(Kind::Revocation) {
            break envelope;
        }
    };
    let revocation: Revocation = open(&envelope, &agent.trust.keys_for(Kind::Revocation)).unwrap();
    assert!(!revocation.with_grace && revocation.comment == "enough");
    assert!(owner.get(&path).await.ok().contains("sent: not heard of yet"));
    let confirmed = Body::DocumentConfirmed(DocumentConfirmed {
        document: Kind::Revocation,
        digest: envelope.digest().unwrap(),
        seq: Some(revocation.seq),
        grant: Some(grant_id(&json!(grant))),
        request: None,
        processes_ended: Some(3),
    });
    let record = agent.record(&confirmed);
    agent.deliver(vec![record]).await;
    let shown = owner.get(&path).await.ok();
    assert!(shown.contains("3 processes ended") && shown.contains("confirmed"), "{shown}");
    assert!(!shown.contains("End the grant") && !shown.contains("Extend</button>"), "it is over: {shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_somebody_ends_after_what_would_end_was_shown() {
    let (server, _agent, _, ids) = asked(2).await;
    for id in &ids {
        server.owner.post(&format!("/requests/{id}/approve"), json!({})).await.ok();
    }
    server.person("adam", &["administrator"], true).await;
    let admin = Visitor::of(&server, "adam").await;
    let nobody = admin.get("/access/revoke").await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nobody.text.contains("say whose"), "{}", nobody.text);
    assert_eq!(admin.get("/access/revoke?computer=web-9").await.status, StatusCode::NOT_FOUND);
    let shown = admin.get("/access/revoke?user=alice&policy=p").await.ok();
    assert!(shown.contains("the user alice and of the policy p") && shown.contains("End these 2 grants"), "{shown}");
    assert_eq!(server.owner.read("/grants?open=true").await.ok()["items"].as_array().unwrap().len(), 2, "looking ends nothing");
    let done = admin.post("/access/revoke", [("user", "alice"), ("computer", ""), ("policy", "p"), ("comment", "leaves")]).await.ok();
    assert_eq!(done.matches("revoked: its revocation is on its way").count(), 2, "{done}");
    assert_eq!(server.owner.read("/grants?open=true").await.ok()["items"], json!([]));
    assert_eq!(server.owner.read("/grants?open=false").await.ok()["items"].as_array().unwrap().len(), 2);
    // An auditor sees it and is offered nothing.
    server.person("eve", &["auditor"], true).await;
    let auditor = Visitor::of(&server, "eve").await;
    assert!(!auditor.get("/access").await.ok().contains("End all access"));
    let forced = auditor.post("/access/revoke", [("user", "alice")]).await;
    assert_eq!(forced.status, StatusCode::FORBIDDEN);
}
