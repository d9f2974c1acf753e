//! Break-glass: access at once, everybody told, ended by itself, open until another person has looked.

use brevet_core::document::{Kind, Manifest, PolicyDocument, open};
use brevet_core::policy::{Mode, Validity};
use reqwest::Method;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Server, request_policy};
use crate::web::Browser;

fn body() -> Value {
    json!({
        "computer": "web-1", "user": "alice", "application": { "file": "/usr/bin/systemctl" }, "for": "30m",
        "reason": "database down, approvers asleep",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_without_approval_is_told_to_everybody_skipped_and_ends_by_itself() {
    let server = Server::start().await;
    server.person("approver", &["approver"], true).await;
    server.owner.post("/groups", json!({ "name": "db", "computers": ["db-1"] })).await.ok();
    server.owner.post("/persons", json!({ "name": "of db", "roles": ["approver"], "scopes": { "approver": ["db"] } })).await.ok();
    let admin = server.person("admin", &["administrator"], false).await;
    for person in ["approver", "of db", "owner", "admin"] {
        let new = json!({ "name": person, "kind": "email", "address": "a@example.com", "person": person });
        server.owner.post("/notification-targets", new).await.ok();
    }
    let agent = Agent::enrol(&server, "web-1").await;
    let mut stream = agent.stream(0, 0).await;
    let _: Manifest = agent.expect(&mut stream).await;
    admin.post("/break-glass", body()).await.refused("forbidden");
    for (field, value) in [
        ("reason", json!(" ")),
        ("for", json!("0s")),
        ("for", json!("481m")),
        ("computer", json!("nowhere")),
        ("computer", json!("group:db")),
        ("user", json!("os-group:all")),
        ("user", json!("0day")),
        ("application", json!({ "file": "relative" })),
        ("application", json!({ "list": "none" })),
    ] {
        let mut wrong = body();
        wrong[field] = value;
        let refused = server.owner.post("/break-glass", wrong).await.refused("invalid");
        assert!(refused["errors"][0]["field"].as_str().unwrap().starts_with(field), "{field}: {refused}");
    }
    let opened = server.owner.post("/break-glass", body()).await.ok();
    assert_eq!((&opened["state"], &opened["skipped"]), (&json!("open"), &json!(["approver"])));
    let manifest: Manifest = agent.expect(&mut stream).await;
    let documents = agent.missing(&[manifest.policies[0].digest]).await;
    let document: PolicyDocument = open(&documents[0], &agent.trust.keys_for(Kind::Policy)).unwrap();
    let Validity::Window { end, .. } = document.policy.validity else { panic!("{document:?}") };
    assert_eq!((document.policy.mode, end.to_string()), (Mode::Justify, opened["ends"].as_str().unwrap().to_owned()));
    let log = server.owner.read("/notifications?kind=break_glass.opened").await.ok();
    let mut told: Vec<&str> = log["items"].as_array().unwrap().iter().map(|item| item["target"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["approver", "owner"]);
    assert_eq!(log["items"].as_array().unwrap().iter().filter(|item| item["audience"] == "skipped").count(), 1);
    assert!(log.to_string().contains("BREAK-GLASS by owner on web-1"), "{log}");
    // It stands on the console's first page as long as nobody has reviewed it.
    let signed_in = server.http.post(&server.sign_in).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = server.http.get(format!("{}/", server.url)).header("cookie", cookie).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Break-glass that nobody has reviewed") && page.contains("database down, approvers asleep"), "{page}");
    server.app.clock.advance("31m".parse().unwrap());
    for _ in 0..2 {
        brevet_server::sweep::once(&server.app).await.unwrap();
    }
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.policies.len(), 0);
    let kinds = server.owner.event_kinds().await;
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((count("break_glass.opened"), count("break_glass.ended"), count("policy.deleted")), (1, 1, 1), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stays_open_until_another_person_has_reviewed_it() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    let opened = server.owner.post("/break-glass", body()).await.ok();
    let path = format!("/break-glass/{}", opened["id"].as_str().unwrap());
    let review = |comment: &str| json!({ "comment": comment });
    let known = server.person("au", &["auditor"], false).await;
    let auditor = server.own_token("au").await;
    server.owner.post("/groups", json!({ "name": "db", "computers": ["db-1"] })).await.ok();
    server.owner.post("/persons", json!({ "name": "of db", "roles": ["auditor"], "scopes": { "auditor": ["db"] } })).await.ok();
    let elsewhere = server.own_token("of db").await;
    server.owner.post("/persons", json!({ "name": "Alice", "roles": ["auditor"], "os_users": [{ "user": "alice" }] })).await.ok();
    let alice = server.token_for("Alice", false).await;
    auditor.post(&format!("{path}/review"), review("fine")).await.refused("wrong_state");
    auditor.call(Method::POST, &format!("{path}/end"), None, None).await.refused("forbidden");
    server.owner.call(Method::POST, &format!("{path}/end"), None, None).await.ok();
    server.owner.call(Method::POST, &format!("{path}/end"), None, None).await.refused("wrong_state");
    server.owner.post(&format!("{path}/review"), review("all fine")).await.refused("own_review");
    server.token_for("owner", true).await.post(&format!("{path}/review"), review("all fine")).await.refused("own_review");
    alice.post(&format!("{path}/review"), review("it was me")).await.refused("own_review");
    // Of somebody whose OS user nobody recorded it is not known whether it was opened for them.
    server.owner.post("/persons", json!({ "name": "unknown", "roles": ["auditor"] })).await.ok();
    let unknown = server.own_token("unknown").await;
    unknown.post(&format!("{path}/review"), review("fine")).await.refused("no_os_user_recorded");
    // The opener made this token, and so knows it.
    known.post(&format!("{path}/review"), review("all fine")).await.refused("own_review");
    elsewhere.read(&path).await.refused("not_found");
    elsewhere.post(&format!("{path}/review"), review("all fine")).await.refused("not_found");
    assert_eq!(elsewhere.read("/break-glass").await.ok()["items"], json!([]));
    auditor.post(&format!("{path}/review"), review(" ")).await.refused("invalid");
    assert_eq!(auditor.read("/break-glass?reviewed=false").await.ok()["items"].as_array().unwrap().len(), 1);
    let done = auditor.post(&format!("{path}/review"), review("read the sessions: only restarts")).await.ok();
    assert_eq!((&done["review"]["name"], &done["review"]["comment"]), (&json!("au"), &json!("read the sessions: only restarts")));
    auditor.post(&format!("{path}/review"), review("again")).await.refused("wrong_state");
    assert_eq!(auditor.read("/break-glass?reviewed=false").await.ok()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_made_the_token_that_opened_it_does_not_review_it() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    let other = server.person("other", &["owner"], true).await;
    let opened = other.post("/break-glass", body()).await.ok();
    let path = format!("/break-glass/{}", opened["id"].as_str().unwrap());
    other.call(Method::POST, &format!("{path}/end"), None, None).await.ok();
    server.owner.post(&format!("{path}/review"), json!({ "comment": "all fine" })).await.refused("own_review");
    // A policy that only begins alike is somebody's own.
    let own = server.owner.post("/policies", request_policy("Break-glass access")).await.ok();
    server.owner.call(Method::POST, &format!("/policies/{}/disable", own["id"].as_str().unwrap()), None, None).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_policy_is_changed_by_nothing_else_and_is_no_part_of_a_directory() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    let opened = server.owner.post("/break-glass", body()).await.ok();
    let (name, id) = (opened["policy_name"].as_str().unwrap(), opened["policy"].as_str().unwrap());
    server.owner.call(Method::POST, &format!("/policies/{id}/disable"), None, None).await.refused("in_use");
    server.owner.delete(&format!("/policies/{id}")).await.refused("in_use");
    server.owner.put(&format!("/policies/{id}"), request_policy("other")).await.refused("in_use");
    server.owner.post("/policies", request_policy("Break-glass brk_x")).await.refused("invalid");
    server.owner.post("/apply", json!({ "file": { "policy": [request_policy(name)] } })).await.refused("invalid");
    let file = server.owner.read("/file").await.ok();
    assert_eq!(file["policy"].as_array().map_or(0, Vec::len), 0, "{file}");
    server.owner.post("/apply", json!({ "file": { "policy": [request_policy("p")] }, "prune": true })).await.ok();
    assert_eq!(server.owner.read(&format!("/policies/{id}")).await.ok()["name"], *name);
    // It needs no second person, whatever the setting: that is what the review is for.
    server.person("second", &["owner"], false).await;
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    assert_eq!(server.owner.post("/break-glass", body()).await.ok()["state"], "open");
}

/// Whoever makes a link for somebody else could use it: until that person signs in by what is theirs, it is no second person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_by_the_openers_own_link_is_no_other_person() {
    let server = Server::start().await;
    Agent::enrol(&server, "web-1").await;
    server.owner.post("/persons", json!({ "name": "bob", "roles": ["owner", "approver"] })).await.ok();
    server.owner.put("/persons/bob/no-os-user", json!({ "no_os_user": true })).await.ok();
    let opened = server.owner.post("/break-glass", body()).await.ok();
    let path = format!("/break-glass/{}", opened["id"].as_str().unwrap());
    server.owner.call(Method::POST, &format!("{path}/end"), None, None).await.ok();
    let review = format!("{path}/review");
    let bob = Browser::linked(&server, "bob").await;
    bob.post(&review, [("comment", "all mine")]).await.is(422).shows("whoever opened it made this token or sign-in");
    let link = server.owner.call(Method::POST, "/persons/bob/sign-in", None, None).await.ok();
    let token = server.own_token_by(link["sign_in"].as_str().unwrap()).await;
    token.post(&review, json!({ "comment": "all mine" })).await.refused("own_review");
    // By what he set up himself he is.
    bob.set_password("seven quiet otters juggle").await.leads("/account?said=password-set");
    let (_, codes) = bob.set_up_app(&server).await;
    assert!(server.owner.read("/persons/bob/credentials").await.ok()["app"]["known_by"].is_null());
    let own = Browser::new(&server);
    own.name_and_password("bob", "seven quiet otters juggle").await;
    own.post("/sign-in/second", [("code", codes[0].as_str())]).await;
    own.post(&review, [("comment", "read the sessions")]).await.leads(&format!("{path}?said=reviewed"));
}
