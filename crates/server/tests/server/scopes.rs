//! Roles narrowed to computer groups: what lies beyond is not there.

use brevet_core::record::{Body, GrantActivated};
use brevet_core::time::{BootTime, Now};
use reqwest::Method;
use serde_json::{Value, json};

use crate::agent::{Agent, grant_id};
use crate::support::{Actor, Server, request_policy};

/// Two computers in a group each, a policy for each, one for both; a request on each computer.
pub struct Two {
    pub server: Server,
    pub agents: [Agent; 2],
    pub requests: [String; 2],
}

fn policy_for(name: &str, computers: Value) -> Value {
    let mut policy = request_policy(name);
    policy["computers"] = computers;
    policy
}

pub async fn two() -> Two {
    let server = Server::start().await;
    for (group, computer) in [("web", "web-1"), ("db", "db-1")] {
        server.owner.post("/groups", json!({ "name": group, "computers": [computer] })).await.ok();
        let policy = policy_for(&format!("p-{group}"), json!([format!("group:{group}")]));
        server.owner.post("/policies", policy).await.ok();
        let rule =
            json!({ "name": format!("a-{group}"), "computers": [computer], "users": "all", "applications": "all", "max_duration": "1m" });
        server.owner.post("/autonomous", rule).await.ok();
    }
    let policy = server.owner.post("/policies", policy_for("p-all", json!("all"))).await.ok();
    let mut agents = [Agent::enrol(&server, "web-1").await, Agent::enrol(&server, "db-1").await];
    let mut requests = [String::new(), String::new()];
    for (agent, request) in agents.iter_mut().zip(&mut requests) {
        *request = agent.ask("alice", &policy, "30m").await.id.to_string();
    }
    Two { server, agents, requests }
}

impl Two {
    /// A person whose role is narrowed to the first group.
    pub async fn narrowed(&self, role: &str) -> Actor {
        let name = format!("{role} of web");
        self.server.owner.post("/persons", json!({ "name": name, "roles": [role], "scopes": { role: ["web"] } })).await.ok();
        self.server.owner.put(&format!("/persons/{name}/no-os-user"), json!({ "no_os_user": true })).await.ok();
        self.server.token_for(&name, true).await
    }
}

