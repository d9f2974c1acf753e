//! Lists that are looked through by a text, and the console's forms for that.

use brevet_core::record::Body;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::console_access::active;
use crate::console_events::{SCRIPT, Signed, is_harmless};
use crate::support::{Server, request_policy};

/// What was asked for: by whom, with which argument, why and by which ticket.
async fn ask(agent: &mut Agent, policy: &Value, user: &str, argument: &str, reason: &str, ticket: Option<&str>) -> String {
    let mut request = agent.request(user, policy, "30m");
    request.command.arguments = vec!["true".into(), argument.into()];
    request.reason = reason.into();
    request.ticket = ticket.map(str::to_owned);
    request.digest = request.compute_digest().unwrap();
    let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    agent.deliver(vec![record]).await;
    request.id.to_string()
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_found_by_what_people_read_of_them_and_by_nothing_else() {
    let server = Server::start().await;
    let night = server.owner.post("/policies", request_policy("Night shift")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let disk = ask(&mut agent, &night, "alice", "/dev/sda", "the Größe of 100% is wrong", Some("OPS-17")).await;
    let other = ask(&mut agent, &night, "bob", "a_b", SCRIPT, None).await;
    let found = async |text: &str| {
        let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        ids(&server.owner.read(&format!("/requests?text={text}")).await.ok())
    };
    for text in ["GRÖ", "größe", "100%", "/DEV/sd", "Alice", "ops-17"] {
        assert_eq!(found(text).await, std::slice::from_ref(&disk), "{text}");
    }
    assert_eq!(found("night SHIFT").await.len(), 2);
    for text in ["a_b", "<script"] {
        assert_eq!(found(text).await, std::slice::from_ref(&other), "{text}");
    }
    // Neither are those patterns, nor does the form in which a request is kept speak.
    for text in ["%", "_"] {
        assert_eq!(found(text).await.len(), 1, "{text}");
    }
    for text in ["a%b", "sda_", "reason", "max_duration", "\\", "\"duration\""] {
        assert!(found(text).await.is_empty(), "{text}");
    }
    let code = server.owner.read(&format!("/requests/{disk}")).await.ok()["code"].as_str().unwrap().to_lowercase();
    assert_eq!(found(&code).await, std::slice::from_ref(&disk));
    // With other conditions, orders and pages.
    assert!(ids(&server.owner.read("/requests?text=alice&user=bob").await.ok()).is_empty());
    let first = server.owner.read("/requests?text=night&limit=1&sort=user").await.ok();
    assert_eq!(ids(&first), std::slice::from_ref(&disk));
    let next = first["next"].as_str().unwrap();
    assert_eq!(
        ids(&server.owner.read(&format!("/requests?text=night&limit=1&sort=user&cursor={next}")).await.ok()),
        std::slice::from_ref(&other)
    );
    server.owner.read("/requests?text=").await.refused("malformed");
    server.owner.read(&format!("/requests?text={}", "x".repeat(201))).await.refused("malformed");
    // In the console.
    let owner = Signed::owner(&server).await;
    let page = owner.text("/requests?text=OPS-17&sort=-user").await;
    is_harmless(&page);
    assert!(page.contains(&disk) && !page.contains(&other) && page.contains("value=\"OPS-17\""), "{page}");
    assert!(page.contains("text=OPS-17&#38;sort=user"), "another order keeps it: {page}");
    let csv = owner.text("/download/requests?state=&text=ops-17").await;
    assert!(csv.contains(&disk) && !csv.contains(&other), "{csv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_goes_on_where_it_stopped_and_misses_nothing() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let needle = ask(&mut agent, &policy, "alice", "x", "the needle", None).await;
    // More than a page looks through stand before it.
    for _ in 0..21 {
        let records = (0..100).map(|n| {
            let mut request = agent.request(["bob", "zoe"][n % 2], &policy, "30m");
            request.digest = request.compute_digest().unwrap();
            agent.record(&Body::RequestCreated(Box::new(request)))
        });
        let records = records.collect();
        agent.deliver(records).await;
    }
    for sort in ["-created", "-user"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = server.owner.read(&format!("/requests?text=needle&sort={sort}{cursor}")).await.ok();
            seen.extend(ids(&page));
            pages += 1;
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((seen, pages), (vec![needle.clone()], 2), "{sort}");
    }
    let owner = Signed::owner(&server).await;
    let page = owner.text("/requests?state=&text=needle&sort=-user").await;
    assert!(page.contains("Go on to the next page") && page.contains("rel=\"next\""), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_found_by_whom_and_what_they_are_for() {
    let server = Server::start().await;
    let mut web = request_policy("One");
    web["users"] = json!(["Zoe", "os-group:webteam"]);
    web["computers"] = json!(["db-7"]);
    web["applications"] = json!([{ "file": "/usr/sbin/Nginx", "arguments": [{ "glob": "re_load*" }] }]);
    server.owner.post("/policies", web).await.ok();
    server.owner.post("/policies", request_policy("Two")).await.ok();
    let found = async |text: &str| server.owner.read(&format!("/policies?text={text}")).await.ok()["items"].as_array().unwrap().len();
    for text in ["zoe", "WEBTEAM", "db-7", "nginx", "re_load", "one"] {
        assert_eq!(found(text).await, 1, "{text}");
    }
    for text in ["re%25load", "applications", "nobody"] {
        assert_eq!(found(text).await, 0, "{text}");
    }
    assert_eq!(found("request").await, 2, "its mode is what it says too");
    server.owner.read("/policies?text=").await.refused("malformed");
    let owner = Signed::owner(&server).await;
    let page = owner.text("/policies?text=NGINX").await;
    assert!(page.contains(">One</a>") && !page.contains(">Two</a>") && page.contains("value=\"NGINX\""), "{page}");
    assert!(owner.text("/policies?text=nothing+has+this").await.contains("No policy is like this"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_has_a_list_with_orders_and_pages() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut sessions = Vec::new();
    for computer in ["web-2", "web-1"] {
        let mut agent = Agent::enrol(&server, computer).await;
        let request = agent.ask("alice", &policy, "30m").await;
        sessions.push(active(&server, &mut agent, &policy, request.id.as_str()).await.1);
    }
    let owner = Signed::owner(&server).await;
    let access = owner.text("/access?user=alice").await;
    assert!(access.contains("href=\"/sessions?user=alice&#38;state=started&#38;sort=computer\""), "{access}");
    assert!(access.contains("href=\"/sessions?state=started&#38;user=alice\""), "{access}");
    let page = owner.text("/sessions?sort=computer").await;
    is_harmless(&page);
    let at = |id: &str| page.find(id).unwrap_or_else(|| panic!("{id}: {page}"));
    assert!(at(&sessions[1]) < at(&sessions[0]) && page.contains("aria-sort=\"ascending\""), "{page}");
    assert!(!owner.text("/sessions?computer=web-1").await.contains(&sessions[0]));
    assert!(owner.text("/sessions?state=ended").await.contains("No session here"));
    assert!(owner.text("/sessions?computer=no-such").await.contains("no-such"), "what is wrong is said");
    let csv = owner.text("/download/sessions?state=&sort=computer").await;
    assert!(csv.starts_with("started,id,state,user") && csv.contains(&sessions[0]), "{csv}");
    assert_eq!(owner.get("/sessions?sort=colour").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policys_audit_is_chosen_by_kind_user_text_and_order() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    ask(&mut agent, &policy, "alice", "x", "the disk is full", None).await;
    ask(&mut agent, &policy, "bob", "x", SCRIPT, None).await;
    let owner = Signed::owner(&server).await;
    let audit = format!("/policies/{}/audit", policy["id"].as_str().unwrap());
    let all = owner.text(&audit).await;
    assert!(all.contains("policy.created") && all.matches("request.created</a>").count() == 2, "{all}");
    let of_alice = owner.text(&format!("{audit}?user=alice&kind=request.*")).await;
    assert!(of_alice.matches("request.created</a>").count() == 1 && !of_alice.contains("policy.created</a>"), "{of_alice}");
    assert!(of_alice.contains("href=\"/events?kind=request.*&#38;user=alice&#38;policy="), "{of_alice}");
    let full = owner.text(&format!("{audit}?text=DISK")).await;
    assert_eq!(full.matches("request.created</a>").count(), 1, "{full}");
    let oldest = owner.text(&format!("{audit}?order=oldest")).await;
    assert!(oldest.find("policy.created</a>") < oldest.find("request.created</a>"), "{oldest}");
    let wrong = owner.text(&format!("{audit}?kind=No+Kind&text=%3Cscript%3Ealert")).await;
    is_harmless(&wrong);
    assert!(wrong.contains("is no kind of event") && wrong.contains("value=\"&#60;script&#62;alert\""), "{wrong}");
    assert!(owner.text(&format!("{audit}?user=nobody")).await.contains("No event fits"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_would_have_done_is_looked_through_and_ordered() {
    let server = Server::start().await;
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let first = ask(&mut agent, &policy, "zoe", "one", "r", None).await;
    agent.now = agent.now.plus("1s".parse().unwrap());
    let second = ask(&mut agent, &policy, "Alice", "two", "r", None).await;
    let rule = json!({ "name": "r", "shadow": true, "users": ["zoe"], "computers": "all", "applications": [{ "file": "/usr/bin/true" }], "max_duration": "1h" });
    let of = async |more: Value| {
        let mut body = json!({ "rule": rule });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let said = server.owner.post("/replay", body).await.ok();
        assert_eq!(said["looked"], 2, "all are counted: {said}");
        let all = said["items"].as_array().unwrap().iter().map(|item| item["request"].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    assert_eq!(of(json!({})).await, [first.clone(), second.clone()], "what it approves first");
    assert_eq!(of(json!({ "sort": "newest" })).await, [second.clone(), first.clone()]);
    assert_eq!(of(json!({ "sort": "oldest" })).await, [first.clone(), second.clone()]);
    assert_eq!(of(json!({ "sort": "user" })).await, [second.clone(), first.clone()]);
    assert_eq!(of(json!({ "text": "ALICE" })).await, std::slice::from_ref(&second));
    assert_eq!(of(json!({ "text": "true one" })).await, std::slice::from_ref(&first));
    let made = server.owner.post("/autonomous", rule.clone()).await.ok();
    let owner = Signed::owner(&server).await;
    let page = owner.text(&format!("/settings/autonomous/{}?text=two&sort=newest", made["id"].as_str().unwrap())).await;
    assert!(page.contains(&format!("/requests/{second}")) && !page.contains(&format!("/requests/{first}")), "{page}");
    assert!(page.contains("value=\"newest\" selected"), "{page}");
}
