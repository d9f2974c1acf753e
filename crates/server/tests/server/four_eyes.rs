//! Four eyes: nothing guarded changes before a second person has confirmed exactly what they saw.

use brevet_core::document::Manifest;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Actor, Answer, Server, request_policy};

async fn on() -> (Server, Actor) {
    let server = Server::start().await;
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.refused("invalid");
    server.owner.post("/persons", json!({ "name": "second", "roles": ["owner"] })).await.ok();
    let second = server.own_token("second").await;
    let admin = server.person("admin", &["administrator"], false).await;
    admin.put("/settings/four_eyes", json!({ "value": "on" })).await.refused("forbidden");
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    (server, second)
}

#[track_caller]
fn proposed(answer: Answer) -> String {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    format!("/proposals/{}", answer.body["id"].as_str().unwrap())
}

async fn confirm(actor: &Actor, proposal: &str) -> Answer {
    actor.post(&format!("{proposal}/confirm"), json!({ "comment": "seen" })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_takes_effect_when_a_second_person_confirms_the_difference() {
    let (server, second) = on().await;
    let agent = Agent::enrol(&server, "web-1").await;
    let mut stream = agent.stream(0, 0).await;
    let _: Manifest = agent.expect(&mut stream).await;
    // What is wrong is said at once, and proposes nothing.
    let mut wrong = request_policy("p");
    wrong["users"] = json!([]);
    server.owner.post("/policies", wrong).await.refused("invalid");
    let key = Some(("idempotency-key", "k1"));
    let first = server.owner.call(Method::POST, "/policies", Some(request_policy("p")), key).await;
    let again = server.owner.call(Method::POST, "/policies", Some(request_policy("p")), key).await;
    assert_eq!(first.body["id"], again.body["id"]);
    let proposal = proposed(first);
    server.owner.read("/policies/p").await.refused("not_found");
    assert_eq!(server.owner.read("/proposals?state=open").await.ok()["items"].as_array().unwrap().len(), 1);
    let shown = server.owner.read(&proposal).await.ok();
    assert_eq!(shown["differences"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!((&shown["differences"][0]["change"], &shown["differences"][0]["after"]["mode"]), (&json!("created"), &json!("request")));
    // Not by the same person, whichever token they use, nor by somebody who could not have made it.
    confirm(&server.owner, &proposal).await.refused("own_proposal");
    confirm(&server.token_for("owner", true).await, &proposal).await.refused("own_proposal");
    let auditor = server.person_by(&second, "au", &["auditor"]).await;
    confirm(&auditor, &proposal).await.refused("forbidden");
    let done = confirm(&second, &proposal).await.ok();
    assert_eq!((&done["state"], &done["closed_by"], &done["answer"]["name"]), (&json!("confirmed"), &json!("second"), &json!("p")));
    assert_eq!(server.owner.read("/policies/p").await.ok()["version"], 1);
    let manifest: Manifest = agent.expect(&mut stream).await;
    assert_eq!(manifest.policies.len(), 1);
    confirm(&second, &proposal).await.refused("wrong_state");
    let kinds = server.owner.event_kinds().await;
    let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
    assert_eq!((count("policy.created"), count("proposal.confirmed")), (1, 3), "{kinds:?}");
    let events = server.owner.read("/events?kind=policy.created,proposal.confirmed").await.ok();
    let who: Vec<&str> = events["items"].as_array().unwrap().iter().map(|e| e["actor"]["name"].as_str().unwrap()).collect();
    assert!(who.contains(&"owner") && who.contains(&"second"), "{events}");
}

impl Server {
    /// A person made under four eyes: proposed by the owner, confirmed by the second, with a token made the same way.
    async fn person_by(&self, second: &Actor, name: &str, roles: &[&str]) -> Actor {
        let made = proposed(self.owner.post("/persons", json!({ "name": name, "roles": roles })).await);
        confirm(second, &made).await.ok();
        let made = proposed(self.owner.post("/tokens", json!({ "name": "first", "person": name, "decides": true })).await);
        let answer = confirm(second, &made).await.ok();
        Actor { token: answer["answer"]["token"].as_str().unwrap().into(), ..self.owner.clone() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_whose_base_changed_is_stale_and_changes_nothing() {
    let (server, second) = on().await;
    let made = proposed(server.owner.post("/policies", request_policy("p")).await);
    confirm(&second, &made).await.ok();
    let with = |max: &str| {
        let mut policy = request_policy("p");
        policy["request"] = json!({ "max_duration": max });
        policy
    };
    let (one, two) = (with("2h"), with("3h"));
    let one = proposed(server.owner.put("/policies/p", one).await);
    let two = proposed(second.put("/policies/p", two).await);
    let removal = proposed(server.owner.delete("/policies/p").await);
    confirm(&second, &one).await.ok();
    let refused = confirm(&server.owner, &two).await.refused("stale_proposal");
    assert!(refused["detail"].as_str().unwrap().contains("changed"), "{refused}");
    assert_eq!(server.owner.read(&two).await.ok()["state"], "stale");
    confirm(&server.owner, &two).await.refused("wrong_state");
    confirm(&second, &removal).await.refused("stale_proposal");
    assert_eq!(server.owner.read("/policies/p").await.ok()["request"]["max_duration"], "2h");
    // And back and forth again is another base too.
    let again = proposed(server.owner.put("/policies/p", with("4h")).await);
    for max in ["5h", "2h"] {
        let other = proposed(server.owner.put("/policies/p", with(max)).await);
        confirm(&second, &other).await.ok();
    }
    confirm(&second, &again).await.refused("stale_proposal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_a_directory_is_one_proposal_and_a_dry_run_none() {
    let (server, second) = on().await;
    let mut policy = request_policy("p");
    policy["applications"] = json!([{ "list": "tools" }]);
    let file = json!({
        "list": [{ "name": "tools", "rules": [{ "product": "apt" }] }], "group": [{ "name": "web", "computers": ["web-1"] }], "policy": [policy],
    });
    assert_eq!(server.owner.post("/apply", json!({ "file": file, "dry_run": true })).await.ok()["dry_run"], true);
    let proposal = proposed(server.owner.post("/apply", json!({ "file": file })).await);
    assert_eq!(server.owner.read(&proposal).await.ok()["differences"].as_array().unwrap().len(), 3);
    confirm(&second, &proposal).await.ok();
    let same = server.owner.post("/apply", json!({ "file": file })).await;
    assert_eq!(same.status, StatusCode::OK, "{}", same.body);
    // A list that a policy names changes what the policy gives.
    let list = json!({ "name": "tools", "rules": [{ "product": "dpkg" }] });
    let proposal = proposed(server.owner.put("/lists/tools", list).await);
    assert_eq!(server.owner.read("/policies/p").await.ok()["version"], 1);
    confirm(&second, &proposal).await.ok();
    assert_eq!(server.owner.read("/policies/p").await.ok()["version"], 2);
    let rejected = proposed(server.owner.delete("/groups/web").await);
    second.post(&format!("{rejected}/reject"), json!({ "comment": " " })).await.refused("invalid");
    second.post(&format!("{rejected}/withdraw"), json!({})).await.refused("forbidden");
    second.post(&format!("{rejected}/reject"), json!({ "comment": "still needed" })).await.ok();
    let withdrawn = proposed(server.owner.delete("/groups/web").await);
    server.owner.post(&format!("{withdrawn}/withdraw"), json!({})).await.ok();
    for closed in [rejected, withdrawn] {
        confirm(&second, &closed).await.refused("wrong_state");
    }
    assert_eq!(server.owner.read("/groups/web").await.ok()["name"], "web");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gives_themself_a_second_pair_of_eyes() {
    let (server, second) = on().await;
    // A second account, a role, a token or a sign-in of somebody else: each is for two.
    for (method, path, body) in [
        (Method::POST, "/persons", Some(json!({ "name": "me too", "roles": ["owner"] }))),
        (Method::PUT, "/persons/admin/roles", Some(json!({ "roles": ["owner"] }))),
        (Method::POST, "/tokens", Some(json!({ "name": "x", "person": "second" }))),
        (Method::POST, "/persons/second/sign-in", None),
        (Method::PUT, "/settings/four_eyes", Some(json!({ "value": "off" }))),
        (Method::PUT, "/settings/autonomous", Some(json!({ "value": "on" }))),
        (Method::POST, "/persons/second/os-users", Some(json!({ "user": "x" }))),
    ] {
        let answer = server.owner.call(method, path, body, Some(("if-match", "*"))).await;
        let leaked = answer.body.to_string();
        let proposal = proposed(answer);
        assert!(!leaked.contains("brv_") && !leaked.contains("/sign-in/"), "{leaked}");
        confirm(&server.owner, &proposal).await.refused("own_proposal");
    }
    assert_eq!(server.owner.read("/settings/four_eyes").await.ok()["value"], "on");
    server.owner.read("/persons/me too").await.refused("not_found");
    assert_eq!(server.owner.read("/tokens").await.ok()["items"].as_array().unwrap().len(), 3);
    // One's own tokens, and locking somebody out, wait for nobody; but two owners stay.
    server.owner.post("/tokens", json!({ "name": "mine" })).await.ok();
    server.owner.put("/persons/admin/enabled", json!({ "enabled": false })).await.ok();
    proposed(server.owner.put("/persons/admin/enabled", json!({ "enabled": true })).await);
    server.owner.put("/persons/second/enabled", json!({ "enabled": false })).await.refused("last_owner");
    // Two accounts that are one OS user are one pair of eyes.
    for person in ["owner", "second"] {
        let link = proposed(server.owner.post(&format!("/persons/{person}/os-users"), json!({ "user": "root-admin" })).await);
        confirm(&second, &link).await.ok();
    }
    let same = proposed(server.owner.put("/settings/autonomous", json!({ "value": "on" })).await);
    confirm(&second, &same).await.refused("own_proposal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_confirm_at_once_one_does_and_switching_off_is_for_two() {
    let (server, second) = on().await;
    let third = server.person_by(&second, "third", &["owner"]).await;
    let proposal = proposed(server.owner.post("/policies", request_policy("p")).await);
    let tasks: Vec<_> = [second.clone(), third]
        .into_iter()
        .map(|actor| {
            let proposal = proposal.clone();
            tokio::spawn(async move { confirm(&actor, &proposal).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let kinds = server.owner.event_kinds().await;
    assert_eq!(kinds.iter().filter(|k| *k == "policy.created").count(), 1);
    let off = proposed(server.owner.put("/settings/four_eyes", json!({ "value": "off" })).await);
    let demoted: Value = confirm(&second, &off).await.ok();
    assert_eq!(demoted["answer"]["value"], "off");
    server.owner.call(Method::POST, "/policies/p/disable", None, None).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_proposer_knows_is_no_second_pair_of_eyes() {
    let server = Server::start().await;
    server.owner.post("/persons", json!({ "name": "second", "roles": ["owner"] })).await.ok();
    // Made by the owner for the other: both know it.
    let known = server.token_for("second", true).await;
    let second = server.own_token("second").await;
    let lesser = second.post("/tokens", json!({ "name": "for a script" })).await.ok();
    let lesser = Actor { token: lesser["token"].as_str().unwrap().into(), ..second.clone() };
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let proposal = proposed(server.owner.post("/policies", request_policy("p")).await);
    let refused = confirm(&known, &proposal).await.refused("own_proposal");
    assert!(refused["detail"].as_str().unwrap().contains("made this token"), "{refused}");
    let copied = known.post("/tokens", json!({ "name": "a copy", "decides": true })).await.ok();
    let copied = Actor { token: copied["token"].as_str().unwrap().into(), ..known.clone() };
    confirm(&copied, &proposal).await.refused("own_proposal");
    confirm(&lesser, &proposal).await.refused("token_may_not_decide");
    known.post(&format!("{proposal}/reject"), json!({ "comment": "x" })).await.refused("own_proposal");
    // Under four eyes the second person sees the token that is made, so with it they are not a second person to themselves.
    let third = server.person_by(&second, "third", &["owner"]).await;
    let theirs = proposed(second.post("/policies", request_policy("q")).await);
    confirm(&third, &theirs).await.refused("own_proposal");
    confirm(&third, &proposal).await.ok();
    confirm(&server.owner, &theirs).await.ok();
    // What was proposed with a token that is revoked since is not made, nor what somebody proposed who lost the right.
    let stolen = server.owner.post("/tokens", json!({ "name": "stolen" })).await.ok();
    let thief = Actor { token: stolen["token"].as_str().unwrap().into(), ..server.owner.clone() };
    let evil = proposed(thief.post("/policies", request_policy("evil")).await);
    server.owner.delete(&format!("/tokens/{}", stolen["id"].as_str().unwrap())).await.ok();
    confirm(&second, &evil).await.refused("wrong_state");
    let last = proposed(third.post("/policies", request_policy("r")).await);
    server.owner.put("/persons/third/enabled", json!({ "enabled": false })).await.ok();
    // Whoever was shown the proposer's token could have proposed it themself.
    let refused = confirm(&second, &last).await.refused("own_proposal");
    assert!(refused["detail"].as_str().unwrap().contains("made the token or sign-in that proposed it"), "{refused}");
    second.post(&format!("{last}/reject"), json!({ "comment": "x" })).await.refused("own_proposal");
    confirm(&server.owner, &last).await.refused("wrong_state");
    for name in ["evil", "r"] {
        server.owner.read(&format!("/policies/{name}")).await.refused("not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_administrator_proposes_within_their_scope_and_confirms_nothing_of_others() {
    let server = Server::start().await;
    server.owner.post("/persons", json!({ "name": "second", "roles": ["owner"] })).await.ok();
    let second = server.own_token("second").await;
    server.owner.post("/groups", json!({ "name": "web", "computers": ["web-1"] })).await.ok();
    let narrowed = json!({ "name": "of web", "roles": ["administrator"], "scopes": { "administrator": ["web"] } });
    server.owner.post("/persons", narrowed).await.ok();
    let narrowed = server.own_token("of web").await;
    server.owner.put("/settings/four_eyes", json!({ "value": "on" })).await.ok();
    let policy = |name: &str, computers: Value| {
        let mut policy = request_policy(name);
        policy["computers"] = computers;
        policy
    };
    narrowed.post("/policies", policy("all", json!("all"))).await.refused("forbidden");
    let own = proposed(narrowed.post("/policies", policy("own", json!(["group:web"]))).await);
    let others = proposed(server.owner.post("/policies", policy("others", json!(["group:web"]))).await);
    narrowed.read(&others).await.refused("not_found");
    confirm(&narrowed, &others).await.refused("not_found");
    narrowed.post(&format!("{others}/reject"), json!({ "comment": "x" })).await.refused("not_found");
    assert_eq!(narrowed.read("/proposals").await.ok()["items"].as_array().unwrap().len(), 1);
    narrowed.read(&own).await.ok();
    confirm(&narrowed, &own).await.refused("own_proposal");
    // Their scope is looked at again when it is confirmed.
    let late = proposed(narrowed.post("/policies", policy("late", json!(["group:web"]))).await);
    confirm(&second, &own).await.ok();
    let db = proposed(server.owner.post("/groups", json!({ "name": "db", "computers": ["db-1"] })).await);
    confirm(&second, &db).await.ok();
    let roles = json!({ "roles": ["administrator"], "scopes": { "administrator": ["db"] } });
    let roles = proposed(server.owner.put("/persons/of web/roles", roles).await);
    confirm(&second, &roles).await.ok();
    confirm(&second, &late).await.refused("stale_proposal");
    server.owner.read("/policies/late").await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_could_confirm_is_told_and_what_nobody_confirms_is_over_after_a_week() {
    let (server, second) = on().await;
    for person in ["owner", "second", "admin"] {
        let new = json!({ "name": person, "kind": "email", "address": "a@example.com", "person": person });
        server.owner.post("/notification-targets", new).await.ok();
    }
    let policy = proposed(server.owner.post("/policies", request_policy("p")).await);
    let setting = proposed(second.post("/persons", json!({ "name": "x", "roles": ["auditor"] })).await);
    let log = server.owner.read("/notifications?kind=proposal.created").await.ok();
    let mut told: Vec<String> =
        log["items"].as_array().unwrap().iter().map(|item| format!("{} {}", item["target"], item["audience"])).collect();
    told.sort();
    assert_eq!(told, ["\"admin\" \"confirmer\"", "\"owner\" \"confirmer\"", "\"second\" \"confirmer\""]);
    second.post(&format!("{policy}/reject"), json!({ "comment": "no" })).await.ok();
    let log = server.owner.read("/notifications?kind=proposal.rejected").await.ok();
    assert_eq!((log["items"].as_array().unwrap().len(), &log["items"][0]["target"]), (1, &json!("owner")));
    server.app.clock.advance("169h".parse().unwrap());
    brevet_server::sweep::once(&server.app).await.unwrap();
    assert_eq!(server.owner.read(&setting).await.ok()["state"], "stale");
    confirm(&server.owner, &setting).await.refused("wrong_state");
}

/// Under four eyes the link for somebody else is shown to the second person: what is done by it is no second pair of eyes to theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_made_by_a_link_somebody_else_was_shown_counts_as_theirs_too() {
    let (server, second) = on().await;
    let person = proposed(server.owner.post("/persons", json!({ "name": "third", "roles": ["owner"] })).await);
    confirm(&second, &person).await.ok();
    let link = proposed(server.owner.call(Method::POST, "/persons/third/sign-in", None, None).await);
    let shown = confirm(&second, &link).await.ok();
    let third = server.own_token_by(shown["answer"]["sign_in"].as_str().unwrap()).await;
    let own = proposed(second.post("/policies", request_policy("p")).await);
    confirm(&third, &own).await.refused("own_proposal");
    let theirs = proposed(third.post("/policies", request_policy("q")).await);
    confirm(&second, &theirs).await.refused("own_proposal");
    confirm(&server.owner, &theirs).await.ok();
    confirm(&server.owner, &own).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_owner_alone_sets_no_administrator_confirms() {
    let (server, second) = on().await;
    server.owner.post("/persons", json!({ "name": "adm", "roles": ["administrator"] })).await;
    let made = server.owner.read("/proposals?state=open").await.ok()["items"][0]["id"].as_str().unwrap().to_owned();
    confirm(&second, &format!("/proposals/{made}")).await.ok();
    let token = proposed(server.owner.post("/tokens", json!({ "name": "t", "person": "adm", "decides": true })).await);
    let made = confirm(&second, &token).await.ok();
    let admin = Actor { token: made["answer"]["token"].as_str().unwrap().into(), ..second.clone() };
    for (setting, value) in [("four_eyes", "off"), ("retention", "7d")] {
        let proposal = proposed(server.owner.put(&format!("/settings/{setting}"), json!({ "value": value })).await);
        confirm(&admin, &proposal).await.refused("forbidden");
        admin.post(&format!("{proposal}/reject"), json!({ "comment": "x" })).await.refused("forbidden");
    }
    let policy = proposed(server.owner.post("/policies", request_policy("p")).await);
    confirm(&admin, &policy).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_has_a_bounded_number_of_proposals_open() {
    let (server, second) = on().await;
    for number in 0..50 {
        proposed(server.owner.post("/policies", request_policy(&format!("p{number}"))).await);
    }
    let refused = server.owner.post("/policies", request_policy("p50")).await.refused("too_many");
    assert!(refused["hint"].as_str().unwrap().contains("withdraw"), "{refused}");
    proposed(second.post("/policies", request_policy("p50")).await);
}