async fn names(actor: &Actor, path: &str, field: &str) -> Vec<String> {
    let page = actor.read(path).await.ok();
    let name = |item: &Value| item.pointer(field).and_then(Value::as_str).unwrap().to_owned();
    let mut names: Vec<String> = page["items"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_show_what_is_in_scope_and_single_things_beyond_are_not_there() {
    let two = two().await;
    let auditor = two.narrowed("auditor").await;
    assert_eq!(names(&auditor, "/computers", "/name").await, ["web-1"]);
    assert_eq!(names(&auditor, "/requests", "/computer/name").await, ["web-1"]);
    assert_eq!(names(&auditor, "/policies", "/name").await, ["p-all", "p-web"]);
    assert_eq!(names(&auditor, "/autonomous", "/name").await, ["a-web"]);
    assert_eq!(names(&auditor, "/groups", "/name").await, ["web"]);
    assert_eq!(names(&auditor, "/policies/p-all/computers", "/name").await, ["web-1"]);
    let shown = auditor.read("/computers/web-1").await.ok();
    assert_eq!((&shown["groups"], shown["policies"].as_array().unwrap().len()), (&json!(["web"]), 2));
    let me = auditor.read("/me").await.ok();
    assert_eq!((&me["roles"], &me["scopes"]), (&json!(["auditor"]), &json!({ "auditor": ["web"] })));
    let file = auditor.read("/file").await.ok();
    assert_eq!((file["policy"].as_array().unwrap().len(), file["group"].as_array().unwrap().len()), (2, 1));

    let beyond = [
        "/computers/db-1".to_owned(),
        "/computers/db-1/journal".into(),
        format!("/requests/{}", two.requests[1]),
        "/requests?computer=db-1".into(),
        "/grants?computer=db-1".into(),
        "/sessions?computer=db-1".into(),
        "/policies/p-db".into(),
        "/policies/p-db/history".into(),
        "/policies/p-db/computers".into(),
        "/autonomous/a-db".into(),
        "/groups/db".into(),
    ];
    for path in beyond {
        let hidden = auditor.read(&path).await.refused("not_found");
        let nothing = auditor.read(&path.replace("db", "xy").replace(&two.requests[1], "req_00000000000000000000000000")).await;
        let nothing = nothing.refused("not_found");
        assert_eq!(hidden["title"], nothing["title"], "{path} looks like what is not there");
        two.server.owner.read(&path).await.ok();
    }
    // Events of other computers and of what concerns none of theirs are not shown and not exported.
    let events = auditor.read("/events?limit=500").await.ok();
    let text = events.to_string();
    assert!(text.contains("web-1") && text.contains("p-web") && !text.contains("db-1") && !text.contains("p-db"), "{text}");
    assert!(!text.contains("person.created") && !text.contains("group.created"), "{text}");
    let url = format!("{}/api/v1/events/export?format=csv", two.server.url);
    let csv = two.server.http.get(url).bearer_auth(&auditor.token).send().await.unwrap().text().await.unwrap();
    assert!(csv.contains("web-1") && !csv.contains("db-1") && !csv.contains("p-db"), "{csv}");
    // What is about the whole installation is not for a narrowed role.
    auditor.read("/persons").await.refused("forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_policy_was_before_it_came_into_scope_is_not_shown() {
    let two = two().await;
    let (owner, auditor) = (&two.server.owner, two.narrowed("auditor").await);
    let secret = |group: &str, user: &str| {
        let mut policy = policy_for("moved", json!([format!("group:{group}")]));
        policy["users"] = json!([format!("{user}-user")]);
        policy
    };
    let id = owner.post("/policies", secret("db", "first")).await.ok()["id"].as_str().unwrap().to_owned();
    auditor.read("/policies/moved").await.refused("not_found");
    for (group, user) in [("db", "second"), ("web", "third"), ("db", "fourth"), ("db", "fifth"), ("web", "sixth")] {
        owner.put("/policies/moved", secret(group, user)).await.ok();
    }
    owner.call(Method::POST, "/policies/moved/disable", None, None).await.ok();
    let history = auditor.read("/policies/moved/history").await.ok();
    let versions: Vec<u64> = history["items"].as_array().unwrap().iter().map(|item| item["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [7, 6, 3], "{history}");
    let url = format!("{}/api/v1/events/export?policy={id}", two.server.url);
    let export = two.server.http.get(url).bearer_auth(&auditor.token).send().await.unwrap().text().await.unwrap();
    for text in [history.to_string(), auditor.read("/events?limit=500").await.ok().to_string(), export] {
        assert!(text.contains("third") && text.contains("sixth"), "{text}");
        for hidden in ["first-user", "second-user", "fourth-user", "fifth-user", "group:db"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
    let all = owner.read(&format!("/events?policy={id}")).await.ok();
    let all = all["items"].as_array().unwrap();
    assert_eq!((all.len(), owner.read("/policies/moved/history").await.ok()["items"].as_array().unwrap().len()), (7, 7));
    for event in all {
        let seen = versions.contains(&event["body"]["version"].as_u64().unwrap());
        let one = auditor.read(&format!("/events/{}", event["id"].as_str().unwrap())).await;
        assert_eq!(one.status.is_success(), seen, "{event}");
    }
    // Deleted while it is in scope: the end is shown, and what was before stays hidden.
    owner.delete("/policies/moved").await.ok();
    let text = auditor.read(&format!("/events?policy={id}")).await.ok().to_string();
    assert!(text.contains("policy.deleted") && text.contains("sixth") && !text.contains("fifth"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_approver_decides_for_their_computers_alone() {
    let mut two = two().await;
    let approver = two.narrowed("approver").await;
    let [here, there] = two.requests.clone();
    for action in ["approve", "decline"] {
        approver.post(&format!("/requests/{there}/{action}"), json!({ "comment": "x" })).await.refused("not_found");
    }
    let approved = approver.post(&format!("/requests/{here}/approve"), json!({ "for": "10m" })).await.ok();
    let elsewhere = two.server.owner.post(&format!("/requests/{there}/approve"), json!({ "for": "10m" })).await.ok();
    let (mine, theirs) = (approved["grant"].as_str().unwrap(), elsewhere["grant"].as_str().unwrap());
    assert_eq!(names(&approver, "/grants", "/computer/name").await, ["web-1"]);
    approver.read(&format!("/grants/{theirs}")).await.refused("not_found");
    approver.post(&format!("/grants/{theirs}/extend"), json!({ "by": "1m" })).await.refused("not_found");
    approver.post(&format!("/grants/{theirs}/revoke"), json!({})).await.refused("not_found");
    approver.post("/grants/revoke", json!({ "computer": "db-1" })).await.refused("not_found");
    let all = approver.post("/grants/revoke", json!({ "user": "alice", "dry_run": true })).await.ok();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["left"]), (1, &json!(0)), "{all}");
    approver.post(&format!("/grants/{mine}/extend"), json!({ "by": "1m" })).await.ok();
    approver.post(&format!("/grants/{mine}/revoke"), json!({})).await.ok();
    // One who sees everything, and decides for some.
    let both =
        json!({ "name": "both", "roles": ["auditor", "approver"], "scopes": { "approver": ["web"] }, "os_users": [{ "user": "b" }] });
    two.server.owner.post("/persons", both).await.ok();
    let both = two.server.token_for("both", true).await;
    both.post(&format!("/grants/{theirs}/revoke"), json!({})).await.refused("forbidden");
    both.post(&format!("/grants/{theirs}/extend"), json!({ "by": "1m" })).await.refused("forbidden");
    let policy = two.server.owner.read("/policies/p-all").await.ok();
    let later = two.agents[1].ask("alice", &policy, "5m").await.id;
    both.post(&format!("/requests/{later}/approve"), json!({})).await.refused("forbidden");
    // A computer that leaves the group leaves the scope.
    two.server.owner.put("/groups/web", json!({ "name": "web", "computers": [] })).await.ok();
    approver.read("/computers/web-1").await.refused("not_found");
    let _ = (BootTime { boot: String::new(), millis: 0 }, grant_id(&json!(theirs)));
    let at = Now { wall: two.agents[1].now, boot: BootTime { boot: "b".into(), millis: 1 } };
    let used = GrantActivated { grant: grant_id(&json!(theirs)), at, ends: two.agents[1].now, lasts_millis: 1 };
    let record = two.agents[1].record(&Body::GrantActivated(used));
    two.agents[1].deliver(vec![record]).await;
    assert!(!approver.read("/events?limit=500").await.ok().to_string().contains("db-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_administrator_changes_only_what_lies_within() {
    let two = two().await;
    let admin = two.narrowed("administrator").await;
    admin.post("/policies", policy_for("mine", json!(["group:web"]))).await.ok();
    admin.post("/policies", policy_for("mine too", json!(["web-1"]))).await.ok();
    for computers in [json!("all"), json!(["group:db"]), json!(["group:web", "db-1"]), json!(["group:nowhere"]), json!(["web-2"])] {
        admin.post("/policies", policy_for("beyond", computers.clone())).await.refused("forbidden");
        admin.put("/policies/mine", policy_for("mine", computers)).await.refused("forbidden");
    }
    admin.put("/policies/p-all", policy_for("p-all", json!(["group:web"]))).await.refused("forbidden");
    admin.call(Method::POST, "/policies/p-all/disable", None, None).await.refused("forbidden");
    admin.call(Method::POST, "/policies/p-web/disable", None, None).await.ok();
    admin.put("/policies/p-db", policy_for("p-db", json!(["group:web"]))).await.refused("not_found");
    admin.delete("/policies/p-db").await.refused("not_found");
    admin.delete("/policies/p-all").await.refused("forbidden");
    admin.delete("/policies/mine").await.ok();
    // The groups are their limits, and lists serve everybody's policies.
    admin.put("/groups/web", json!({ "name": "web", "computers": ["web-1", "db-1"] })).await.refused("forbidden");
    admin.post("/groups", json!({ "name": "x", "computers": ["db-1"] })).await.refused("forbidden");
    admin.post("/lists", json!({ "name": "x", "rules": [{ "product": "apt" }] })).await.refused("forbidden");
    admin.put("/settings/autonomous", json!({ "value": "on" })).await.refused("forbidden");
    admin.delete("/autonomous/a-db").await.refused("not_found");
    admin.call(Method::POST, "/autonomous/a-web/disable", None, None).await.ok();
    for action in ["quarantine", "release"] {
        let code = if action == "quarantine" { "not_found" } else { "forbidden" };
        admin.post(&format!("/computers/db-1/{action}"), json!({ "comment": "x" })).await.refused(code);
    }
    admin.delete("/computers/db-1").await.refused("not_found");
    admin.post("/computers/web-1/quarantine", json!({ "comment": "x" })).await.ok();

    let file = |policy: Value| json!({ "file": { "policy": [policy] } });
    admin.post("/apply", file(policy_for("applied", json!(["group:web"])))).await.ok();
    admin.post("/apply", file(policy_for("applied", json!("all")))).await.refused("forbidden");
    admin.post("/apply", file(policy_for("p-all", json!(["group:web"])))).await.refused("forbidden");
    admin.post("/apply", file(policy_for("p-db", json!(["group:web"])))).await.refused("name_taken");
    admin.post("/apply", json!({ "file": {}, "prune": true })).await.refused("forbidden");
    // A slip is told without the name that it is near to: that may be beyond.
    two.server.owner.put("/groups/web", json!({ "name": "web", "computers": ["web-1", "db-11"] })).await.ok();
    let near = json!({ "file": { "policy": [policy_for("near", json!(["db-11"]))] }, "dry_run": true });
    let told = [admin.post("/apply", near.clone()).await.ok(), two.server.owner.post("/apply", near).await.ok()];
    assert!(told[0]["warnings"].to_string().contains("db-11"), "{}", told[0]);
    assert!(!told[0].to_string().contains("\\\"db-1\\\"") && told[1].to_string().contains("\\\"db-1\\\""), "{told:?}");
    two.server.owner.put("/groups/web", json!({ "name": "web", "computers": ["web-1"] })).await.ok();
    admin.read("/policies/p-db/warnings").await.refused("not_found");
    // What they are shown they can apply: nothing of it changes.
    let shown = admin.read("/file").await.ok();
    admin.post("/apply", json!({ "file": shown })).await.ok();

    for groups in [json!([]), json!(["db"]), json!(["web", "db"])] {
        let refused = admin.post("/enrolment-tokens", json!({ "groups": groups })).await;
        refused.refused("forbidden");
    }
    admin.post("/enrolment-tokens", json!({ "groups": ["web"] })).await.ok();
    let others = two.server.owner.post("/enrolment-tokens", json!({ "groups": ["db"] })).await.ok();
    assert_eq!(admin.read("/enrolment-tokens").await.ok()["items"].as_array().unwrap().len(), 1);
    admin.delete(&format!("/enrolment-tokens/{}", others["id"].as_str().unwrap())).await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_are_checked_kept_shown_and_never_widened_by_a_token() {
    let two = two().await;
    let owner = &two.server.owner;
    let wrong = [
        json!({ "name": "x", "roles": ["auditor"], "scopes": { "approver": ["web"] } }),
        json!({ "name": "x", "roles": ["auditor"], "scopes": { "auditor": [] } }),
        json!({ "name": "x", "roles": ["auditor"], "scopes": { "auditor": ["nowhere"] } }),
    ];
    for body in wrong {
        owner.post("/persons", body).await.refused("invalid");
    }
    owner.post("/persons", json!({ "name": "x", "roles": ["owner"], "scopes": { "owner": ["web"] } })).await.refused("malformed");
    owner
        .put("/persons/owner/roles", json!({ "roles": ["administrator"], "scopes": { "administrator": ["web"] } }))
        .await
        .refused("last_owner");

    let admin = two.narrowed("administrator").await;
    let shown = owner.read("/persons/administrator of web").await.ok();
    assert_eq!(shown["scopes"], json!({ "administrator": ["web"] }));
    // The group cannot go while a role is narrowed to it; renaming it changes nothing.
    owner.call(Method::POST, "/policies/p-web/disable", None, None).await.ok();
    for path in ["/policies/p-web", "/autonomous/a-web"] {
        owner.delete(path).await.ok();
    }
    let kept = owner.delete("/groups/web").await.refused("in_use");
    assert!(kept["detail"].as_str().unwrap().contains("administrator of web"), "{kept}");
    owner.post("/apply", json!({ "file": {}, "prune": true })).await.refused("in_use");
    owner.put("/groups/web", json!({ "name": "front", "computers": ["web-1"] })).await.ok();
    assert_eq!(names(&admin, "/computers", "/name").await, ["web-1"]);

    // A token narrows and never widens, also when its person gets more later.
    owner
        .put("/persons/administrator of web/roles", json!({ "roles": ["administrator"], "scopes": { "administrator": ["front", "db"] } }))
        .await
        .ok();
    assert_eq!(names(&admin, "/computers", "/name").await, ["web-1"], "the token was made when its person reached less");
    let wide = two.server.token_for("administrator of web", false).await;
    assert_eq!(names(&wide, "/computers", "/name").await, ["db-1", "web-1"]);
    let token = |groups: Value| json!({ "name": "t", "scopes": { "administrator": groups } });
    let narrow = wide.post("/tokens", token(json!(["db"]))).await.ok();
    let narrow = Actor { token: narrow["token"].as_str().unwrap().into(), ..wide.clone() };
    assert_eq!(names(&narrow, "/computers", "/name").await, ["db-1"]);
    narrow.post("/tokens", token(json!(["front"]))).await.refused("invalid");
    let same = narrow.post("/tokens", json!({ "name": "t" })).await.ok();
    let same = Actor { token: same["token"].as_str().unwrap().into(), ..wide.clone() };
    assert_eq!(names(&same, "/computers", "/name").await, ["db-1"]);
    owner
        .put("/persons/administrator of web/roles", json!({ "roles": ["administrator"], "scopes": { "administrator": ["front"] } }))
        .await
        .ok();
    assert_eq!(names(&narrow, "/computers", "/name").await, Vec::<String>::new(), "nothing in common is nothing");
    // An owner's token can be narrowed where its other roles are.
    let made = owner
        .post("/tokens", json!({ "name": "t", "roles": ["approver"], "scopes": { "approver": ["front"] }, "decides": true }))
        .await
        .ok();
    let approver = Actor { token: made["token"].as_str().unwrap().into(), ..owner.clone() };
    assert_eq!(names(&approver, "/computers", "/name").await, ["web-1"]);
    approver.post(&format!("/requests/{}/approve", two.requests[1]), json!({})).await.refused("not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_shows_no_more_than_the_scope() {
    let two = two().await;
    two.narrowed("auditor").await;
    let link = two.server.owner.call(Method::POST, "/persons/auditor of web/sign-in", None, None).await.ok();
    let signed = two.server.http.post(link["sign_in"].as_str().unwrap()).send().await.unwrap();
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = two.server.http.get(format!("{}/", two.server.url)).header("cookie", cookie).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("web-1") && !page.contains("db-1") && !page.contains("p-db"), "{page}");
}
